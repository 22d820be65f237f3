"""What the dashboard shows: its rows, and the panels with their queries, as a table.

SELECTED stands for the installations chosen at the top of the dashboard. Rates and increases are taken over
`$__rate_interval` where they are drawn over time, and over `$__range` where one number stands for the whole of it:
upgrades are rare. Knows nothing of Grafana's format.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

#: stat: one number; bars: one for each series, over the whole time; lines, stack, events: over time.
Shape = Literal["stat", "bars", "lines", "stack", "events"]


class Query(NamedTuple):
    """One query, and what its series are called. `rare`: when it returns nothing although all is well."""

    expression: str
    legend: str
    rare: str = ""


class Panel(NamedTuple):
    """One panel. `unit` is Grafana's; `colors` are those of a stat, each from its number upwards."""

    title: str
    description: str
    shape: Shape
    unit: str
    queries: tuple[Query, ...]
    colors: tuple[tuple[float | None, str], ...] = ((None, "green"),)


class Row(NamedTuple):
    """A heading, and what is below it."""

    title: str
    panels: tuple[Panel, ...]


def _quantiles(metric: str, by: str, rare: str = "") -> tuple[Query, ...]:
    """The median and the 90th percentile over the whole time."""
    return tuple(
        Query(
            f"histogram_quantile({q}, sum by (le, {by}) (increase({metric}_bucket{{SELECTED}}[$__range])))",
            f"{{{{{by}}}}} {name}",
            rare,
        )
        for q, name in ((0.5, "median"), (0.9, "90 %"))
    )


def _slowest(metric: str, by: str, rare: str = "") -> Query:
    """The 99th percentile over time."""
    rate = f"rate({metric}_bucket{{SELECTED}}[$__rate_interval])"
    return Query(f"histogram_quantile(0.99, sum by (le, {by}) ({rate}))", f"{{{{{by}}}}}", rare)


_OVERVIEW: Final = Row(
    "Overview",
    (
        Panel(
            "Leader",
            "1: a controller leads and may write. 0: none does, and nothing is upgraded.",
            "stat",
            "short",
            (Query("max(leader_election_master_status{SELECTED})", "leader"),),
            ((None, "red"), (1, "green")),
        ),
        Panel(
            "Controllers",
            "Replicas by version. All but one are standbys.",
            "stat",
            "short",
            (Query("count by (version) (inplace_build_info{SELECTED})", "{{version}}"),),
        ),
        Panel(
            "Opted-in workloads",
            "StatefulSets, DaemonSets, Deployments and ReplicaSets with the label inplace.dev/mode.",
            "stat",
            "short",
            (Query("sum(inplace_workloads{SELECTED})", "workloads"),),
        ),
        Panel(
            "Workloads that need somebody",
            "Degraded, Refused or RolledBack: nothing goes on by itself.",
            "stat",
            "short",
            (Query('sum(inplace_workloads{SELECTED, phase=~"Degraded|Refused|RolledBack"})', "workloads"),),
            ((None, "green"), (1, "red")),
        ),
        Panel(
            "Closed gates",
            "Pods that are out of service because their gate InPlaceUpdateReady is closed.",
            "stat",
            "short",
            (Query("sum(inplace_closed_gates{SELECTED})", "Pods"),),
        ),
        Panel(
            "Oldest closed gate",
            "For how long the Pod that has been out of service for longest has been. An alert fires at half an hour.",
            "stat",
            "s",
            (Query("max(inplace_oldest_closed_gate_seconds{SELECTED})", "oldest"),),
            ((None, "green"), (1800, "red")),
        ),
        Panel(
            "Workloads by phase",
            "Opted-in workloads. The phases are those of the label inplace.dev/phase.",
            "stack",
            "short",
            (Query("sum by (phase) (inplace_workloads{SELECTED})", "{{phase}}"),),
        ),
        Panel(
            "Why workloads stand where they are",
            "Workloads that are not on their way, by the first reason of their status.",
            "stack",
            "short",
            (
                Query(
                    "sum by (kind, phase, reason) (inplace_workloads_by_reason{SELECTED})",
                    "{{kind}} {{phase}} {{reason}}",
                    rare="no workload is Refused, Degraded, rolled back or handed over",
                ),
            ),
        ),
    ),
)

_UPGRADES: Final = Row(
    "Upgrades by how they ended",
    (
        Panel(
            "Upgrades that ended",
            "Of workloads. superseded: the template changed again before the end.",
            "events",
            "short",
            (Query("sum by (result) (increase(inplace_upgrades_total{SELECTED}[$__rate_interval]))", "{{result}}"),),
        ),
        Panel(
            "Why upgrades did not succeed",
            "Since the start of the leading controller, by the first reason.",
            "lines",
            "short",
            (
                Query(
                    "sum by (result, reason) (inplace_upgrade_failures_total{SELECTED})",
                    "{{result}} {{reason}}",
                    rare="every upgrade has succeeded",
                ),
            ),
        ),
        Panel(
            "Duration of upgrades",
            "Of workloads, from the begin of the first Pod to the end, waiting included.",
            "bars",
            "s",
            _quantiles("inplace_upgrade_seconds", "result"),
        ),
        Panel(
            "Pods upgraded, by evidence",
            "What showed that the new container runs. Unchanged: nothing had to restart.",
            "events",
            "short",
            (
                Query(
                    "sum by (evidence) (increase(inplace_pods_upgraded_total{SELECTED}[$__rate_interval]))",
                    "{{evidence}}",
                ),
            ),
        ),
        Panel(
            "Pods failed, by reason",
            "Since the start of the leading controller. The codes are those of inplace explain.",
            "lines",
            "short",
            (
                Query(
                    "sum by (kind, code) (inplace_pods_failed_total{SELECTED})",
                    "{{kind}} {{code}}",
                    rare="no Pod has failed",
                ),
            ),
        ),
    ),
)

_PODS: Final = Row(
    "Pods by phase",
    (
        Panel(
            "Pods by state",
            "Pods of opted-in workloads. Excluded: kept at the old revision by a partition, or about to be scaled away.",
            "stack",
            "short",
            (Query("sum by (state) (inplace_pods{SELECTED})", "{{state}}"),),
        ),
        Panel(
            "Closed gates by kind",
            "Pods out of service for an upgrade.",
            "stack",
            "short",
            (Query("sum by (kind) (inplace_closed_gates{SELECTED})", "{{kind}}"),),
        ),
        Panel(
            "Age of the oldest closed gate",
            "By kind; 0 if no gate is closed.",
            "lines",
            "s",
            (Query("max by (kind) (inplace_oldest_closed_gate_seconds{SELECTED})", "{{kind}}"),),
        ),
    ),
)

_STEPS: Final = Row(
    "Step durations",
    (
        Panel(
            "Steps of a Pod's upgrade",
            "How long Pods took for each step, in the order drain, endpoints, grace, swap, ready, min_ready.",
            "bars",
            "s",
            _quantiles("inplace_pod_step_seconds", "step"),
        ),
        Panel(
            "A Pod's upgrade in all",
            "From its begin to done.",
            "bars",
            "s",
            _quantiles("inplace_pod_upgrade_seconds", "kind"),
        ),
        Panel(
            "Where the time goes",
            "Time that all Pods together spent in each step.",
            "bars",
            "s",
            (Query("sum by (step) (increase(inplace_pod_step_seconds_sum{SELECTED}[$__range]))", "{{step}}"),),
        ),
    ),
)

_WAITING: Final = Row(
    "Waiting on people and budgets",
    (
        Panel(
            "Pods by what they wait for",
            "Pods that are not done, by reason code.",
            "stack",
            "short",
            (
                Query(
                    "sum by (reason) (inplace_pods_waiting{SELECTED})",
                    "{{reason}}",
                    rare="every Pod is done",
                ),
            ),
        ),
        Panel(
            "Time in each phase",
            "Time that workloads spent in the phases that have ended. Progressing is work; Paused and AwaitingPromotion are"
            " people.",
            "bars",
            "s",
            (Query("sum by (phase) (increase(inplace_workload_phase_seconds_sum{SELECTED}[$__range]))", "{{phase}}"),),
        ),
        Panel(
            "Time that Pods waited to begin",
            "By what they waited for.",
            "bars",
            "s",
            (Query("sum by (on) (increase(inplace_pod_waiting_seconds_sum{SELECTED}[$__range]))", "{{on}}"),),
        ),
        Panel(
            "Longest stay in a phase",
            "Of the workloads that are in it now.",
            "lines",
            "s",
            (
                Query(
                    "max by (kind, phase) (inplace_oldest_phase_seconds{SELECTED})",
                    "{{kind}} {{phase}}",
                    rare="every workload is UpToDate",
                ),
            ),
        ),
        Panel(
            "Budget in use",
            "max-unavailable of the workloads that are not UpToDate, and how much of it is used.",
            "lines",
            "short",
            (
                Query("sum by (kind) (inplace_budget_pods{SELECTED})", "{{kind}} budget"),
                Query("sum by (kind) (inplace_budget_used_pods{SELECTED})", "{{kind}} used"),
            ),
        ),
        Panel(
            "Pods out of service, and the caps",
            "Over all workloads, beside --max-disrupted and --max-disrupted-per-namespace if they are given.",
            "lines",
            "short",
            (
                Query("sum(inplace_disrupted_pods{SELECTED})", "Pods"),
                Query(
                    "max by (scope) (inplace_disruption_cap_pods{SELECTED})",
                    "cap {{scope}}",
                    rare="the controller runs without these options",
                ),
            ),
        ),
        Panel(
            "Images pulled beforehand",
            "Pull Pods, by how they ended.",
            "events",
            "short",
            (Query("sum by (result) (increase(inplace_prepulls_total{SELECTED}[$__rate_interval]))", "{{result}}"),),
        ),
    ),
)

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
            (_slowest("rest_client_request_duration_seconds", "verb"),),
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
                _slowest("workqueue_queue_duration_seconds", "name")._replace(legend="in the queue"),
                _slowest("workqueue_work_duration_seconds", "name")._replace(legend="in work"),
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
            (_slowest("inplace_plan_seconds", "kind"),),
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
            (_slowest("inplace_event_loop_lag_seconds", "instance"),),
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

ROWS: Final = (_OVERVIEW, _UPGRADES, _PODS, _STEPS, _WAITING, _API, _PROCESS)
