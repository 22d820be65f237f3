"""The files of the chart, as text."""

from __future__ import annotations

import json
from typing import Any

import yaml

import inplace
from hack.chart import objects, readme
from hack.chart.names import POLICIES
from hack.chart.nodes import emit
from hack.chart.objects import ROOT, Chart, Made
from hack.chart.values import AS_SHIPPED, VALUES, Value, closed, tree

FOLDER = ROOT / "charts" / "inplace"
_MADE = "Made by python -m hack.chart from manifests/: change them, or hack/chart."
CHART = {
    "apiVersion": "v2",
    "name": "inplace",
    "description": "Upgrades Pods in place: for the StatefulSets, DaemonSets, Deployments and ReplicaSets people have",
    "type": "application",
    "version": inplace.__version__,
    "appVersion": inplace.__version__,
    "kubeVersion": ">=1.33.0-0",
    "keywords": ["kubernetes", "controller", "in-place", "upgrade", "statefulset"],
    "annotations": {"artifacthub.io/license": "Apache-2.0", "artifacthub.io/operator": "true"},
}


def made() -> dict[str, str]:
    """Every file that is made, by its path in the chart."""
    chart = objects.read()
    defaults = {one.path: default(one, chart) for one in VALUES}
    return {
        "Chart.yaml": f"# {_MADE}\n{yaml.safe_dump(CHART, sort_keys=False, width=200)}",
        "values.yaml": _values(defaults),
        "values.schema.json": _schema(),
        "README.md": readme.page(defaults),
        **_templates(chart),
    }


def default(value: Value, chart: Chart) -> Any:
    """What stands in values.yaml."""
    return chart.shipped[value.path] if value.default is AS_SHIPPED else value.default


def _templates(chart: Chart) -> dict[str, str]:
    files: dict[str, list[str]] = {}
    for (kind, name), one in chart.objects.items():
        files.setdefault(_file(kind, name), []).append(_document(one))
    head = "{{- /* " + _MADE + " */}}\n"
    return {path: head + "".join(texts) for path, texts in files.items()}


def _file(kind: str, name: str) -> str:
    """The kind's file; the policies have one for each, with its bindings."""
    if kind not in POLICIES:
        return f"templates/{kind.lower()}.yaml"
    return f"templates/policies/{name.partition('{{')[0].removesuffix('-idle')}.yaml"


def _document(one: Made) -> str:
    text = f"---\n{emit(one.node)}"
    if not one.conditions:
        return text
    every = one.conditions[0] if len(one.conditions) == 1 else f"and {' '.join(f'({each})' for each in one.conditions)}"
    return f"{{{{- if {every} }}}}\n{text}{{{{- end }}}}\n"


def _values(defaults: dict[str, Any]) -> str:
    """values.yaml, with what each value means above it."""
    meanings = {one.path: one.meaning for one in VALUES}
    lines = [f"# {_MADE}"]

    def write(node: dict[str, Any], above: str, indent: int) -> None:
        for key, inner in node.items():
            path = f"{above}{key}"
            if path in meanings:
                lines.append(f"{' ' * indent}# {meanings[path]}")
                text = yaml.safe_dump({key: inner}, sort_keys=False, width=200)
                lines.extend(f"{' ' * indent}{line}" for line in text.splitlines())
            else:
                lines.append(f"{' ' * indent}{key}:")
                write(inner, f"{path}.", indent + 2)

    write(tree(defaults), "", 0)
    return "\n".join(lines) + "\n"


def _schema() -> str:
    def node(inner: Any) -> dict[str, Any]:
        if isinstance(inner, Value):
            return {"description": inner.meaning, **inner.schema}
        return closed(**{key: node(one) for key, one in inner.items()})

    top = node(tree({one.path: one for one in VALUES}))
    # What Helm itself puts among the values of a chart that is a part of another one.
    top["properties"]["global"] = {"type": "object", "additionalProperties": True, "description": "Not used."}
    made = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the chart inplace", **top}
    return json.dumps(made, indent=2) + "\n"
