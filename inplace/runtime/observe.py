"""A small protocol through which the lower layers report, without a logging or metrics library.

`serve` implements it. Metric names are those of controller-runtime and client-go if they have an equivalent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

#: The values of a gauge as they are now, by the values of its labels in their order; what is left out has no series.
Read = Callable[[], Mapping[tuple[str, ...], float]]


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

    def sample(self, metric: str, read: Read, /) -> None:
        """Take a gauge that is `sampled` from `read` whenever somebody looks; the last `read` of a metric counts."""
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

    def sample(self, metric: str, read: Read, /) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Label:
    """A label of a metric, and what bounds the number of its series: a closed set of `values`, or `bound` in words."""

    name: str
    values: tuple[str, ...] = ()
    bound: str = ""


@dataclass(frozen=True)
class Metric:
    """One metric. A gauge that is `sampled` is computed whenever somebody looks, so that its age is never out of date.

    `leader`: its series exist only in the process that leads.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[Label, ...] = ()
    sampled: bool = False
    leader: bool = False


#: The status codes of HTTP, and client-go's word for a request without an answer.
NO_ANSWER: Final = "<error>"
_CODE: Final = Label("code", (*(str(code) for code in range(100, 600)), NO_ANSWER))
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HOST: Final = Label("host", bound="the API server of this process")
_RESOURCE: Final = Label("resource", bound="a resource that is watched")
#: controller-runtime's two names for the one queue and its workers.
_CONTROLLER: Final = (Label("controller", ("workloads",)),)
_QUEUE: Final = (Label("name", ("workloads",)),)
_CALL: Final = (Label("verb", _METHODS), _HOST)

METRICS: Final = (
    Metric(
        "controller_runtime_reconcile_total",
        "counter",
        "Reconciliations by result.",
        (*_CONTROLLER, Label("result", ("success", "requeue_after", "error"))),
    ),
    Metric("controller_runtime_reconcile_errors_total", "counter", "Reconciliations that raised.", _CONTROLLER),
    Metric("controller_runtime_reconcile_time_seconds", "histogram", "Duration of a reconciliation.", _CONTROLLER),
    Metric("controller_runtime_active_workers", "gauge", "Workers that are busy.", _CONTROLLER),
    Metric("controller_runtime_max_concurrent_reconciles", "gauge", "Workers.", _CONTROLLER),
    Metric("workqueue_depth", "gauge", "Keys waiting.", _QUEUE, sampled=True),
    Metric("workqueue_adds_total", "counter", "Keys added.", _QUEUE),
    Metric("workqueue_retries_total", "counter", "Keys added again after an error.", _QUEUE),
    Metric("workqueue_queue_duration_seconds", "histogram", "Time a key waited.", _QUEUE),
    Metric("workqueue_work_duration_seconds", "histogram", "Time a key was worked on.", _QUEUE),
    Metric(
        "workqueue_unfinished_work_seconds",
        "gauge",
        "Time spent so far on the keys that are being worked on, in all.",
        _QUEUE,
        sampled=True,
    ),
    Metric(
        "workqueue_longest_running_processor_seconds",
        "gauge",
        "Time spent so far on the key that has been worked on for longest.",
        _QUEUE,
        sampled=True,
    ),
    Metric(
        "rest_client_requests_total",
        "counter",
        "Requests by the status of their answer; `<error>` is none.",
        (_CODE, Label("method", _METHODS), _HOST),
    ),
    Metric("rest_client_request_duration_seconds", "histogram", "Duration of requests, watches aside.", _CALL),
    Metric("rest_client_request_retries_total", "counter", "Requests sent again.", _CALL),
    Metric(
        "rest_client_rate_limiter_duration_seconds",
        "histogram",
        "Time a request was held back after the API server had answered 429; there is no other limiter.",
        _CALL,
    ),
    Metric(
        "leader_election_master_status",
        "gauge",
        "1 while this process may write, which it may always without leader election; none in a dry run.",
        (Label("name", bound="the Lease of this process"),),
        sampled=True,
    ),
    Metric(
        "inplace_watch_events_total",
        "counter",
        "Watch events received.",
        (_RESOURCE, Label("type", ("ADDED", "MODIFIED", "DELETED"))),
    ),
    Metric(
        "inplace_watch_restarts_total",
        "counter",
        "Watches opened again.",
        (_RESOURCE, Label("why", ("expired", "error", "closed"))),
    ),
    Metric("inplace_watch_undecodable_total", "counter", "Objects that could not be decoded.", (_RESOURCE,)),
    Metric("inplace_relists_total", "counter", "Full lists.", (_RESOURCE,)),
    Metric(
        "inplace_cache_age_seconds",
        "gauge",
        "Time since the API server was last heard of for this cache, bookmarks included.",
        (_RESOURCE,),
        sampled=True,
    ),
    Metric(
        "inplace_cache_synced",
        "gauge",
        "1 if the cache has been filled and its list and watch have no problem now.",
        (_RESOURCE,),
        sampled=True,
    ),
    Metric("inplace_cache_objects", "gauge", "Objects in the cache.", (_RESOURCE,), sampled=True),
    Metric("inplace_cache_bytes", "gauge", "Their size in JSON, as it was received.", (_RESOURCE,), sampled=True),
    Metric("inplace_event_loop_lag_seconds", "histogram", "How late the event loop woke a sleeper."),
    Metric("inplace_events_dropped_total", "counter", "Events not written because the queue was full."),
    Metric("inplace_expectations_overdue_total", "counter", "Writes not seen back in time."),
)
