"""Helm itself, in this process: the library of Helm 4 that helm-python-sdk brings."""

from __future__ import annotations

from typing import Any

import helm_python
import yaml

from hack.chart.files import FOLDER

CHART = FOLDER


def render(
    values: dict[str, Any] | None = None, *, name: str = "inplace", namespace: str = "inplace-system"
) -> dict[str, str]:
    """What each template of our chart gives, by its path: `helm template`."""
    with helm_python.Chart.load(CHART) as chart:
        found = chart.render(values or {}, name=name, namespace=namespace)
    return {path.removeprefix("inplace/"): text for path, text in found.items()}


def objects(values: dict[str, Any] | None = None, **release: str) -> list[dict[str, Any]]:
    """The objects of our chart."""
    texts = [text for path, text in render(values, **release).items() if path.endswith(".yaml")]
    return [one for text in texts for one in yaml.load_all(text, Loader=yaml.CSafeLoader) if one]


def refusal(values: dict[str, Any]) -> str:
    """What Helm says to values that it refuses."""
    try:
        render(values)
    except helm_python.HelmError as error:
        return str(error)
    raise AssertionError(f"accepted: {values}")
