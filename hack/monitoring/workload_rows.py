"""The rows about workloads and Pods: what is opted in, how upgrades end, how long they take, and what they wait for."""

from __future__ import annotations

from typing import Final

from hack.monitoring.panels import Panel, Query, Row, quantiles

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
            quantiles("inplace_upgrade_seconds", "result"),
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
            "Pods of opted-in workloads. Excluded: kept at the old revision by a partition, or to be scaled away.",
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
            quantiles("inplace_pod_step_seconds", "step"),
        ),
        Panel(
            "A Pod's upgrade in all",
            "From its begin to done.",
            "bars",
            "s",
            quantiles("inplace_pod_upgrade_seconds", "kind"),
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
            "Of the workloads, once they have left it. Progressing is work; Paused and AwaitingPromotion are people.",
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

ROWS: Final = (_OVERVIEW, _UPGRADES, _PODS, _STEPS, _WAITING)
