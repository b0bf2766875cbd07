"""The values: all are commented, all do something, and the schema knows them and nothing else."""

import copy
import json
import os
import unittest

import jsonschema

from rendering import CHART, Strict, profiles, render, run, values_schema, yaml

with open(os.path.join(CHART, "values.yaml")) as file:
    TEXT = file.read()
with open(os.path.join(CHART, "values.schema.json")) as file:
    SCHEMA = json.load(file)
DEFAULTS = yaml.load(TEXT, Loader=Strict)
# Taken as they are: what is in them belongs to Kubernetes or to tapio's own configuration.
WHOLE = {"resources", "nodeSelector", "tolerations", "updateStrategy", "labels", "apiServerPorts", "severities"}


def leaves(values, path=()):
    for key, value in values.items():
        if isinstance(value, dict) and value and key not in WHOLE:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def put(path, value):
    for key in reversed(path):
        value = {key: value}
    return value


def other(value):
    """A value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return "changed"
    if isinstance(value, list):
        return [12345] if all(isinstance(one, int) for one in value) and value else ["changed"]
    return {"changed": "changed"}


def get(values, path):
    for key in path:
        values = values[key]
    return values


class Values(unittest.TestCase):
    def test_the_configuration_is_checked_as_tapio_checks_it(self):
        with open(os.path.join(CHART, "values.schema.json")) as file:
            self.assertEqual(file.read(), values_schema(), "deploy/check --update rewrites it")
        for wrong in [{"filtres": {}}, {"limits": {"batchSize": 0}}, {"sinks": {"webhook": {"secret": "x"}}},
                      {"filters": {"excluded-namespaces": ["x"]}}, {"profile": "large"}]:
            with self.subTest(wrong), self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate({**DEFAULTS, "config": wrong}, SCHEMA)

    def test_each_default_is_valid_and_so_is_each_values_file(self):
        jsonschema.Draft7Validator.check_schema(SCHEMA)
        for name in profiles():
            with self.subTest(name):
                jsonschema.validate(json.loads(run("-values", values=name)), SCHEMA)

    def test_schema_and_defaults_name_the_same_values(self):
        def same(schema, values, path):
            if schema.get("additionalProperties") is False and values:
                known = set(schema["properties"]) - {"global"}
                if path[-1:] not in [("resources",), ("limits",), ("requests",), ("appArmorProfile",)]:
                    self.assertEqual(known, set(values), path)
                for key, value in values.items():
                    if isinstance(value, dict):
                        same(schema["properties"][key], value, (*path, key))

        same(SCHEMA, DEFAULTS, ())

    def test_a_key_that_is_not_known_is_refused_wherever_it_stands(self):
        places = [()] + [path[:-1] for path, _ in leaves(DEFAULTS) if len(path) > 1]
        for place in sorted(set(places) - {("podDisruptionBudget",)}):
            values = copy.deepcopy(DEFAULTS)
            get(values, place)["misspelt"] = 1
            with self.subTest(place), self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate(values, SCHEMA)

    def test_values_that_would_harm_are_refused(self):
        for path, bad in [
            (("agent", "probes"), ["memory"]),
            (("agent", "uid"), 0),
            (("agent", "seccomp", "type"), "None"),
            (("agent", "seccomp", "localhostProfile"), "/etc/passwd"),
            (("agent", "profile"), "all"),
            (("agent", "calibration", "hostPath"), "var/lib"),
            (("cluster", "replicas"), 0),
            (("metrics", "port"), 80),
            (("extraVolumes",), [{"name": "config"}]),
            (("extraVolumeMounts",), [{"name": "a", "mountPath": "/etc/tapio/"}]),
            (("image", "tag"), "a b"),
            (("image", "digest"), "sha256:12"),
            (("logLevel",), "warn; x"),
            (("prometheusRule", "severities"), []),
            (("networkPolicy", "apiServerCIDRs"), ["10.0.0.1"]),
        ]:
            values = copy.deepcopy(DEFAULTS)
            get(values, path[:-1])[path[-1]] = bad
            with self.subTest(path), self.assertRaises(jsonschema.ValidationError):
                jsonschema.validate(values, SCHEMA)

    def test_each_value_has_a_comment(self):
        lines = TEXT.splitlines()
        wanted = {path for path, _ in leaves(DEFAULTS)}

        def walk(node, path):
            for key, value in node.value:
                own = (*path, key.value)
                if own in wanted:
                    self.assertTrue(lines[key.start_mark.line - 1].strip().startswith("#"), own)
                elif isinstance(value, yaml.MappingNode):
                    walk(value, own)

        walk(yaml.compose(TEXT), ())

    def test_each_value_changes_what_is_installed_or_said(self):
        # Where there is a digest, the tag is not used.
        base = {"image": {"digest": ""}}
        whole = json.loads(run("-values", values="everything", more=base))
        before = run(values="everything", more=base), run("-notes", values="everything", more=base)
        for path, _ in leaves(DEFAULTS):
            changed = put(path, other(get(whole, path)))
            changed.setdefault("image", {}).setdefault("digest", "")
            with self.subTest(path):
                after = run(values="everything", more=changed), run("-notes", values="everything", more=changed)
                self.assertNotEqual(before, after)

    def test_null_takes_a_value_away(self):
        agent = next(one for one in render("agent-only") if one["kind"] == "DaemonSet")
        self.assertEqual(agent["spec"]["updateStrategy"], {"type": "OnDelete"})
