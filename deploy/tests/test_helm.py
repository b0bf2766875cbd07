"""Helm itself installs the chart, and what it creates is what the renderer of these tests makes."""

import json
import os
import tempfile
import unittest

from helm import KINDS, Api, Helm
from rendering import CHART, Strict, objects, profiles, run, skip_or_fail, values_file, yaml

NAMESPACE = "tapio-system"
# Severities of Helm's linter.
WARNING = 2


def identity(one):
    return one["apiVersion"], one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]


def rendered(name):
    """What ought to be created, by its identity: the API server puts what names no namespace into that of the request."""
    found = {}
    for one in objects(run(values=name)):
        if KINDS[one["apiVersion"], one["kind"]][1]:
            one["metadata"].setdefault("namespace", NAMESPACE)
        found[identity(one)] = one
    return found


def created(given):
    """What was created, less what Helm writes onto it to know it again."""
    found = {}
    for one in given:
        metadata = one["metadata"]
        annotations = metadata.pop("annotations", {})
        kept = {key: value for key, value in annotations.items() if not key.startswith("meta.helm.sh/")}
        metadata.update({"annotations": kept} if kept else {})
        found[identity(one)] = one
    return found


class RealHelm(unittest.TestCase):
    def setUp(self):
        library = os.environ.get("TAPIO_HELM_LIBRARY")
        if not library:
            skip_or_fail(self, "needs Helm as a library: deploy/README.md says how to fetch it; name it in TAPIO_HELM_LIBRARY")
        self.api = Api()
        self.addCleanup(self.api.stop)
        kubeconfig = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self.addCleanup(kubeconfig.close)
        kubeconfig.write(self.api.kubeconfig())
        kubeconfig.flush()
        self.helm = Helm(library, kubeconfig.name, NAMESPACE)

    def values(self, name):
        if not name:
            return {}
        with open(values_file(name)) as file:
            return yaml.load(file, Loader=Strict)

    def test_its_linter_has_no_complaint(self):
        said = self.helm.lint(CHART)
        self.assertEqual(said["TotalChartsLinted"], 1)
        self.assertIsNone(said["Errors"])
        self.assertEqual([one for one in said["Messages"] if one["Severity"] >= WARNING], [])

    def test_it_creates_what_the_renderer_makes_of_every_values_file_and_says_the_same_notes(self):
        for name in profiles():
            with self.subTest(name):
                self.api.objects.clear()
                release = self.helm.install("tapio", CHART, self.values(name))
                self.assertEqual(created(self.api.objects), rendered(name))
                self.assertEqual(release["info"]["notes"].strip(), run("-notes", values=name).strip())

    def test_it_refuses_values_that_the_schema_does_not_know(self):
        for wrong, says in [({"agnet": {}}, "agnet"), ({"config": {"filtres": {}}}, "filtres")]:
            with self.assertRaisesRegex(ValueError, says):
                self.helm.install("tapio", CHART, wrong)
        self.assertEqual(self.api.objects, [])

    def test_what_it_packs_it_can_install(self):
        with tempfile.TemporaryDirectory() as folder:
            packed = self.helm.package(CHART, folder)
            self.helm.install("tapio", packed, {})
        self.assertEqual(created(self.api.objects), rendered(None))
