"""A small protocol through which the lower layers report, without a logging or metrics library.

`serve` implements it. Metric names are those of controller-runtime and client-go if they have an equivalent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol


class Observer(Protocol):
    """Receives events and measurements; never blocks, never raises."""

    def event(self, name: str, /, **fields: object) -> None:
        """Log a structured event `subject.verb`; the field `level` is debug, info, warning or error."""
        ...

    def count(self, metric: str, value: float = 1, /, **labels: str) -> None:
        """Raise a counter."""
        ...

    def observe(self, metric: str, seconds: float, /, **labels: str) -> None:
        """Add to a histogram of seconds."""
        ...

    def gauge(self, metric: str, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        ...


class NullObserver:
    """Discards everything."""

    def event(self, name: str, /, **fields: object) -> None:
        """Nothing."""

    def count(self, metric: str, value: float = 1, /, **labels: str) -> None:
        """Nothing."""

    def observe(self, metric: str, seconds: float, /, **labels: str) -> None:
        """Nothing."""

    def gauge(self, metric: str, value: float, /, **labels: str) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Metric:
    """One metric."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


METRICS: Final = (
    Metric("controller_runtime_reconcile_total", "counter", "Reconciliations by result.", ("controller", "result")),
    Metric("controller_runtime_reconcile_errors_total", "counter", "Reconciliations that raised.", ("controller",)),
    Metric("controller_runtime_reconcile_time_seconds", "histogram", "Duration of a reconciliation.", ("controller",)),
    Metric("controller_runtime_active_workers", "gauge", "Workers that are busy.", ("controller",)),
    Metric("workqueue_depth", "gauge", "Keys waiting.", ("name",)),
    Metric("workqueue_adds_total", "counter", "Keys added.", ("name",)),
    Metric("workqueue_retries_total", "counter", "Keys added again after an error.", ("name",)),
    Metric("workqueue_queue_duration_seconds", "histogram", "Time a key waited.", ("name",)),
    Metric("rest_client_requests_total", "counter", "Requests by answer.", ("code", "method", "host")),
    Metric("rest_client_request_duration_seconds", "histogram", "Duration of requests.", ("verb", "host")),
    Metric("rest_client_request_retries_total", "counter", "Requests sent again.", ("verb", "host")),
    Metric("leader_election_master_status", "gauge", "1 while this process leads.", ("name",)),
    Metric("inplace_watch_events_total", "counter", "Watch events received.", ("resource", "type")),
    Metric("inplace_watch_restarts_total", "counter", "Watches opened again.", ("resource", "why")),
    Metric("inplace_watch_undecodable_total", "counter", "Objects that could not be decoded.", ("resource",)),
    Metric("inplace_relists_total", "counter", "Full lists.", ("resource",)),
    Metric("inplace_events_dropped_total", "counter", "Events not written because the queue was full.", ()),
    Metric("inplace_expectations_overdue_total", "counter", "Writes not seen back in time.", ()),
)
