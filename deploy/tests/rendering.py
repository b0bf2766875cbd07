"""Renders the chart and tells what came out of it. Run as a program it rewrites the plain manifests and the schema of the values,
or writes what comes of every values file to a folder."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import yaml

FOLDER = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
CHART = os.path.join(FOLDER, "chart/tapio")
MONITORING = ["podmonitor", "prometheusrule", "dashboard"]
HEAD = "# Made from deploy/chart/tapio by deploy/check --update: change it there.\n"


class Strict(yaml.SafeLoader):
    """Refuses a key that stands twice in a map, which YAML forbids and PyYAML takes."""


def no_key_twice(loader, node, deep=False):
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise ValueError(f"{sorted(twice)} stand twice{node.start_mark}")
    return yaml.SafeLoader.construct_mapping(loader, node, deep=deep)


Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, no_key_twice)


def values_file(name):
    return os.path.join(FOLDER, "tests/values", name + ".yaml")


def profiles():
    """The names of the values files; None is for the chart's own values."""
    return [None, *sorted(file.removesuffix(".yaml") for file in os.listdir(os.path.join(FOLDER, "tests/values")))]


def run(*arguments, values=None, more=None):
    """What the renderer writes with a values file, and with these values over it."""
    chosen = ["-f", values_file(values)] if values else []
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        if more:
            yaml.safe_dump(more, file)
            file.flush()
            chosen += ["-f", file.name]
        command = [os.environ["TAPIO_RENDERER"], "-chart", CHART, *chosen, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise ValueError(done.stderr)
    return done.stdout


def objects(text):
    return [one for one in yaml.load_all(text, Loader=Strict) if one is not None]


def render(values=None, more=None):
    """The objects that are installed."""
    return objects(run(values=values, more=more))


def of_kind(rendered, kind):
    return [one for one in rendered if one["kind"] == kind]


def manifests():
    """The plain manifests by their files' names."""
    monitoring = [argument for name in MONITORING for argument in ["-s", f"templates/{name}.yaml"]]
    return {
        "tapio.yaml": HEAD + run(),
        "monitoring.yaml": HEAD + run(*monitoring, values="monitoring"),
    }


def embedded(schema):
    """A part of tapio's schema as a part of the values' schema, without defaults, which are tapio's to fill in."""
    if isinstance(schema, list):
        return [embedded(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: embedded(value) for key, value in schema.items() if key not in ("default", "$schema", "title", "properties")}
    if "properties" in schema:
        kept["properties"] = {name: embedded(value) for name, value in schema["properties"].items()}
    if "$ref" in kept:
        kept["$ref"] = kept["$ref"].replace("#/$defs/", "#/definitions/")
    return kept


def values_schema():
    """The schema of the values, with that of the configuration as `tapio config schema` has it."""
    with open(os.path.join(CHART, "values.schema.json")) as file:
        schema = json.load(file)
    with open(os.path.join(FOLDER, "../docs/config.schema.json")) as file:
        config = json.load(file)
    schema["definitions"] = {name: embedded(one) for name, one in config.pop("$defs").items()}
    schema["properties"]["config"] = embedded(config)
    return json.dumps(schema, indent=2) + "\n"


def skip_or_fail(test, reason):
    """A test that cannot run here is skipped, unless everything was asked for."""
    if os.environ.get("TAPIO_REQUIRE_ROOT_TESTS") == "1":
        test.fail(reason)
    raise unittest.SkipTest(reason)


def write(folder, texts):
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write(sys.argv[1], {f"{name or 'default'}.yaml": run(values=name) for name in profiles()})
    else:
        write(CHART, {"values.schema.json": values_schema()})
        write(os.path.join(FOLDER, "manifests"), manifests())
