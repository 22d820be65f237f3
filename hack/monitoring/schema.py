"""Every series that a scrape of the controller can have, with its labels and their values: from its own table."""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from hack.monitoring.expressions import TARGET, Schema, Values
from inplace.controller.metrics import TABLE
from inplace.runtime.observe import Metric
from inplace.serve.metrics import BUILD


@cache
def schema() -> Schema:
    """By the names that queries have: a histogram is three series."""
    found = {name: labels for metric in (*TABLE, BUILD) for name, labels in _series(metric).items()}
    return found | _of_the_process()


def _series(metric: Metric) -> dict[str, dict[str, Values]]:
    # Prometheus renames a label that the target has too.
    labels: dict[str, Values] = {
        f"exported_{label.name}" if label.name in TARGET else label.name: frozenset(label.values) or None
        for label in metric.labels
    }
    if metric.kind != "histogram":
        return {metric.name: labels}
    return {
        f"{metric.name}_bucket": {**labels, "le": None},
        f"{metric.name}_sum": labels,
        f"{metric.name}_count": labels,
    }


def _of_the_process() -> dict[str, dict[str, Values]]:
    """What the client library counts of any process."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return {
        sample.name: dict.fromkeys(sample.labels)
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
