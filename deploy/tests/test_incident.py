"""The agent as the chart runs it, in its pod's network and with its service account, beside Prometheus and Alertmanager as
the chart sets them up: an incident of real containers shows up in both, and the dashboard has something to show."""

import json
import math
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

import container
from container import Container, Sandbox
from monitoring import ALERTMANAGER, Alertmanager, Prometheus
from node import Node, Pod, before, controller
from rendering import CHART, FOLDER, render, skip_or_fail

API_SERVER = os.environ.get("TAPIO_API_SERVER", os.path.join(FOLDER, "../target/debug/examples/api_server"))
CART, SHOP = "cart-6d5f7c9b8-x2x4k", "shop-0"
# What the chart is installed with here.
VALUES = {
    "agent": {"profile": "comprehensive", "extraArgs": [f"--alertmanager=http://{ALERTMANAGER}"]},
    "cluster": {"enabled": False},
    "podMonitor": {"enabled": True, "interval": "1s", "scrapeTimeout": "1s"},
    "prometheusRule": {"enabled": True},
}
# Panels of the dashboard that are empty where nothing is wrong with tapio.
EMPTY = {"Probes that are not attached": "all of them are"}
if not os.path.exists("/proc/pressure"):
    EMPTY |= {f"Waits for {what} (PSI, some)": "the kernel keeps no PSI" for what in ["memory", "disks"]}


def missing():
    for program in ["prometheus", "prometheus-alertmanager"]:
        if not shutil.which(program):
            return f"needs {program}: install it"
    if not os.path.exists(API_SERVER):
        return f"needs {API_SERVER}: cargo build -p fixtures --example api_server"
    return container.missing()


class ApiServer:
    """The scripted API server in a pod's network."""

    def __init__(self, sandbox):
        self.account = tempfile.mkdtemp(prefix="tapio-account-")
        os.chmod(self.account, 0o755)
        self.process = subprocess.Popen(sandbox.within(API_SERVER, self.account), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()

    def apply(self, *objects):
        for one in objects:
            self.process.stdin.write(json.dumps(one) + "\n")
        self.process.stdin.flush()

    def remove(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()
        shutil.rmtree(self.account)


def panels():
    """Title and expression of each query of the dashboard."""
    with open(os.path.join(CHART, "files/dashboard.json")) as file:
        dashboard = json.load(file)
    queries = [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return queries, {one["name"]: one["query"]["query"] for one in dashboard["templating"]["list"] if one["type"] == "query"}


def cart():
    """A pod of a Deployment."""
    return Pod(CART, "5f2b1c7e-0d3a-4b8e-9c41-aa10ffee0001", "10.244.1.8", memory=64 << 20, cpu=1000, processes=64,
               owner=controller("ReplicaSet", "cart-6d5f7c9b8", "00000000-0000-4000-8000-000000000002"))


def grow_and_be_killed(pod, node, api):
    """Its container grows until the kernel kills it."""
    started = pod.start(node, "leak")
    api.apply(pod.object)
    node.ended(*started)
    pod.killed()
    api.apply(pod.object)


class Incident(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = missing()
        if reason:
            skip_or_fail(unittest.TestCase(), reason)
        cls.folder = cls.keep(tempfile.mkdtemp(prefix="tapio-incident-"), shutil.rmtree)
        cls.sandbox = cls.keep(Sandbox())
        cls.api = cls.keep(ApiServer(cls.sandbox))
        cls.node = cls.keep(Node())
        cls.alertmanager = cls.keep(Alertmanager(cls.sandbox, cls.folder))
        cls.start()
        cls.tell()

    @classmethod
    def keep(cls, made, remove=None):
        cls.addClassCleanup(*([remove, made] if remove else [made.remove]))
        return made

    @classmethod
    def start(cls):
        """A shop that has been running for a while, then the agent, then who asks it."""
        cls.cart = cart()
        cls.shop = Pod(SHOP, "5f2b1c7e-0d3a-4b8e-9c41-aa10ffee0002", "10.244.1.7", memory=64 << 20, cpu=300, processes=64,
                       owner=controller("StatefulSet", "shop", "00000000-0000-4000-8000-000000000004"))
        cls.shop.start(cls.node, "shop")
        cls.api.apply(*before(), cls.shop.object)
        rendered = render(more=VALUES)
        cls.agent = cls.keep(Container(rendered, cls.sandbox, cls.api.account, cls.api.address))
        cls.agent.until(lambda: cls.agent.get("/readyz")[0] == 200)
        cls.agent.until(cls.alertmanager.is_ready)
        cls.prometheus = cls.keep(Prometheus(cls.sandbox, cls.folder, rendered))
        cls.agent.until(cls.prometheus.is_ready)

    @classmethod
    def tell(cls):
        """The cart grows until the kernel kills it, and does so again each time it is started."""
        for _ in range(4):
            grow_and_be_killed(cls.cart, cls.node, cls.api)
            time.sleep(0.7)

    def asked(self, expression):
        """What Prometheus answers, once it does."""
        return self.agent.until(lambda: self.prometheus.query(expression), within=30)

    def test_alertmanager_has_the_incident_with_who_and_what_to_do(self):
        def found():
            alerts = {(alert["labels"]["id"], alert["labels"].get("pod")): alert for alert in self.alertmanager.alerts()}
            wanted = [("oom-killed", CART), ("connect-refused", SHOP)]
            return alerts if all(one in alerts for one in wanted) else None

        alert = self.agent.until(found, within=30)["oom-killed", CART]
        wanted = {"alertname": "TapioOomKilled", "namespace": "shop", "container": "app", "node": "node-a", "owner": "cart"}
        self.assertEqual({name: alert["labels"].get(name) for name in wanted}, wanted)
        self.assertIn("memory limit of 64 MiB", alert["annotations"]["summary"])
        self.assertIn("kubectl set resources deployment/cart -n shop -c app", alert["annotations"]["remedy"])

    def test_prometheus_knows_the_incident_by_the_names_of_its_pod(self):
        of_cart = f'namespace="shop",pod="{CART}"'
        [(labels, kills)] = self.asked(f'tapio_memory_oom_kills_total{{{of_cart}}} >= 4')
        self.assertEqual((labels["container"], labels["node"], labels["component"], labels["job"], kills),
                         ("app", "node-a", "agent", "tapio", 4))
        self.asked(f'tapio_insight_active{{id="oom-killed",severity="critical",{of_cart}}} == 1')
        self.asked(f'tapio_insight_active{{id="connect-refused",namespace="shop",pod="{SHOP}"}} == 1')

    def test_the_rules_of_the_chart_fire_for_the_incident_and_not_for_tapio(self):
        self.asked(f'ALERTS{{alertname="TapioOomKilled",alertstate="firing",severity="critical",namespace="shop",pod="{CART}"}}')
        self.asked(f'ALERTS{{alertname="TapioConnectRefused",alertstate="firing",namespace="shop",pod="{SHOP}"}}')
        with open(os.path.join(CHART, "files/self-alerts.json")) as file:
            own = {alert["alert"] for alert in json.load(file)}
        # What else the machine does, which the agent sees too, may fill a ring.
        wrong = "|".join(own - {"TapioEventsDropped", "TapioRingBufferFull"})
        self.assertEqual(self.prometheus.query(f'ALERTS{{alertname=~"{wrong}"}}'), [])
        self.assertEqual(self.prometheus.query('tapio_events_dropped_total{source=~"engine|queue"} > 0'), [])

    def test_every_panel_of_the_dashboard_has_something_to_show(self):
        queries, variables = panels()
        chosen = {"__rate_interval": "15s"}
        for name, wanted in {"job": "tapio", "namespace": "shop", "pod": SHOP, "node": "node-a"}.items():
            asked, label = re.fullmatch(r"label_values\((.*), (\w+)\)", self.filled(variables[name], chosen)).groups()
            # After the first scrape.
            self.agent.until(lambda: wanted in self.prometheus.label_values(asked, label), within=30)
            chosen[name] = wanted
        chosen["pod"] = f"({CART}|{SHOP})"
        expressions = [(title, self.filled(expression, chosen)) for title, expression in queries]
        empty = [one for one in expressions if one[0] not in EMPTY]

        def shown():
            # A quantile of nothing is no number.
            empty[:] = [one for one in empty if all(math.isnan(value) for _, value in self.prometheus.query(one[1]))]
            return not empty

        try:
            self.agent.until(shown, within=45)
        except AssertionError:
            self.fail("nothing to show: " + "; ".join(": ".join(one) for one in empty))
        for title, expression in expressions:
            if title in EMPTY:
                self.assertEqual(self.prometheus.query(expression), [], f"{title}, though {EMPTY[title]}")

    @staticmethod
    def filled(expression, chosen):
        return re.sub(r"\$(\w+)", lambda name: chosen[name[1]], expression)


class LastWords(unittest.TestCase):
    def setUp(self):
        reason = missing()
        if reason:
            skip_or_fail(self, reason)

    def keep(self, made, remove=None):
        self.addCleanup(*([remove, made] if remove else [made.remove]))
        return made

    def test_what_waits_for_alertmanager_is_there_when_the_kubelet_has_ended_the_pod(self):
        folder = self.keep(tempfile.mkdtemp(prefix="tapio-last-words-"), shutil.rmtree)
        sandbox = self.keep(Sandbox())
        api, node = self.keep(ApiServer(sandbox)), self.keep(Node())
        api.apply(*before())
        agent = self.keep(Container(render(more=VALUES), sandbox, api.account, api.address))
        agent.until(lambda: agent.get("/readyz")[0] == 200)
        grow_and_be_killed(cart(), node, api)
        agent.until(lambda: re.search(r'tapio_insight_active\{id="oom-killed".*\} 1', agent.get("/metrics")[1]))

        alertmanager = self.keep(Alertmanager(sandbox, folder))
        agent.until(alertmanager.is_ready)
        self.assertEqual(agent.stop(), 0, agent.said())
        self.assertEqual(agent.get("/readyz")[0], 0)
        self.assertIn(("oom-killed", CART), [(one["labels"]["id"], one["labels"].get("pod")) for one in alertmanager.alerts()])
