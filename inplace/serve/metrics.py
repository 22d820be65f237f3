"""Prometheus metrics and structured logs behind the protocol `runtime.observe.Observer`.

Every metric is in a table and is registered at the start, so that dashboards find it before its first event. Does not
depend on what is measured. The number of series is bounded: a value that is none of its label's becomes `other`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import product
from math import prod
from typing import Final, TypeVar

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

import inplace
from inplace.runtime.observe import METRICS, Label, Metric, Read

#: Upper bounds in seconds: of what takes a Pod's or a person's time, and of what takes a request's or a plan's.
LONG: Final = (0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300, 600, 1200, 3600, 14400, 86400)
SHORT: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_OF_PODS: Final = ("inplace_pod_", "inplace_upgrade_", "inplace_workload_")
#: A counter with at most so many series has all of them from the start, so that `increase` sees the first event.
AT_ONCE: Final = 64
#: In the place of a value that a label does not have.
OTHER: Final = "other"
BUILD: Final = Metric("inplace_build_info", "gauge", "1, labelled with the version.", (Label("version", bound="one"),))

_Collector = Counter | Gauge | Histogram
C = TypeVar("C", Counter, Gauge, Histogram)


class Metrics:
    """An Observer with a registry of its own; logs through structlog, which `logs.configure` sets up."""

    def __init__(self, table: Iterable[Metric] = METRICS) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # of the whole library: a series beside every counter that no query wants
        self.registry = CollectorRegistry()
        self.table = {metric.name: metric for metric in (*table, BUILD)}
        self._log = structlog.get_logger().bind()  # bound now: a lazy logger would be created for every event
        self._unknown: set[tuple[str, ...]] = set()
        pushed = (metric for metric in self.table.values() if not metric.sampled)
        self._collectors = {metric.name: _register(metric, self.registry) for metric in pushed}
        #: Looking up a child by its labels costs more than counting; the number of children is bounded.
        self._children: dict[tuple[object, ...], _Collector] = {}
        self._sampled = _Sampled(self)
        self.registry.register(self._sampled)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.gauge(BUILD.name, 1, version=inplace.__version__)

    def event(self, name: str, /, **fields: object) -> None:
        """Log an event; the field `level` is debug, info (if absent), warning or error."""
        level = str(fields.pop("level", "info"))
        write = {"debug": self._log.debug, "warning": self._log.warning, "error": self._log.error}
        write.get(level, self._log.info)(name, **{_FREE.get(key, key): value for key, value in fields.items()})

    def count(self, metric: str, value: float = 1, /, **labels: str) -> None:
        """Raise a counter."""
        collector = self._find(metric, labels, Counter)
        if collector is not None:
            collector.inc(value)

    def observe(self, metric: str, seconds: float, /, **labels: str) -> None:
        """Add to a histogram of seconds."""
        collector = self._find(metric, labels, Histogram)
        if collector is not None:
            collector.observe(seconds)

    def gauge(self, metric: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        collector = self._find(metric, labels, Gauge)
        if collector is not None:
            collector.set(value)

    def sample(self, metric: str, read: Read, /) -> None:
        """Read a sampled gauge at every scrape."""
        known = self.table.get(metric)
        if known is None or not known.sampled:
            self._say_once("metric.unknown", metric)
            return
        self._sampled.reads[metric] = read

    def admit(self, metric: Metric, values: Iterable[str]) -> tuple[str, ...]:
        """These values of the metric's labels, in their order; one that a label does not have becomes `other`."""
        return tuple(
            str(value) if _has(label, value) else self._strange(metric, label, value)
            for label, value in zip(metric.labels, values, strict=True)
        )

    def _find(self, metric: str, labels: dict[str, str], type: type[C]) -> C | None:
        """The collector for these labels. An unknown metric is logged once and dropped: an Observer never raises."""
        key = (metric, *labels.items())
        child = self._children.get(key)
        if isinstance(child, type):
            return child
        collector = self._collectors.get(metric)
        if not isinstance(collector, type) or set(labels) != {label.name for label in self.table[metric].labels}:
            self._say_once("metric.unknown", metric, labels=sorted(labels))
            return None
        known = self.table[metric]
        given = tuple(str(labels[label.name]) for label in known.labels)
        values = self.admit(known, given)
        child = collector.labels(*values) if values else collector
        if values == given:
            self._children[key] = child  # but not for what nothing bounds
        return child

    def _strange(self, metric: Metric, label: Label, value: str) -> str:
        self._say_once("metric.value_unknown", metric.name, label.name, value=value)
        return OTHER

    def _say_once(self, event: str, *about: str, **fields: object) -> None:
        if about not in self._unknown:
            self._unknown.add(about)
            names = dict(zip(("metric", "label"), about, strict=False))
            self._log.error(event, **names, **fields)


class _Sampled(Collector):
    """The gauges that are computed whenever somebody looks."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.reads: dict[str, Read] = {}

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Their names."""
        for metric in self._metrics.table.values():
            if metric.sampled:
                yield GaugeMetricFamily(metric.name, metric.help, labels=[label.name for label in metric.labels])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Their values."""
        for family in self.describe():
            read, found = self.reads.get(family.name), defaultdict[tuple[str, ...], float](float)
            for values, value in read().items() if read is not None else ():
                found[self._metrics.admit(self._metrics.table[family.name], values)] += value
            for values, value in found.items():
                family.add_metric(values, value)
            yield family


def _has(label: Label, value: str) -> bool:
    return not label.values or value in label.values


#: Fields that would collide with those of structlog.
_FREE: Final = {"event": "event_", "time": "time_"}


def _register(metric: Metric, registry: CollectorRegistry) -> _Collector:
    names = [label.name for label in metric.labels]
    match metric.kind:
        case "counter":
            counter = Counter(metric.name, metric.help, names, registry=registry)
            if names and is_complete(metric):
                for values in product(*(label.values for label in metric.labels)):
                    counter.labels(*values)
            return counter
        case "gauge":
            return Gauge(metric.name, metric.help, names, registry=registry)
        case "histogram":
            buckets = LONG if metric.name.startswith(_OF_PODS) else SHORT
            return Histogram(metric.name, metric.help, names, buckets=buckets, registry=registry)


def is_complete(metric: Metric) -> bool:
    """Whether every series of a metric is there from the start: their labels' values are known, and few."""
    values = [label.values for label in metric.labels]
    return metric.kind == "counter" and all(values) and prod(len(each) for each in values) <= AT_ONCE
