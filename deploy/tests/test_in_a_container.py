"""The agent runs under runc as the chart's DaemonSet says: that user, those capabilities, no more."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from rendering import FOLDER, of_kind, render, skip_or_fail

TAPIO = os.environ.get("TAPIO_BINARY", os.path.join(FOLDER, "../target/debug/tapio"))
# How the image's program file is marked: deploy/Dockerfile.
with open(os.path.join(FOLDER, "Dockerfile")) as dockerfile:
    [MARK] = re.findall(r"setcap (\S+)", dockerfile.read())
# What runtimes hide and protect in a container that is not privileged.
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug",
          "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def missing():
    if os.geteuid() != 0:
        return "needs root: it runs a container and loads BPF programs"
    for tool in ["runc", "setcap", "nsenter", "ip"]:
        if not shutil.which(tool):
            return f"needs {tool}: install runc, libcap2-bin, util-linux and iproute2"
    if not os.path.exists(TAPIO):
        return f"needs {TAPIO}: build it, or name another with TAPIO_BINARY"
    return None


def specification(daemon_set, folder, state):
    """The OCI configuration that a runtime makes of the DaemonSet's pod, without its network."""
    pod = daemon_set["spec"]["template"]["spec"]
    container = pod["containers"][0]
    kept = [f"CAP_{name}" for name in container["securityContext"]["capabilities"]["add"]]
    bind = {"cgroup": "/sys/fs/cgroup", "state": state}
    mounts = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    ]
    for mount in container["volumeMounts"]:
        options = ["rbind", "ro" if mount.get("readOnly") else "rw"]
        mounts.append({"destination": mount["mountPath"], "type": "bind", "source": bind[mount["name"]],
                       "options": options})
    # A debug build is linked with the machine's libraries.
    for libraries in ["/lib", "/lib64", "/usr/lib"]:
        if os.path.exists(libraries):
            mounts.append({"destination": libraries, "type": "bind", "source": os.path.realpath(libraries),
                           "options": ["rbind", "ro"]})
    environment = [f"{one['name']}={one.get('value', 'node-a')}" for one in container["env"]]
    with open(os.path.join(FOLDER, "seccomp/tapio.json")) as file:
        seccomp = json.load(file)
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": pod["securityContext"]["runAsUser"], "gid": pod["securityContext"]["runAsGroup"]},
            "args": ["/tapio", *container["args"]],
            "cwd": "/",
            "env": environment,
            "noNewPrivileges": not container["securityContext"]["allowPrivilegeEscalation"],
            # As containerd and CRI-O do it: none of them ambient, so that a user has none but those of the file.
            "capabilities": {"bounding": kept, "permitted": kept, "effective": kept},
        },
        "root": {"path": os.path.join(folder, "root"),
                 "readonly": container["securityContext"]["readOnlyRootFilesystem"]},
        "hostname": "tapio-agent-test",
        "mounts": mounts,
        "linux": {
            "cgroupsPath": f"/tapio-deploy-{os.getpid()}",
            "namespaces": [{"type": kind} for kind in ["mount", "uts", "ipc", "network"]]
            + ([] if pod.get("hostPID") else [{"type": "pid"}]),
            "seccomp": seccomp,
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    }


class Container:
    def __init__(self, daemon_set):
        self.folder = tempfile.mkdtemp(prefix="tapio-deploy-")
        self.name = os.path.basename(self.folder)
        self.log = open(os.path.join(self.folder, "log"), "w+")
        root, state = os.path.join(self.folder, "root"), os.path.join(self.folder, "state")
        os.mkdir(root)
        os.mkdir(state)
        user = daemon_set["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
        os.chown(state, 0, user)
        os.chmod(state, 0o2770)
        os.chmod(self.folder, 0o755)
        shutil.copy(TAPIO, os.path.join(root, "tapio"))
        subprocess.run(["setcap", MARK, os.path.join(root, "tapio")], check=True)
        with open(os.path.join(self.folder, "config.json"), "w") as file:
            json.dump(specification(daemon_set, self.folder, state), file)
        self.runc = subprocess.Popen(["runc", "run", "--bundle", self.folder, self.name], stdin=subprocess.DEVNULL,
                                     stdout=self.log, stderr=self.log)

    def pid(self):
        state = subprocess.run(["runc", "state", self.name], capture_output=True, timeout=10)
        return json.loads(state.stdout)["pid"] if state.returncode == 0 else 0

    def said(self):
        with open(os.path.join(self.folder, "log")) as file:
            return file.read()

    def inside(self, *command):
        """Runs a command of the machine in the container's network."""
        return subprocess.run(["nsenter", "-t", str(self.pid()), "-n", *command], capture_output=True, text=True, timeout=10)

    def until(self, what, within=60):
        end = time.monotonic() + within
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            if self.runc.poll() is not None:
                break
            time.sleep(0.2)
        raise AssertionError(f"not within {within} s; it said:\n{self.said()}")

    def stop(self):
        """Ends it as the kubelet does; its exit status."""
        if self.runc.poll() is None:
            subprocess.run(["runc", "kill", self.name, "TERM"], capture_output=True, timeout=10)
        return self.runc.wait(timeout=20)

    def remove(self):
        subprocess.run(["runc", "delete", "--force", self.name], capture_output=True, timeout=20)
        self.runc.wait(timeout=20)
        self.log.close()
        shutil.rmtree(self.folder)



def status(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


class InAContainer(unittest.TestCase):
    def setUp(self):
        reason = missing()
        if reason:
            skip_or_fail(self, reason)

    def start(self, values=None):
        [daemon_set] = of_kind(render(values), "DaemonSet")
        container = Container(daemon_set)
        self.addCleanup(container.remove)
        container.until(container.pid)
        container.inside("ip", "link", "set", "lo", "up")
        return container

    def metrics(self, container, *signs):
        """The metrics, once these are among them."""
        fetch = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9464/metrics', timeout=5).read().decode())"

        def found():
            text = container.inside("/usr/bin/python3", "-c", fetch).stdout
            return text if all(sign in text for sign in signs) else None

        return container.until(found)

    def test_with_the_default_values_it_watches_everything_as_nobody_and_keeps_no_capability(self):
        container = self.start()
        up = 'tapio_sniffer_up{sniffer="%s"} 1'
        text = self.metrics(container, up % "cgroup", up % "ebpf", 'tapio_probe_attached{probe="dns"')
        attached = re.findall(r'tapio_probe_attached\{probe="(\w+)",kind="\w+"\} (\d)', text)
        self.assertIn(("dns", "1"), attached)
        self.assertGreaterEqual(len({probe for probe, _ in attached}), 9)
        self.assertEqual({state for _, state in attached}, {"1"})

        own = status(container.pid())
        self.assertEqual(set(own["Uid"].split()), {"65532"})
        self.assertEqual({own[name] for name in ["CapEff", "CapPrm", "CapInh", "CapAmb"]}, {"0" * 16})
        self.assertEqual((own["NoNewPrivs"], own["Seccomp"]), ("1", "2"))
        self.assertEqual(container.stop(), 0, container.said())

    def test_without_net_admin_all_but_the_probes_of_packets_are_attached(self):
        container = self.start("agent-only")
        text = self.metrics(container, 'tapio_sniffer_up{sniffer="ebpf"} 1')
        self.assertRegex(text, r'tapio_probe_attached\{probe="memory",kind="\w+"\} 1')
        self.assertEqual(container.stop(), 0, container.said())

    def test_as_root_it_has_the_same_capabilities_and_no_others(self):
        container = self.start("as-root")
        self.metrics(container, 'tapio_sniffer_up{sniffer="ebpf"} 1')
        own = status(container.pid())
        self.assertEqual(set(own["Uid"].split()), {"0"})
        # NET_ADMIN, PERFMON and BPF (include/uapi/linux/capability.h).
        self.assertEqual(int(own["CapBnd"], 16), 1 << 12 | 1 << 38 | 1 << 39)
        self.assertEqual(int(own["CapEff"], 16), 0)
        self.assertEqual(container.stop(), 0, container.said())
