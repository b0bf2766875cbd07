"""The real Helm, as a library, and an API server for it that only keeps what it is given."""

import ctypes
import http.server
import json
import threading
import urllib.parse

# What the chart can hold: API version and kind, with the plural and whether objects are in a namespace.
KINDS = {
    ("v1", "ConfigMap"): ("configmaps", True),
    ("v1", "Namespace"): ("namespaces", False),
    ("v1", "Secret"): ("secrets", True),
    ("v1", "Service"): ("services", True),
    ("v1", "ServiceAccount"): ("serviceaccounts", True),
    ("apps/v1", "DaemonSet"): ("daemonsets", True),
    ("apps/v1", "Deployment"): ("deployments", True),
    ("monitoring.coreos.com/v1", "PodMonitor"): ("podmonitors", True),
    ("monitoring.coreos.com/v1", "PrometheusRule"): ("prometheusrules", True),
    ("networking.k8s.io/v1", "NetworkPolicy"): ("networkpolicies", True),
    ("policy/v1", "PodDisruptionBudget"): ("poddisruptionbudgets", True),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"): ("clusterroles", False),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): ("clusterrolebindings", False),
    ("rbac.authorization.k8s.io/v1", "Role"): ("roles", True),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): ("rolebindings", True),
    ("scheduling.k8s.io/v1", "PriorityClass"): ("priorityclasses", False),
}


class Helm:
    """One installation of Helm, bound to a kubeconfig and a namespace."""

    def __init__(self, library, kubeconfig, namespace):
        self.library = ctypes.CDLL(library)
        self.library.helm_sdkpy_last_error.restype = ctypes.c_void_p
        self.handle = ctypes.c_ulonglong()
        self.call("config_create", namespace, kubeconfig, "", "{}", ctypes.byref(self.handle))

    def call(self, name, *arguments):
        passed = [one.encode() if isinstance(one, str) else one for one in arguments]
        if getattr(self.library, "helm_sdkpy_" + name)(*passed) != 0:
            raise ValueError(ctypes.string_at(self.library.helm_sdkpy_last_error()).decode())

    def asked(self, name, *arguments):
        answer = ctypes.c_void_p()
        self.call(name, self.handle, *arguments, ctypes.byref(answer))
        text = ctypes.string_at(answer).decode()
        self.library.helm_sdkpy_free(answer)
        return text

    def lint(self, chart):
        return json.loads(self.asked("lint", chart))

    def package(self, chart, folder):
        return self.asked("package", chart, folder)

    def install(self, release, chart, values):
        options = {"wait": False, "timeout_seconds": 30, "disable_openapi_validation": True, "server_side_apply": "false"}
        return json.loads(self.asked("install", release, chart, json.dumps(values), "", json.dumps(options)))


class Api(http.server.ThreadingHTTPServer):
    """Discovery, and objects by their paths."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Request)
        self.objects, self.lock = [], threading.Lock()
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def stop(self):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def kubeconfig(self):
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "users": [{"name": "test", "user": {}}],
        })


def discovery(path):
    """What there is at a path of discovery, or None."""
    groups = sorted({version for version, _ in KINDS if "/" in version})
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        named = [{"name": group.split("/")[0], "versions": [{"groupVersion": group, "version": group.split("/")[1]}],
                  "preferredVersion": {"groupVersion": group, "version": group.split("/")[1]}} for group in groups]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": named}
    version = path.removeprefix("/apis/") if path.startswith("/apis/") else path.removeprefix("/api/")
    if version == "v1" or version in groups:
        verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
        found = [{"name": plural, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": verbs}
                 for (of, kind), (plural, namespaced) in KINDS.items() if of == version]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": found}
    return None


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server = self.server
        with server.lock:
            found = discovery(url.path)
            if found:
                return self.answer(200, found)
            # Helm's own record of the release, which nobody reads again.
            if "protobuf" in self.headers.get("Content-Type", ""):
                return self.answer(200, body, "application/vnd.kubernetes.protobuf")
            plural = url.path.rsplit("/", 1)[-1]
            kinds = [key for key, (name, _) in KINDS.items() if name == plural]
            if self.command == "POST" and kinds:
                server.objects.append(json.loads(body))
                return self.answer(201, server.objects[-1])
            if self.command == "GET" and kinds:
                [version, kind] = kinds[0]
                return self.answer(200, {"kind": kind + "List", "apiVersion": version, "metadata": {}, "items": []})
        if self.command == "GET":
            return self.answer(404, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
                                     "code": 404})
        return self.send_error(501)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any
