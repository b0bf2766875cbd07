"""What a release is made of: the image, the seccomp profile, the krew manifest."""

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import tempfile
import unittest

from rendering import CHART, FOLDER, Strict, render, of_kind, yaml

ROOT = os.path.dirname(FOLDER)


def archive(folder, name, files=("tapio", "LICENSE")):
    path = os.path.join(folder, name)
    with tarfile.open(path, "w:gz") as tar:
        for file in files:
            content = name.encode() + file.encode()
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def krew(*arguments, **environment):
    return subprocess.run([os.path.join(FOLDER, "krew/make"), *arguments], capture_output=True, text=True, timeout=30,
                          env={**os.environ, **environment})


class Krew(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_it_names_each_archive_with_its_checksum(self):
        archives = [archive(self.folder, f"tapio-v1.2.3-linux-{arch}.tar.gz") for arch in ["amd64", "arm64"]]
        made = krew("v1.2.3", "https://example.test/v1.2.3/", *archives, HOMEPAGE="https://example.test/")
        self.assertEqual(made.returncode, 0, made.stderr)
        manifest = yaml.load(made.stdout, Loader=Strict)
        self.assertEqual((manifest["spec"]["version"], manifest["spec"]["homepage"]), ("v1.2.3", "https://example.test/"))
        for path, platform in zip(archives, manifest["spec"]["platforms"], strict=True):
            with open(path, "rb") as file:
                self.assertEqual(platform["sha256"], hashlib.sha256(file.read()).hexdigest())
            self.assertEqual(platform["uri"], "https://example.test/v1.2.3/" + os.path.basename(path))
            self.assertIn(platform["selector"]["matchLabels"]["arch"], path)
            self.assertIn(platform["bin"], [one["from"] for one in platform["files"]])

    def test_what_is_no_release_is_refused(self):
        good = archive(self.folder, "tapio-linux-amd64.tar.gz")
        again = archive(self.folder, "other-linux-amd64.tar.gz")
        bare = archive(self.folder, "tapio-linux-arm64.tar.gz", ["tapio"])
        odd = archive(self.folder, "tapio-darwin-arm64.tar.gz")
        base = "https://example.test"
        for arguments, why in [
            (["v1.2.3", base], "usage"),
            (["1.2", base, good], "no version"),
            (["v1.2.3", "http://example.test", good], "https://"),
            (["v1.2.3", base, odd], "does not end"),
            (["v1.2.3", base, good, again], "two archives"),
            (["v1.2.3", base, bare], "no file LICENSE"),
            (["v1.2.3", base, os.path.join(self.folder, "none-linux-amd64.tar.gz")], "cannot be read"),
        ]:
            made = krew(*arguments)
            self.assertEqual((made.returncode, made.stdout), (1, ""), why)
            self.assertIn(why, made.stderr)


class Image(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(FOLDER, "Dockerfile")) as file:
            self.text = file.read()

    def test_its_user_capabilities_and_version_are_those_of_the_chart(self):
        [agent] = of_kind(render(), "DaemonSet")
        spec = agent["spec"]["template"]["spec"]
        user = spec["securityContext"]["runAsUser"]
        self.assertIn(f"\nUSER {user}:{user}\n", self.text)
        [marked] = re.findall(r"setcap (\S+)\+p /tapio", self.text)
        added = {f"cap_{name.lower()}" for name in spec["containers"][0]["securityContext"]["capabilities"]["add"]}
        self.assertEqual(set(marked.split(",")), added)
        with open(os.path.join(CHART, "Chart.yaml")) as file:
            chart = yaml.load(file, Loader=Strict)
        with open(os.path.join(ROOT, "Cargo.toml")) as file:
            [version] = re.findall(r'^version = "(.*)"$', file.read(), re.MULTILINE)
        self.assertEqual((chart["version"], chart["appVersion"]), (version, version))
        self.assertIn(f"ARG VERSION={version}\n", self.text)

    def test_it_is_built_from_what_the_ignore_file_lets_in(self):
        with open(os.path.join(FOLDER, "Dockerfile.dockerignore")) as file:
            let_in = {line[1:] for line in file.read().split() if line.startswith("!")}
        with open(os.path.join(ROOT, "Cargo.toml")) as file:
            [members] = re.findall(r"^members = (\[.*\])$", file.read(), re.MULTILINE)
        self.assertEqual(let_in, {*json.loads(members), "Cargo.toml", "Cargo.lock", "LICENSE"})
        for name in let_in:
            self.assertTrue(os.path.exists(os.path.join(ROOT, name)), name)

    def test_the_compiler_is_the_one_that_the_workspace_asks_for(self):
        with open(os.path.join(ROOT, "Cargo.toml")) as file:
            [wanted] = re.findall(r'^rust-version = "(.*)"$', file.read(), re.MULTILINE)
        self.assertIn(f"\nFROM rust:{wanted}-alpine AS build\n", self.text)


class Seccomp(unittest.TestCase):
    def test_the_profile_allows_by_name_and_what_is_dangerous_is_not_there(self):
        with open(os.path.join(FOLDER, "seccomp/tapio.json")) as file:
            profile = json.load(file)
        self.assertEqual(profile["defaultAction"], "SCMP_ACT_ERRNO")
        allowed = {name for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" and "args" not in rule
                   for name in rule["names"]}
        self.assertIn("bpf", allowed)
        never = {"ptrace", "mount", "umount2", "setns", "unshare", "pivot_root", "init_module", "finit_module", "kexec_load",
                 "reboot", "swapon", "process_vm_readv", "process_vm_writev", "open_by_handle_at", "perf_event_open",
                 "io_uring_setup", "userfaultfd", "keyctl", "add_key", "clone", "clone3"}
        self.assertEqual(allowed & never, set())


