"""A pod of the DaemonSet under runc, as a kubelet and a container runtime would make it of the rendered object."""

import ctypes
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from rendering import FOLDER, of_kind

TAPIO = os.environ.get("TAPIO_BINARY", os.path.join(FOLDER, "../target/debug/tapio"))
# Where a pod finds its service account.
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
# How the image's program file is marked: deploy/Dockerfile.
with open(os.path.join(FOLDER, "Dockerfile")) as dockerfile:
    [MARK] = re.findall(r"setcap (\S+)", dockerfile.read())
# What runtimes hide and protect in a container that is not privileged.
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug",
          "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
# sched.h
CLONE_NEWNET = 0x40000000


def missing():
    if os.geteuid() != 0:
        return "needs root: it runs a container and loads BPF programs"
    for tool in ["runc", "setcap", "nsenter", "unshare", "ip"]:
        if not shutil.which(tool):
            return f"needs {tool}: install runc, libcap2-bin, util-linux and iproute2"
    if not os.path.exists(TAPIO):
        return f"needs {TAPIO}: build it, or name another with TAPIO_BINARY"
    return None


class Sandbox:
    """The network of a pod: loopback, and nothing else."""

    def __init__(self):
        hold = "ip link set lo up && echo up && exec sleep infinity"
        self.process = subprocess.Popen(["unshare", "--net", "sh", "-c", hold], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"up\n":
            raise AssertionError("there is no network namespace to be had")
        self.path = f"/proc/{self.process.pid}/ns/net"
        # A thread of its own stays in there.
        self.inside = ThreadPoolExecutor(1, initializer=self.enter)

    def enter(self):
        with open(self.path) as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def within(self, *command):
        """A command that is run in there."""
        return ["nsenter", f"--net={self.path}", *command]

    def ask(self, url):
        """Status and body of an answer; 0 while nobody answers."""
        return self.inside.submit(fetch, url).result(timeout=30)

    def remove(self):
        self.inside.shutdown()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def environment(container, more):
    return [f"{one['name']}={one.get('value', 'node-a')}" for one in container["env"]] \
        + [f"{name}={value}" for name, value in more.items()]


def mounts(container, sources):
    """What is mounted, from these folders by the names of the volumes."""
    found = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    ]
    for mount in container["volumeMounts"]:
        options = ["rbind", "ro" if mount.get("readOnly") else "rw"]
        found.append({"destination": mount["mountPath"], "type": "bind", "source": sources[mount["name"]],
                      "options": options})
    # A debug build is linked with the machine's libraries.
    for libraries in ["/lib", "/lib64", "/usr/lib"]:
        if os.path.exists(libraries):
            found.append({"destination": libraries, "type": "bind", "source": os.path.realpath(libraries),
                          "options": ["rbind", "ro"]})
    return found


class Container:
    """The agent of a rendered DaemonSet. `account` is the folder of its service account, `api` the API server's address, and
    `rendered` has the ConfigMap if one is named."""

    def __init__(self, rendered, sandbox, account=None, api=None):
        [daemon_set] = of_kind(rendered, "DaemonSet")
        self.sandbox = sandbox
        self.pod = daemon_set["spec"]["template"]["spec"]
        self.folder = tempfile.mkdtemp(prefix="tapio-deploy-")
        self.name = os.path.basename(self.folder)
        self.log = open(os.path.join(self.folder, "log"), "w+")
        self.sources = {"cgroup": "/sys/fs/cgroup", "state": os.path.join(self.folder, "state")}
        for config in of_kind(rendered, "ConfigMap"):
            if "tapio.yaml" in config["data"]:
                self.sources["config"] = os.path.join(self.folder, "config")
                os.mkdir(self.sources["config"])
                with open(os.path.join(self.sources["config"], "tapio.yaml"), "w") as file:
                    file.write(config["data"]["tapio.yaml"])
        os.mkdir(self.sources["state"])
        os.chown(self.sources["state"], 0, self.pod["securityContext"]["runAsUser"])
        os.chmod(self.sources["state"], 0o2770)
        os.chmod(self.folder, 0o755)
        self.put_program()
        with open(os.path.join(self.folder, "config.json"), "w") as file:
            json.dump(self.specification(account, api), file)
        self.runc = subprocess.Popen(["runc", "run", "--bundle", self.folder, self.name], stdin=subprocess.DEVNULL,
                                     stdout=self.log, stderr=self.log)

    def put_program(self):
        program = os.path.join(self.folder, "root/tapio")
        os.mkdir(os.path.dirname(program))
        shutil.copy(TAPIO, program)
        subprocess.run(["setcap", MARK, program], check=True)

    def specification(self, account, api):
        """The OCI configuration that a runtime makes of the pod."""
        container = self.pod["containers"][0]
        kept = [f"CAP_{name}" for name in container["securityContext"]["capabilities"]["add"]]
        mounted, more = mounts(container, self.sources), {}
        if account:
            mounted.append({"destination": SERVICE_ACCOUNT, "type": "bind", "source": account, "options": ["rbind", "ro"]})
            host, port = api.rsplit(":", 1)
            more = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        with open(os.path.join(FOLDER, "seccomp/tapio.json")) as file:
            seccomp = json.load(file)
        return {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": self.pod["securityContext"]["runAsUser"], "gid": self.pod["securityContext"]["runAsGroup"]},
                "args": ["/tapio", *container["args"]],
                "cwd": "/",
                "env": environment(container, more),
                "noNewPrivileges": not container["securityContext"]["allowPrivilegeEscalation"],
                # As containerd and CRI-O do it: none of them ambient, so that a user has none but those of the file.
                "capabilities": {"bounding": kept, "permitted": kept, "effective": kept},
            },
            "root": {"path": os.path.join(self.folder, "root"),
                     "readonly": container["securityContext"]["readOnlyRootFilesystem"]},
            "hostname": "tapio-agent-test",
            "mounts": mounted,
            "linux": {
                "cgroupsPath": f"/{self.name}",
                "namespaces": [{"type": kind} for kind in ["mount", "uts", "ipc"]]
                + [{"type": "network", "path": self.sandbox.path}]
                + ([] if self.pod.get("hostPID") else [{"type": "pid"}]),
                "seccomp": seccomp,
                "maskedPaths": MASKED,
                "readonlyPaths": READ_ONLY,
            },
        }

    def pid(self):
        state = subprocess.run(["runc", "state", self.name], capture_output=True, timeout=10)
        return json.loads(state.stdout)["pid"] if state.returncode == 0 else 0

    def said(self):
        with open(os.path.join(self.folder, "log")) as file:
            return file.read()

    def get(self, path):
        """Asks the agent, as Prometheus and the kubelet do."""
        return self.sandbox.ask(f"http://127.0.0.1:9464{path}")

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
