"""The packaged Prometheus and Alertmanager, set up by what the chart renders."""

import json
import os
import subprocess
import urllib.parse

from rendering import of_kind, yaml

ALERTMANAGER, PROMETHEUS = "127.0.0.1:9093", "127.0.0.1:9090"


def snake(name):
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def scrape_config(monitor, pod_labels):
    """What the Prometheus Operator makes of a PodMonitor, for one agent."""
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    # As Kubernetes' service discovery says it.
    found = {"__meta_kubernetes_pod_label_" + name.replace("/", "_").replace(".", "_").replace("-", "_"): value
             for name, value in pod_labels.items()} | {"__meta_kubernetes_pod_node_name": "node-a"}
    return {
        "job_name": pod_labels[monitor["spec"]["jobLabel"]],
        "honor_labels": endpoint["honorLabels"],
        "metrics_path": endpoint["path"],
        "scrape_interval": endpoint["interval"],
        "scrape_timeout": endpoint["scrapeTimeout"],
        "static_configs": [{"targets": ["127.0.0.1:9464"], "labels": found}],
        "relabel_configs": [{snake(key): value for key, value in one.items()} for one in endpoint["relabelings"]],
    }


class Server:
    """A server of a package in a sandbox."""

    def __init__(self, sandbox, folder, address, command):
        self.sandbox, self.address = sandbox, address
        self.log = open(os.path.join(folder, os.path.basename(command[0]) + ".log"), "w+")
        self.process = subprocess.Popen(sandbox.within(*command), stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)

    def is_ready(self):
        return self.sandbox.ask(f"http://{self.address}/-/ready")[0] == 200

    def get(self, path):
        status, body = self.sandbox.ask(f"http://{self.address}{path}")
        if status != 200:
            raise AssertionError(f"{path} is answered {status}: {body}")
        return json.loads(body)

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def remove(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Alertmanager(Server):
    def __init__(self, sandbox, folder):
        config = os.path.join(folder, "alertmanager.yml")
        with open(config, "w") as file:
            yaml.safe_dump({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}, file)
        super().__init__(sandbox, folder, ALERTMANAGER, [
            "prometheus-alertmanager", f"--config.file={config}", f"--storage.path={folder}/alerts",
            f"--web.listen-address={ALERTMANAGER}", "--cluster.listen-address="])

    def alerts(self):
        return self.get("/api/v2/alerts")


class Prometheus(Server):
    def __init__(self, sandbox, folder, rendered):
        [monitor], [rule] = of_kind(rendered, "PodMonitor"), of_kind(rendered, "PrometheusRule")
        [agent] = of_kind(rendered, "DaemonSet")
        config = {
            "global": {"evaluation_interval": "1s"},
            "scrape_configs": [scrape_config(monitor, agent["spec"]["template"]["metadata"]["labels"])],
            "rule_files": ["rules.yml"],
        }
        for name, content in {"prometheus.yml": config, "rules.yml": rule["spec"]}.items():
            with open(os.path.join(folder, name), "w") as file:
                yaml.safe_dump(content, file)
        super().__init__(sandbox, folder, PROMETHEUS, [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={PROMETHEUS}"])

    def query(self, expression):
        """Labels and value of each series."""
        answer = self.get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    def label_values(self, series, label):
        query = urllib.parse.urlencode({"match[]": series})
        return self.get(f"/api/v1/label/{label}/values?{query}")["data"]
