"""The rows about the controller itself: its requests, its queue, its process and caches."""

from __future__ import annotations

from typing import Final

from hack.monitoring.panels import Panel, Query, Row, slowest

_API: Final = Row(
    "API and queue",
    (
        Panel(
            "Requests by code",
            "<error>: no answer.",
            "lines",
            "reqps",
            (Query("sum by (code) (rate(rest_client_requests_total{SELECTED}[$__rate_interval]))", "{{code}}"),),
        ),
        Panel(
            "Slow requests",
            "99th percentile, watches aside.",
            "lines",
            "s",
            (slowest("rest_client_request_duration_seconds", "verb"),),
        ),
        Panel(
            "Requests throttled, and sent again",
            "Put off because the API server had answered 429, and repeated after an error.",
            "lines",
            "reqps",
            (
                Query(
                    "sum by (verb) (rate(rest_client_rate_limiter_duration_seconds_count{SELECTED}[$__rate_interval]))",
                    "{{verb}} throttled",
                    rare="the API server has throttled nothing",
                ),
                Query(
                    "sum by (verb) (rate(rest_client_request_retries_total{SELECTED}[$__rate_interval]))",
                    "{{verb}} sent again",
                    rare="no request was repeated",
                ),
            ),
        ),
        Panel(
            "Writes by outcome",
            "stale: somebody else was faster, planned again. refused: by admission, a quota or missing rights.",
            "lines",
            "wps",
            (
                Query(
                    "sum by (action, outcome) (rate(inplace_writes_total{SELECTED}[$__rate_interval]))",
                    "{{action}} {{outcome}}",
                ),
            ),
        ),
        Panel(
            "Queue",
            "Workloads that wait to be planned, and that are being planned.",
            "lines",
            "short",
            (
                Query("sum(workqueue_depth{SELECTED})", "waiting"),
                Query("sum(controller_runtime_active_workers{SELECTED})", "in work"),
            ),
        ),
        Panel(
            "Slow queue",
            "99th percentile of the time in the queue, of the work on a workload, and the longest that is under way.",
            "lines",
            "s",
            (
                slowest("workqueue_queue_duration_seconds", "name")._replace(legend="in the queue"),
                slowest("workqueue_work_duration_seconds", "name")._replace(legend="in work"),
                Query("max(workqueue_longest_running_processor_seconds{SELECTED})", "longest under way"),
            ),
        ),
        Panel(
            "Reconciliations by result",
            "An error is logged, and tried again with a growing pause.",
            "lines",
            "ops",
            (
                Query(
                    "sum by (result) (rate(controller_runtime_reconcile_total{SELECTED}[$__rate_interval]))",
                    "{{result}}",
                ),
            ),
        ),
        Panel(
            "Slow plans",
            "99th percentile of the duration of a plan.",
            "lines",
            "s",
            (slowest("inplace_plan_seconds", "kind"),),
        ),
        Panel(
            "Watch events",
            "By resource.",
            "lines",
            "ops",
            (
                Query(
                    "sum by (resource) (rate(inplace_watch_events_total{SELECTED}[$__rate_interval]))",
                    "{{resource}}",
                ),
            ),
        ),
        Panel(
            "Watches opened again, and full lists",
            "closed is usual: the API server ends a watch after some minutes. error and expired are not.",
            "events",
            "short",
            (
                Query(
                    "sum by (why) (increase(inplace_watch_restarts_total{SELECTED}[$__rate_interval]))",
                    "{{why}}",
                    rare="no watch was opened again yet",
                ),
                Query("sum(increase(inplace_relists_total{SELECTED}[$__rate_interval]))", "full lists"),
            ),
        ),
    ),
)

_PROCESS: Final = Row(
    "Process",
    (
        Panel(
            "Memory",
            "Resident, by replica.",
            "lines",
            "bytes",
            (Query("max by (instance) (process_resident_memory_bytes{SELECTED})", "{{instance}}"),),
        ),
        Panel(
            "CPU",
            "Cores in use, by replica. A reconciliation uses one at most: Python has one thread for them.",
            "lines",
            "short",
            (
                Query(
                    "max by (instance) (rate(process_cpu_seconds_total{SELECTED}[$__rate_interval]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Event loop",
            "99th percentile of how late it wakes up. Above a second it lacks CPU.",
            "lines",
            "s",
            (slowest("inplace_event_loop_lag_seconds", "instance"),),
        ),
        Panel(
            "Up since",
            "Time since the start of the process, by replica.",
            "lines",
            "s",
            (Query("time() - max by (instance) (process_start_time_seconds{SELECTED})", "{{instance}}"),),
        ),
        Panel(
            "Age of the caches",
            "Since the API server was last heard of. A quiet watch has a bookmark about once a minute.",
            "lines",
            "s",
            (Query("max by (resource) (inplace_cache_age_seconds{SELECTED})", "{{resource}}"),),
        ),
        Panel(
            "Caches that are filled",
            "1: filled, and without a problem. 0: nothing is decided that depends on it.",
            "lines",
            "short",
            (Query("min by (resource) (inplace_cache_synced{SELECTED})", "{{resource}}"),),
        ),
        Panel(
            "Size of the caches",
            "In bytes of JSON as it was received; of the largest replica.",
            "stack",
            "bytes",
            (Query("max by (resource) (inplace_cache_bytes{SELECTED})", "{{resource}}"),),
        ),
        Panel(
            "Objects in the caches",
            "Of the largest replica.",
            "stack",
            "short",
            (Query("max by (resource) (inplace_cache_objects{SELECTED})", "{{resource}}"),),
        ),
        Panel(
            "Admission policies",
            "1: the policy's binding is there, and denies if it validates. 0: it is missing, perhaps by choice.",
            "lines",
            "short",
            (
                Query(
                    "min by (policy) (inplace_policy_installed{SELECTED})",
                    "{{policy}}",
                    rare="the controller may not read the bindings",
                ),
            ),
        ),
        Panel(
            "Namespaces by freeze policy",
            "active: admission freezes an opted-in workload in the write that changes its template.",
            "stack",
            "short",
            (
                Query(
                    "sum by (kind, state) (inplace_freeze_policy_namespaces{SELECTED})",
                    "{{kind}} {{state}}",
                    rare="no namespace has an opted-in workload",
                ),
            ),
        ),
    ),
)

ROWS: Final = (_API, _PROCESS)
