"""The alerts: Prometheus takes them, and they fire for what they are for, once."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from rendering import CHART, of_kind, profiles, render, skip_or_fail, yaml


def groups(values="monitoring", more=None):
    [rule] = of_kind(render(values, more), "PrometheusRule")
    return rule["spec"]["groups"]


def file_of(name):
    with open(os.path.join(CHART, "files", name)) as file:
        return json.load(file)


def promtool(test, kind, files):
    """Runs promtool in a folder of these files on the first of them."""
    if not shutil.which("promtool"):
        skip_or_fail(test, "needs promtool: install prometheus")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            with open(os.path.join(folder, name), "w") as file:
                yaml.safe_dump(content, file)
        command = ["promtool", kind, "rules", next(iter(files))]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    test.assertEqual(done.returncode, 0, done.stdout + done.stderr)
    return done.stdout


def active(component, severity, **labels):
    """A series of tapio_insight_active as it is scraped with honorLabels."""
    labels = {"job": "tapio", "component": component, "severity": severity, "instance": f"{component}-1", **labels}
    return "tapio_insight_active{%s}" % ",".join(f'{name}="{value}"' for name, value in labels.items())


FROM = {"source": "prometheus"}
OOM = {"id": "oom-killed", "namespace": "shop", "pod": "cart-0"}
NODE = {"id": "node-pressure", "kind": "Node", "name": "node-a", "node": "node-a"}
ROLLOUT = {"id": "rollout-stuck", "namespace": "shop", "kind": "Deployment", "name": "cart"}
SUMMARIES = {one["id"]: one["title"] for one in file_of("insights.json")}


def expected(alert, labels, summary, description, **more):
    return {"eval_time": "1m", "alertname": alert, "exp_alerts": [
        {"exp_labels": labels, "exp_annotations": {"summary": summary, "description": description, **more}}]}


def firing():
    advice = "What it means and what to do: tapio explain "
    return [
        expected("TapioOomKilled", {**OOM, **FROM, "severity": "critical"}, SUMMARIES["oom-killed"],
                 f"Pod shop/cart-0. {advice}oom-killed."),
        expected("TapioNodePressure", {**NODE, **FROM, "severity": "warning"}, SUMMARIES["node-pressure"],
                 f"Node node-a. {advice}node-pressure."),
        expected("TapioRolloutStuck", {**ROLLOUT, **FROM, "severity": "warning"}, SUMMARIES["rollout-stuck"],
                 f"Deployment shop/cart. {advice}rollout-stuck."),
        expected("TapioResourceExhausted", {"id": "resource-exhausted", **FROM, "severity": "warning", "node": "node-a"},
                 SUMMARIES["resource-exhausted"], f"Seen from node node-a. {advice}resource-exhausted."),
        expected("TapioClusterWide", {"id": "cluster-wide", **FROM, "severity": "critical"}, SUMMARIES["cluster-wide"],
                 f"Seen in the cluster as a whole. {advice}cluster-wide."),
        {"eval_time": "1m", "alertname": "TapioBlindSpot", "exp_alerts": []},
    ]


class Alerts(unittest.TestCase):
    def test_prometheus_takes_the_rules(self):
        for name in profiles():
            for rule in of_kind(render(name), "PrometheusRule"):
                self.assertIn("SUCCESS", promtool(self, "check", {"rules.yaml": rule["spec"]}))

    def test_prometheus_takes_every_expression_of_the_dashboard(self):
        dashboard = file_of("dashboard.json")
        expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        # What Grafana puts in.
        chosen = [re.sub(r"\$\w+", "1", one.replace("$__rate_interval", "1m")) for one in expressions]
        rules = [{"record": f"panel:expression:{at}", "expr": one} for at, one in enumerate(chosen)]
        said = promtool(self, "check", {"rules.yaml": {"groups": [{"name": "dashboard", "rules": rules}]}})
        self.assertIn(f"{len(expressions)} rules found", said)

    def test_there_is_one_alert_for_each_insight(self):
        alerts = [rule["alert"] for rule in groups()[0]["rules"]]
        self.assertEqual(len(alerts), len(SUMMARIES))
        self.assertEqual(len(set(alerts)), len(alerts))
        self.assertIn("TapioDnsNameMissing", alerts)
        fewer = groups("everything")
        self.assertNotIn("TapioBlindSpot", [rule["alert"] for rule in fewer[0]["rules"]])

    def test_what_several_say_of_one_thing_is_one_alert_that_names_it(self):
        series = [
            active("agent", "critical", node="node-a", **OOM),
            active("cluster", "critical", **OOM),
            active("agent", "warning", **NODE),
            active("cluster", "warning", **NODE),
            active("cluster", "warning", **ROLLOUT),
            active("agent", "warning", node="node-a", **ROLLOUT),
            active("agent", "warning", node="node-b", **ROLLOUT),
            active("agent", "warning", node="node-a", id="resource-exhausted"),
            active("cluster", "critical", id="cluster-wide"),
            active("agent", "info", node="node-a", id="blind-spot"),
        ]
        test = {
            "rule_files": ["rules.yaml"],
            "evaluation_interval": "30s",
            "tests": [{"interval": "30s", "input_series": [{"series": one, "values": "1+0x4"} for one in series],
                       "alert_rule_test": firing()}],
        }
        promtool(self, "test", {"test.yaml": test, "rules.yaml": {"groups": groups()}})

    def test_the_alerts_about_tapio_fire_when_it_does_not_watch_and_not_for_replicas_that_stand_by(self):
        up = 'tapio_sniffer_up{job="tapio",component="%s",node="%s",sniffer="%s",instance="%s"}'
        series = {
            up % ("agent", "node-a", "ebpf", "a"): "0+0x60",
            up % ("agent", "node-b", "ebpf", "b"): "1+0x60",
            up % ("cluster", "", "k8s", "c"): "1+0x30 0+0x30",
            up % ("cluster", "", "k8s", "d"): "0+0x60",
            'tapio_breaker_state{job="tapio",name="ebpf",instance="a"}': "2+0x60",
            'tapio_events_dropped_total{job="tapio",component="agent",node="node-a",source="dns",reason="ring"}': "0+3x60",
            'tapio_events_dropped_total{job="tapio",component="agent",node="node-b",source="dns",reason="ring"}': "7+0x60",
        }
        fires = {
            "TapioAgentBlind": [("20m", [{"node": "node-a"}])],
            "TapioClusterUnwatched": [("25m", []), ("45m", [{}])],
            "TapioBreakerOpen": [("15m", [{"instance": "a"}])],
            "TapioEventsDropped": [("30m", [{"node": "node-a", "source": "dns"}])],
            "TapioDown": [("30m", [])],
        }
        checks = [{"expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})', "eval_time": time,
                   "exp_samples": [{"labels": "{}", "value": len(wanted)}] if wanted else []}
                  for alert, times in fires.items() for time, wanted in times]
        checks += [{"expr": 'count(ALERTS{alertname="%s",%s})' % (alert, ",".join(f'{k}="{v}"' for k, v in one.items())),
                    "eval_time": time, "exp_samples": [{"labels": "{}", "value": 1}]}
                   for alert, times in fires.items() for time, wanted in times for one in wanted]
        test = {
            "rule_files": ["rules.yaml"],
            "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "promql_expr_test": checks,
                       "input_series": [{"series": one, "values": values} for one, values in series.items()]}],
        }
        promtool(self, "test", {"test.yaml": test, "rules.yaml": {"groups": groups()}})

    def test_an_absent_cluster_part_is_an_alert_only_where_it_is_installed(self):
        self.assertIn("TapioClusterUnwatched", [rule["alert"] for rule in groups()[1]["rules"]])
        without = groups("monitoring", {"cluster": {"enabled": False}})
        self.assertNotIn("TapioClusterUnwatched", [rule["alert"] for rule in without[1]["rules"]])

    def test_values_reach_the_alerts(self):
        rules = groups("everything")
        self.assertTrue(all(rule["labels"]["team"] == "platform" for group in rules for rule in group["rules"]))
        first = rules[0]["rules"][0]
        self.assertEqual(first["annotations"]["runbook_url"], "https://runbooks.example.test/cluster-wide")
        self.assertIn('job="eye"', first["expr"])
        self.assertIn('severity=~"critical|warning|info"', first["expr"])

    def test_the_operator_knows_every_field(self):
        """The part of the custom resources' schemas (monitoring.coreos.com/v1) that the chart uses."""
        [monitor] = of_kind(render("everything"), "PodMonitor")
        self.assertLessEqual(set(monitor["spec"]), {"jobLabel", "selector", "podMetricsEndpoints"})
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        self.assertLessEqual(set(endpoint), {"port", "path", "interval", "scrapeTimeout", "honorLabels", "relabelings"})
        for relabeling in endpoint["relabelings"]:
            self.assertLessEqual(set(relabeling), {"sourceLabels", "targetLabel", "regex", "replacement", "action"})
        for group in groups("everything"):
            self.assertLessEqual(set(group), {"name", "rules"})
            for rule in group["rules"]:
                self.assertLessEqual(set(rule), {"alert", "expr", "for", "labels", "annotations"})
                self.assertTrue(all(isinstance(value, str) for value in rule.get("labels", {}).values()))
