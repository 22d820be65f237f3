"""Prometheus metrics and structured logs behind the protocol `runtime.observe.Observer`.

Every metric is in a table, there or here, and is registered at the start, so that dashboards find it before its first
event. Does not depend on what is measured. No label holds the name of a Pod or a workload: the number of series must
not grow with the cluster.
"""

from __future__ import annotations

from typing import Final

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

import inplace
from inplace.runtime.observe import METRICS, Metric

#: The metrics of the controller itself.
OWN_METRICS: Final = (
    Metric("inplace_pods_upgraded_total", "counter", "Pods upgraded, by evidence.", ("kind", "evidence")),
    Metric("inplace_pods_failed_total", "counter", "Pods whose upgrade failed, by reason code.", ("kind", "code")),
    Metric("inplace_workloads", "gauge", "Opted-in workloads by phase.", ("kind", "phase")),
    Metric("inplace_pod_upgrade_seconds", "histogram", "From a Pod's drain to done.", ("kind",)),
    Metric("inplace_write_overhead_seconds", "histogram", "From when a write was possible.", ("kind", "action")),
    Metric("inplace_writes_total", "counter", "Writes by outcome.", ("kind", "action", "outcome")),
    Metric("inplace_settings_errors_total", "counter", "Settings that were rejected.", ("kind",)),
    Metric("inplace_endpoints_slow_total", "counter", "Pods patched while an endpoint still served.", ("kind",)),
    Metric("inplace_policy_installed", "gauge", "1 if the binding of this admission policy exists.", ("policy",)),
    Metric("inplace_event_loop_lag_seconds", "histogram", "How late the event loop woke a sleeper.", ()),
    Metric("inplace_build_info", "gauge", "1, labelled with the version.", ("version",)),
)

#: Upper bounds in seconds. A Pod takes seconds to minutes, a request or a plan milliseconds.
_LONG: Final = (0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300, 600, 1200, 3600)
_SHORT: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

_Collector = Counter | Gauge | Histogram


class Metrics:
    """An Observer with a registry of its own; logs through structlog, which `logs.configure` sets up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._collectors = {metric.name: _register(metric, self.registry) for metric in (*METRICS, *OWN_METRICS)}
        #: Looking up a child by its labels costs more than counting; the number of children is bounded.
        self._children: dict[tuple[object, ...], _Collector] = {}
        self._unknown: set[str] = set()
        self._log = structlog.get_logger().bind()  # bound now: a lazy logger would be created for every event
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.gauge("inplace_build_info", 1, version=inplace.__version__)

    def event(self, name: str, /, **fields: object) -> None:
        """Log an event; the field `level` is debug, info (if absent), warning or error."""
        level = str(fields.pop("level", "info"))
        write = {"debug": self._log.debug, "warning": self._log.warning, "error": self._log.error}
        write.get(level, self._log.info)(name, **{_FREE.get(key, key): value for key, value in fields.items()})

    def count(self, metric: str, value: float = 1, /, **labels: str) -> None:
        """Raise a counter."""
        collector = self._find(metric, labels)
        if isinstance(collector, Counter):
            collector.inc(value)

    def observe(self, metric: str, seconds: float, /, **labels: str) -> None:
        """Add to a histogram of seconds."""
        collector = self._find(metric, labels)
        if isinstance(collector, Histogram):
            collector.observe(seconds)

    def gauge(self, metric: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        collector = self._find(metric, labels)
        if isinstance(collector, Gauge):
            collector.set(value)

    def _find(self, metric: str, labels: dict[str, str]) -> _Collector | None:
        """The collector for these labels. An unknown metric is logged once and dropped: an Observer never raises."""
        key = (metric, *labels.items())
        child = self._children.get(key)
        if child is not None:
            return child
        collector = self._collectors.get(metric)
        if collector is not None and set(labels) == set(_LABELS[metric]):
            self._children[key] = child = collector.labels(**labels) if labels else collector
            return child
        if metric not in self._unknown:
            self._unknown.add(metric)
            self._log.error("metric.unknown", metric=metric, labels=sorted(labels))
        return None


#: Fields that would collide with those of structlog.
_FREE: Final = {"event": "event_", "time": "time_"}
_LABELS: Final = {metric.name: metric.labels for metric in (*METRICS, *OWN_METRICS)}


def _register(metric: Metric, registry: CollectorRegistry) -> _Collector:
    match metric.kind:
        case "counter":
            return Counter(metric.name, metric.help, metric.labels, registry=registry)
        case "gauge":
            return Gauge(metric.name, metric.help, metric.labels, registry=registry)
        case "histogram":
            buckets = _LONG if metric.name.startswith("inplace_pod_") else _SHORT
            return Histogram(metric.name, metric.help, metric.labels, buckets=buckets, registry=registry)
