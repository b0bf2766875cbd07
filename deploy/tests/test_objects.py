"""What the chart renders: it hangs together, asks for no more than it needs, and the plain manifests are the same."""

import json
import os
import re
import shutil
import subprocess
import unittest

from rendering import FOLDER, Strict, manifests, objects, of_kind, profiles, render, run, skip_or_fail, values_file, yaml

CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "Namespace"}
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def pods(rendered):
    return {one["metadata"]["name"]: one["spec"]["template"] for one in rendered if "template" in one.get("spec", {})}


def within(selector, labels):
    return selector.items() <= labels.items()


def each():
    return (render(name) for name in profiles())


class Together(unittest.TestCase):
    def test_names_and_labels_are_valid_and_nothing_is_there_twice(self):
        for rendered in each():
            found = [(one["kind"], one["metadata"]["name"]) for one in rendered]
            self.assertEqual(len(found), len(set(found)))
            for one in rendered:
                meta = one["metadata"]
                self.assertTrue(NAME.fullmatch(meta["name"]), meta["name"])
                self.assertEqual("namespace" in meta, one["kind"] not in CLUSTER_WIDE, one["kind"])
                for value in meta["labels"].values():
                    self.assertTrue(LABEL.fullmatch(value), value)

    def test_selectors_find_the_pods_they_are_for(self):
        for rendered in each():
            templates = pods(rendered)
            for one in of_kind(rendered, "DaemonSet") + of_kind(rendered, "Deployment"):
                selected = [name for name, template in templates.items()
                            if within(one["spec"]["selector"]["matchLabels"], template["metadata"]["labels"])]
                self.assertEqual(selected, [one["metadata"]["name"]])
            for kind, path in [("Service", "selector"), ("NetworkPolicy", "podSelector"), ("PodMonitor", "selector")]:
                for one in of_kind(rendered, kind):
                    selector = one["spec"][path]
                    for template in templates.values():
                        self.assertTrue(within(selector.get("matchLabels", selector), template["metadata"]["labels"]))
            for budget in of_kind(rendered, "PodDisruptionBudget"):
                cluster = next(pod for name, pod in templates.items() if name.endswith("-cluster"))
                self.assertTrue(within(budget["spec"]["selector"]["matchLabels"], cluster["metadata"]["labels"]))

    def test_what_is_named_exists(self):
        for rendered in each():
            names = {(one["kind"], one["metadata"]["name"]) for one in rendered}
            for binding in of_kind(rendered, "ClusterRoleBinding") + of_kind(rendered, "RoleBinding"):
                self.assertIn((binding["roleRef"]["kind"], binding["roleRef"]["name"]), names)
                for subject in binding["subjects"]:
                    self.assertIn((subject["kind"], subject["name"]), names)
                    self.assertEqual(subject["namespace"], "tapio-system")
            for template in pods(rendered).values():
                spec = template["spec"]
                self.assertIn(("ServiceAccount", spec["serviceAccountName"]), names)
                volumes = {volume["name"] for volume in spec.get("volumes", [])}
                for volume in spec.get("volumes", []):
                    if "configMap" in volume:
                        self.assertIn(("ConfigMap", volume["configMap"]["name"]), names)
                [container] = spec["containers"]
                self.assertEqual({mount["name"] for mount in container.get("volumeMounts", [])}, volumes)
                ports = {port["name"] for port in container["ports"]}
                for probe in ["livenessProbe", "readinessProbe"]:
                    self.assertIn(container[probe]["httpGet"]["port"], ports)
                listens = next(one for one in container["args"] if one.startswith("--listen=:"))
                self.assertEqual(listens, f"--listen=:{container['ports'][0]['containerPort']}")

    def test_the_files_that_the_config_names_are_mounted_in_both_parts(self):
        rendered = render("everything")
        [config] = [one for one in of_kind(rendered, "ConfigMap") if "tapio.yaml" in one["data"]]
        webhook = yaml.load(config["data"]["tapio.yaml"], Loader=Strict)["sinks"]["webhook"]
        for name, template in pods(rendered).items():
            [container] = template["spec"]["containers"]
            volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
            secrets = [mount for mount in container["volumeMounts"] if "secret" in volumes[mount["name"]]]
            for path in [webhook["secretFile"], webhook["connection"]["bearerTokenFile"]]:
                self.assertIn(os.path.dirname(path), [mount["mountPath"] for mount in secrets], name)

    def test_the_lease_that_is_asked_for_is_the_one_that_the_role_allows(self):
        for rendered in each():
            for role in of_kind(rendered, "Role"):
                [lease] = role["rules"][1]["resourceNames"]
                args = pods(rendered)[lease + "-cluster"]["spec"]["containers"][0]["args"]
                self.assertIn(f"--leader-elect=tapio-system/{lease}", args)

    def test_the_config_is_what_was_given(self):
        rendered = render("everything")
        [config] = [one for one in of_kind(rendered, "ConfigMap") if "tapio.yaml" in one["data"]]
        given = yaml.load(config["data"]["tapio.yaml"], Loader=Strict)
        with open(values_file("everything")) as file:
            self.assertEqual(given, yaml.load(file, Loader=Strict)["config"])
        self.assertIn("seriesPerMetric: 1000000\n", config["data"]["tapio.yaml"])
        changed = render("everything", {"config": {"limits": {"seriesPerMetric": 1000}}})
        sums = [[pod["metadata"]["annotations"]["checksum/config"] for pod in pods(one).values()]
                for one in [rendered, changed]]
        self.assertTrue(set(sums[0]).isdisjoint(sums[1]), "pods are not replaced when the configuration changes")
        self.assertEqual(of_kind(render(), "ConfigMap"), [])

    def test_the_plain_manifests_are_what_the_chart_renders(self):
        for name, text in manifests().items():
            with open(os.path.join(FOLDER, "manifests", name)) as file:
                self.assertEqual(file.read(), text, "deploy/check --update rewrites manifests/")
        with open(os.path.join(FOLDER, "manifests/namespace.yaml")) as file:
            [namespace] = objects(file.read())
        self.assertEqual(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "privileged")

    def test_long_and_odd_release_names_still_give_valid_names(self):
        for name in ["a" * 53, "tapio", "eyes-" * 8 + "x", "my-tapio"]:
            for one in objects(run("-name", name, values="monitoring")):
                self.assertTrue(NAME.fullmatch(one["metadata"]["name"]), one["metadata"]["name"])


class Rights(unittest.TestCase):
    def test_containers_have_no_more_rights_than_the_values_ask_for(self):
        for name in profiles():
            for owner, template in pods(render(name)).items():
                with self.subTest(name, of=owner):
                    security = template["spec"]["containers"][0]["securityContext"]
                    is_agent = owner.endswith("-agent")
                    packets = set() if name == "agent-only" else {"NET_ADMIN"}
                    wanted = {"BPF", "PERFMON"} | packets if is_agent else set()
                    self.assertEqual(set(security["capabilities"].get("add", [])), wanted)
                    self.assertEqual(security["capabilities"]["drop"], ["ALL"])
                    self.assertIs(security["privileged"], False)
                    self.assertIs(security["allowPrivilegeEscalation"], False)
                    self.assertIs(security["readOnlyRootFilesystem"], True)
                    self.assertEqual(template["spec"].get("hostPID", False), is_agent)
                    self.assertTrue({"hostNetwork", "hostIPC"}.isdisjoint(template["spec"]))

    def test_nobody_is_root_or_without_a_seccomp_profile_unless_asked_for(self):
        for name in profiles():
            for owner, template in pods(render(name)).items():
                security = template["spec"]["securityContext"]
                asked = name == "as-root" and owner.endswith("-agent")
                self.assertEqual(security["runAsUser"] == 0, asked, name)
                self.assertEqual(security.get("runAsNonRoot", False), not asked, name)
                self.assertEqual(security["seccompProfile"]["type"] == "Unconfined", asked, name)

    def test_of_the_node_only_the_cgroups_are_mounted_and_read_only(self):
        for name in profiles():
            for template in pods(render(name)).values():
                paths = {volume["name"]: volume["hostPath"]["path"]
                         for volume in template["spec"].get("volumes", []) if "hostPath" in volume}
                allowed = {"cgroup": "/sys/fs/cgroup"}
                if name in ["everything", "as-root"]:
                    allowed["state"] = "/var/lib/tapio"
                self.assertTrue(paths.items() <= allowed.items(), paths)
                for mount in template["spec"]["containers"][0].get("volumeMounts", []):
                    self.assertEqual(mount.get("readOnly", False), mount["name"] != "state")

    def test_service_links_cannot_pass_for_settings(self):
        for name in profiles():
            for template in pods(render(name)).values():
                self.assertIs(template["spec"]["enableServiceLinks"], False)

    def test_the_agent_is_told_its_node_and_runs_on_all_of_them(self):
        [agent] = of_kind(render(), "DaemonSet")
        spec = agent["spec"]["template"]["spec"]
        node = next(one for one in spec["containers"][0]["env"] if one["name"] == "NODE_NAME")
        self.assertEqual(node["valueFrom"], {"fieldRef": {"fieldPath": "spec.nodeName"}})
        self.assertEqual(spec["tolerations"], [{"operator": "Exists"}])

    def test_a_network_policy_lets_in_who_is_named_and_nobody_else(self):
        [closed] = of_kind(render("cluster-only"), "NetworkPolicy")
        self.assertEqual(closed["spec"]["ingress"], [])
        self.assertEqual(closed["spec"]["policyTypes"], ["Ingress", "Egress"])
        [open_one] = of_kind(render("everything"), "NetworkPolicy")
        [rule] = open_one["spec"]["ingress"]
        self.assertEqual(rule["ports"], [{"port": "metrics", "protocol": "TCP"}])
        self.assertEqual(len(rule["from"]), 1)
        to_api = open_one["spec"]["egress"][1]
        self.assertEqual([port["port"] for port in to_api["ports"]], [443, 6443])
        self.assertEqual([peer["ipBlock"]["cidr"] for peer in to_api["to"]], ["10.0.0.1/32", "fd00::1/128"])


class Notes(unittest.TestCase):
    def test_what_has_to_be_done_by_hand_is_said(self):
        for name, word in [
            (None, "pod-security.kubernetes.io/enforce=privileged"),
            ("everything", "below /var/lib/kubelet/seccomp"),
            ("everything", "install -d -m 0750 -o 4000000000 -g 4000000000 /var/lib/tapio"),
            ("as-root", "without a seccomp profile"),
            ("cluster-only", "Nobody may scrape"),
        ]:
            with self.subTest(name, word=word):
                self.assertIn(word, run("-notes", values=name))

    def test_what_is_not_installed_is_not_spoken_of(self):
        self.assertNotIn("daemonset", run("-notes", values="cluster-only"))
        self.assertNotIn("lease", run("-notes", values="agent-only"))


class Kubectl(unittest.TestCase):
    def test_kubectl_reads_the_same_objects(self):
        if not shutil.which("kubectl"):
            skip_or_fail(self, "needs kubectl: install kubernetes-client")
        for name in ["namespace.yaml", "tapio.yaml", "monitoring.yaml"]:
            path = os.path.join(FOLDER, "manifests", name)
            command = ["kubectl", "label", "--local", "--dry-run=client", "-f", path, "checked=yes", "-o", "json"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60,
                                  env={**os.environ, "KUBECONFIG": "/dev/null"})
            self.assertEqual(done.returncode, 0, done.stderr)
            read, decoder, rest = [], json.JSONDecoder(), done.stdout.strip()
            while rest:
                one, end = decoder.raw_decode(rest)
                self.assertEqual(one["metadata"]["labels"].pop("checked"), "yes")
                read.append(one)
                rest = rest[end:].strip()
            with open(path) as file:
                self.assertEqual(read, objects(file.read()))
