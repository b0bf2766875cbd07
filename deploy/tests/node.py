"""A node in miniature: containers' cgroups as the kubelet names them, with processes in networks of their own, and what the
kubelet tells the API server of them."""

import itertools
import os
import subprocess
import sys
import time

# A database that nobody listens at, and the cluster's DNS server; each pod has both addresses on its own loopback.
DATABASE, RESOLVER = "10.244.1.9", "10.96.0.10"
WORKLOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workload.py")


def hierarchies():
    """The trees a container has a folder in: those of the v1 controllers and v2 beside them, or v2 alone."""
    root = "/sys/fs/cgroup"
    if os.path.exists(f"{root}/cgroup.controllers"):
        return [root]
    wanted = ["memory", "cpu", "cpuacct", "cpu,cpuacct", "pids", "unified"]
    return [tree for tree in (f"{root}/{name}" for name in wanted)
            if os.path.exists(f"{tree}/cgroup.procs") and not os.path.islink(tree)]


def limits(memory, cpu, processes):
    """What the kubelet writes, by the names that v1 and v2 have for it; CPU in thousandths."""
    quota = cpu * 100
    return {"memory.limit_in_bytes": memory, "memory.max": memory, "pids.max": processes,
            "cpu.cfs_quota_us": quota, "cpu.max": f"{quota} 100000"}


class Node:
    """A folder of its own in every hierarchy, removed with all that is in it."""

    def __init__(self):
        self.name = f"tapio-deploy-node-{os.getpid()}"
        self.made, self.running, self.numbers = [], [], itertools.count(1)

    def make(self, tree, path, set_to):
        folder = tree
        for part in [self.name, *path.split("/")]:
            folder = os.path.join(folder, part)
            if not os.path.exists(folder):
                os.mkdir(folder)
                self.made.append(folder)
            control = os.path.join(folder, "cgroup.subtree_control")
            if tree == "/sys/fs/cgroup" and part != path.split("/")[-1]:
                with open(control, "w") as file:
                    file.write("+memory +cpu +pids")
        for name, value in set_to.items():
            if os.path.exists(os.path.join(folder, name)):
                with open(os.path.join(folder, name), "w") as file:
                    file.write(str(value))
        return folder

    def start(self, uid, address, workload, **set_to):
        """Starts a container of a burstable pod; its id and process."""
        identity = f"{os.getpid():032x}{next(self.numbers):032x}"
        pod = f"kubepods-burstable-pod{uid.replace('-', '_')}.slice"
        path = f"kubepods.slice/kubepods-burstable.slice/{pod}/cri-containerd-{identity}.scope"
        folders = [self.make(tree, path, limits(**set_to)) for tree in hierarchies()]
        addresses = "".join(f"ip address add {one}/32 dev lo; " for one in [address, DATABASE, RESOLVER])
        script = "".join(f"echo $$ > {folder}/cgroup.procs; " for folder in folders) \
            + f"exec unshare --pid --net --fork --kill-child sh -c 'ip link set lo up; {addresses} exec \"$0\" \"$@\"' \"$@\""
        process = subprocess.Popen(["sh", "-c", script, "sh", sys.executable, WORKLOAD, workload], stdin=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.running.append(process)
        return identity, process

    def ended(self, identity, process):
        """Waits for the end of a container and removes its cgroups, as its runtime does."""
        process.wait(timeout=30)
        self.remove_folders([folder for folder in self.made if identity in folder])

    def remove(self):
        for process in self.running:
            process.kill()
            process.wait()
        self.remove_folders(self.made[::-1])

    def remove_folders(self, folders):
        for folder in folders:
            self.made.remove(folder)
            # What is killed takes a moment to be gone.
            for _ in range(100):
                try:
                    os.rmdir(folder)
                    break
                except OSError:
                    time.sleep(0.02)


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def described(api_version, kind, name, uid, **more):
    metadata = {"name": name, "uid": uid, "creationTimestamp": now(), **more.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}


def controller(kind, name, uid):
    return [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": True}]


def before():
    """The objects that are there before any pod: the node, and a Deployment's ReplicaSet."""
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": now()}
    return [
        described("v1", "Node", "node-a", "00000000-0000-4000-8000-000000000001", spec={},
                  status={"allocatable": {"cpu": "2", "memory": "16Gi", "pods": "110"}, "conditions": [ready]}),
        described("apps/v1", "ReplicaSet", "cart-6d5f7c9b8", "00000000-0000-4000-8000-000000000002",
                  metadata={"namespace": "shop", "annotations": {"deployment.kubernetes.io/revision": "3"},
                            "ownerReferences": controller("Deployment", "cart", "00000000-0000-4000-8000-000000000003")},
                  spec={"replicas": 1}, status={"replicas": 1}),
    ]


class Pod:
    """A pod of one container, `app`, as the kubelet keeps it up to date."""

    def __init__(self, name, uid, address, owner, **set_to):
        self.uid, self.address, self.set_to, self.started = uid, address, set_to, None
        mib = set_to["memory"] >> 20
        resources = {"limits": {"memory": f"{mib}Mi", "cpu": f"{set_to['cpu']}m"}}
        spec = {"nodeName": "node-a", "containers": [{"name": "app", "image": "images.test/shop:1", "resources": resources}],
                "restartPolicy": "Always"}
        self.status = {"name": "app", "image": "images.test/shop:1", "imageID": "", "ready": False, "restartCount": -1,
                       "lastState": {}, "state": {}}
        self.object = described("v1", "Pod", name, uid, metadata={"namespace": "shop", "ownerReferences": owner}, spec=spec,
                                status={"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                                        "containerStatuses": [self.status]})

    def start(self, node, workload):
        """Starts its container, which is a restart after the first time; its id and process."""
        identity, process = node.start(self.uid, self.address, workload, **self.set_to)
        self.started = now()
        self.status.update(containerID=f"containerd://{identity}", ready=True, lastState=self.status["state"],
                           restartCount=self.status["restartCount"] + 1, state={"running": {"startedAt": self.started}})
        return identity, process

    def killed(self):
        """The kernel killed it for want of memory."""
        ended = {"exitCode": 137, "reason": "OOMKilled", "startedAt": self.started, "finishedAt": now(),
                 "containerID": self.status["containerID"]}
        self.status.update(ready=False, state={"terminated": ended})
