"""For every alert: series with which it fires, when it does not yet, and a look-alike with which it does not.

One sample a minute, in promtool's notation: `0x5` is six zeros, `0+60x9` counts up by 60, `stale` ends a series.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hack.monitoring import rules

HERE = 'namespace="inplace-system", job="inplace-metrics"'
POD = f'{HERE}, instance="10.0.0.1:8080"'
STANDBY = f'{HERE}, instance="10.0.0.2:8080"'
#: Of another controller, with metrics of the same names.
OTHER = 'namespace="other", job="other", instance="10.0.0.9:8080"'
SET = f'{POD}, kind="StatefulSet"'
BUILD = {f'inplace_build_info{{{POD}, version="1"}}': "1x2000"}
INSTALLATION = {"namespace": "inplace-system", "job": "inplace-metrics"}
INSTANCE = {**INSTALLATION, "instance": "10.0.0.1:8080"}
OF_SETS = {**INSTALLATION, "kind": "StatefulSet"}


@dataclass(frozen=True)
class Case:
    """At minute `quiet` the alert does not fire, at `fires` it does, with these labels and this description."""

    alert: str
    series: Mapping[str, str]
    quiet: int
    fires: int
    labels: Mapping[str, str]
    description: str
    #: With these it fires at neither.
    never: Mapping[str, str] = field(default_factory=dict)


CASES = (
    Case(
        "InplaceGateClosedTooLong",
        {f"inplace_oldest_closed_gate_seconds{{{SET}}}": "0+60x60"},
        31,
        32,
        OF_SETS,
        "A Pod of a StatefulSet has been out of service for 32m 0s: its gate InPlaceUpdateReady is closed, and the"
        " controller in inplace-system has not opened it again.",
        never={f"inplace_oldest_closed_gate_seconds{{{SET}}}": "0+60x29 0+60x29 0"},
    ),
    Case(
        "InplaceWorkloadDegraded",
        {f'inplace_workloads_by_reason{{{SET}, phase="Degraded", reason="DeadlineExceeded"}}': "_x5 2x20"},
        9,
        10,
        {**OF_SETS, "reason": "DeadlineExceeded"},
        "Workloads of kind StatefulSet that are Degraded: 2, with the reason DeadlineExceeded. No further Pod is"
        " upgraded until somebody acts.",
        never={f'inplace_workloads_by_reason{{{SET}, phase="Refused", reason="FieldChanged"}}': "1x20"},
    ),
    Case(
        "InplaceWorkloadRefused",
        {f'inplace_workloads_by_reason{{{SET}, phase="Refused", reason="FieldChanged"}}': "1x40"},
        14,
        15,
        {**OF_SETS, "reason": "FieldChanged"},
        "Workloads of kind StatefulSet that are Refused: 1, with the reason FieldChanged. Their Pods keep running"
        " as they were.",
        never={f'inplace_workloads_by_reason{{{SET}, phase="HandedOver", reason="FieldChanged"}}': "1x40"},
    ),
    Case(
        "InplaceWorkloadRolledBack",
        {f'inplace_workloads{{{SET}, phase="RolledBack"}}': "0x5 1x40"},
        20,
        21,
        OF_SETS,
        "Workloads of kind StatefulSet that are RolledBack: 1. Their Pods are at the last healthy revision, and"
        " their templates are not.",
        never={f'inplace_workloads{{{SET}, phase="RollingBack"}}': "1x40"},
    ),
    Case(
        "InplaceUpgradeStuck",
        {
            f'inplace_oldest_phase_seconds{{{SET}, phase="Progressing"}}': "0+60x200",
            f'inplace_pods_upgraded_total{{{SET}, evidence="ImageChanged"}}': "0+1x30 30x200",
        },
        94,
        95,
        {**OF_SETS, "phase": "Progressing"},
        "A StatefulSet has been Progressing for 1h 35m 0s, and no Pod of that kind was upgraded within the last hour.",
        never={
            f'inplace_oldest_phase_seconds{{{SET}, phase="Progressing"}}': "0+60x200",
            f'inplace_pods_upgraded_total{{{SET}, evidence="ImageChanged"}}': "0+1x200",
        },
    ),
    Case(
        "InplaceUpgradeForgotten",
        {f'inplace_oldest_phase_seconds{{{SET}, phase="AwaitingPromotion"}}': "86000+60x20"},
        11,
        12,
        {**OF_SETS, "phase": "AwaitingPromotion"},
        "A StatefulSet has been AwaitingPromotion for 1d 0h 5m 20s, with its Pods at two revisions.",
        never={f'inplace_oldest_phase_seconds{{{SET}, phase="Degraded"}}': "86000+60x20"},
    ),
    Case(
        "InplaceEndpointsSlow",
        {f"inplace_endpoints_slow_total{{{SET}}}": "0x10 2x40"},
        10,
        20,
        OF_SETS,
        "Pods of kind StatefulSet patched within 15 minutes while an EndpointSlice still showed them as serving:"
        " 2. Requests may have failed.",
        never={f"inplace_endpoints_slow_total{{{SET}}}": "2x40"},
    ),
    Case(
        "InplaceControllerAbsent",
        {
            f'inplace_workloads{{{SET}, phase="UpToDate"}}': "3x10 stale",
            f'inplace_build_info{{{POD}, version="1"}}': "1x10 stale",
        },
        15,
        16,
        INSTALLATION,
        "No controller answers in inplace-system (job inplace-metrics), where workloads were opted in within the"
        " last day. Closed gates stay closed, new Pods that have the gate never become Ready, and no change of a"
        " template is rolled out.",
        never={
            f'inplace_workloads{{{SET}, phase="UpToDate"}}': "0x10 stale",
            f'inplace_build_info{{{POD}, version="1"}}': "1x10 stale",
        },
    ),
    Case(
        "InplaceMetricsAbsent",
        {f'inplace_build_info{{{POD}, version="1"}}': "1x10 stale"},
        25,
        26,
        {},
        "No target has inplace_build_info: there is no controller, or it is not scraped, and no other alert of it"
        " can fire.",
        never={f'inplace_build_info{{{STANDBY}, version="1"}}': "1x60"},
    ),
    Case(
        "InplaceControllerRestarts",
        {f"process_start_time_seconds{{{POD}}}": "100x10 700x5 1100x5 1500x30", **BUILD},
        22,
        23,
        INSTANCE,
        "The controller 10.0.0.1:8080 in inplace-system was restarted 3 times within an hour.",
        never={f"process_start_time_seconds{{{OTHER}}}": "100x10 700x5 1100x5 1500x30", **BUILD},
    ),
    Case(
        "InplaceNoLeader",
        {
            f'leader_election_master_status{{{POD}, name="inplace-controller"}}': "1x5 0x20",
            f'leader_election_master_status{{{STANDBY}, name="inplace-controller"}}': "0x30",
        },
        7,
        8,
        INSTALLATION,
        "Controllers run in inplace-system (job inplace-metrics), and for two minutes none of them has held the lease.",
        never={
            f'leader_election_master_status{{{POD}, name="inplace-controller"}}': "1x5 0x20",
            f'leader_election_master_status{{{STANDBY}, name="inplace-controller"}}': "0x6 1x30",
            f'leader_election_master_status{{{OTHER}, name="other"}}': "0x30",
        },
    ),
    Case(
        "InplaceSeveralLeaders",
        {
            f'leader_election_master_status{{{POD}, name="inplace-controller"}}': "1x30",
            f'leader_election_master_status{{{STANDBY}, name="inplace-controller"}}': "0x5 1x20",
        },
        7,
        8,
        INSTALLATION,
        "2 controllers in inplace-system (job inplace-metrics) lead at the same time. Each is safe by itself;"
        " together they may disrupt more Pods than the budgets allow.",
        never={
            f'leader_election_master_status{{{POD}, name="inplace-controller"}}': "1x30",
            f'leader_election_master_status{{{OTHER}, name="inplace-controller"}}': "1x30",
        },
    ),
    Case(
        "InplaceCacheStale",
        {f'inplace_cache_age_seconds{{{POD}, resource="pods"}}': "0+60x10"},
        6,
        7,
        {**INSTANCE, "resource": "pods"},
        "The cache of pods of the controller 10.0.0.1:8080 in inplace-system last had an answer 7m 0s ago.",
        never={f'inplace_cache_age_seconds{{{POD}, resource="pods"}}': "0+60x5 0+60x5"},
    ),
    Case(
        "InplaceCacheNotFilled",
        {f'inplace_cache_synced{{{POD}, resource="pods"}}': "1x5 0x20"},
        10,
        11,
        {**INSTANCE, "resource": "pods"},
        "The controller 10.0.0.1:8080 in inplace-system cannot list or watch pods, and decides nothing that"
        " depends on them.",
        never={f'inplace_cache_synced{{{POD}, resource="pods"}}': "0x4 1x20"},
    ),
    Case(
        "InplaceWritesRefused",
        {f'inplace_writes_total{{{SET}, action="patch_images", outcome="refused"}}': "0x5 1+1x30"},
        8,
        20,
        {**OF_SETS, "action": "patch_images"},
        "15 writes patch_images for workloads of kind StatefulSet were refused within 15 minutes, by admission, a"
        " quota or missing rights.",
        never={
            f'inplace_writes_total{{{SET}, action="dry_run_patch", outcome="refused"}}': "0+1x40",
            f'inplace_writes_total{{{SET}, action="patch_images", outcome="stale"}}': "0+1x40",
        },
    ),
    Case(
        "InplaceReconcileErrors",
        {f'controller_runtime_reconcile_errors_total{{{POD}, controller="workloads"}}': "0x5 1+1x30", **BUILD},
        8,
        20,
        INSTALLATION,
        "15 reconciliations of the controller in inplace-system raised an error within 15 minutes.",
        never={f'controller_runtime_reconcile_errors_total{{{OTHER}, controller="workloads"}}': "0+1x40", **BUILD},
    ),
    Case(
        "InplaceReconcileStuck",
        {f'workqueue_longest_running_processor_seconds{{{POD}, name="workloads"}}': "0+60x10", **BUILD},
        6,
        7,
        INSTANCE,
        "A reconciliation of the controller 10.0.0.1:8080 in inplace-system has been running for 7m 0s; its"
        " workload is not looked at until it ends.",
        never={f'workqueue_longest_running_processor_seconds{{{OTHER}, name="workloads"}}': "0+60x10", **BUILD},
    ),
    Case(
        "InplaceEventLoopSlow",
        {
            f'inplace_event_loop_lag_seconds_bucket{{{POD}, le="1"}}': "0x30",
            f'inplace_event_loop_lag_seconds_bucket{{{POD}, le="2.5"}}': "0+600x30",
            f'inplace_event_loop_lag_seconds_bucket{{{POD}, le="+Inf"}}': "0+600x30",
        },
        10,
        11,
        INSTANCE,
        "The event loop of the controller 10.0.0.1:8080 in inplace-system wakes up 2.485s late: it lacks CPU, or"
        " memory.",
        never={
            f'inplace_event_loop_lag_seconds_bucket{{{POD}, le="1"}}': "0+600x30",
            f'inplace_event_loop_lag_seconds_bucket{{{POD}, le="2.5"}}': "0+600x30",
            f'inplace_event_loop_lag_seconds_bucket{{{POD}, le="+Inf"}}': "0+600x30",
        },
    ),
    Case(
        "InplaceApiErrors",
        {
            f'rest_client_requests_total{{{POD}, code="200", method="GET", host="api"}}': "0+90x40",
            f'rest_client_requests_total{{{POD}, code="503", method="GET", host="api"}}': "0x5 5+5x40",
            f'rest_client_requests_total{{{POD}, code="<error>", method="GET", host="api"}}': "0x5 5+5x40",
            f'rest_client_requests_total{{{OTHER}, code="503", method="GET", host="api"}}': "0+90x40",
            **BUILD,
        },
        17,
        30,
        INSTALLATION,
        "10% of the requests of the controller in inplace-system failed within five minutes.",
        never={
            f'rest_client_requests_total{{{POD}, code="200", method="GET", host="api"}}': "0+90x40",
            f'rest_client_requests_total{{{POD}, code="409", method="PATCH", host="api"}}': "0+90x40",
            **BUILD,
        },
    ),
    Case(
        "InplaceApiThrottled",
        {
            f'rest_client_rate_limiter_duration_seconds_count{{{POD}, verb="GET", host="api"}}': "0x5 2+2x30",
            **BUILD,
        },
        11,
        30,
        INSTALLATION,
        "30 requests of the controller in inplace-system were put off by the API server (429) within 15 minutes.",
        never={
            f'rest_client_rate_limiter_duration_seconds_count{{{OTHER}, verb="GET", host="api"}}': "0+9x40",
            **BUILD,
        },
    ),
    Case(
        "InplaceFenceNotInForce",
        {
            f'inplace_policy_installed{{{POD}, policy="inplace-fence-pods"}}': "1x5 0x30",
            f'inplace_policy_installed{{{POD}, policy="inplace-fence-budgets"}}': "1x40",
        },
        15,
        16,
        {**INSTALLATION, "policy": "inplace-fence-pods"},
        "The policy inplace-fence-pods is missing or does not deny, though the fence was in force within the last"
        " seven days: the account of the controller in inplace-system may write more than it needs.",
        never={
            f'inplace_policy_installed{{{POD}, policy="inplace-fence-pods"}}': "0x40",
            f'inplace_policy_installed{{{POD}, policy="inplace-settings"}}': "1x40",
        },
    ),
    Case(
        "InplaceFenceOfAnother",
        {
            f'inplace_policy_installed{{{POD}, policy="inplace-fence-pods"}}': "1x40",
            f'inplace_fence_in_force{{{POD}, policy="inplace-fence-pods"}}': "0x40",
        },
        10,
        16,
        {**INSTALLATION, "policy": "inplace-fence-pods"},
        "The policy inplace-fence-pods is installed, and the API server would make a write of the controller in"
        " inplace-system that it forbids: it names another account or namespace.",
        never={
            f'inplace_policy_installed{{{POD}, policy="inplace-fence-pods"}}': "0x40",
            f'inplace_fence_in_force{{{POD}, policy="inplace-fence-pods"}}': "0x40",
        },
    ),
    Case(
        "InplacePolicyGone",
        {f'inplace_policy_installed{{{POD}, policy="inplace-settings"}}': "1x5 0x30"},
        15,
        16,
        {**INSTALLATION, "policy": "inplace-settings"},
        "The policy inplace-settings of the controller in inplace-system was in force within the last day, and is"
        " missing or does not deny.",
        never={
            f'inplace_policy_installed{{{POD}, policy="inplace-settings"}}': "0x40",
            f'inplace_policy_installed{{{POD}, policy="inplace-gate-daemonsets"}}': "1x40",
        },
    ),
)


def promtool() -> dict[str, Any]:
    """The cases as a file for `promtool test rules`."""
    known = {alert.name: alert for alert in rules.alerts()}
    return {
        "rule_files": [str(rules.SOURCE)],
        "evaluation_interval": "1m",
        "tests": [test for case in CASES for test in _tests(case, known[case.alert])],
    }


def _tests(case: Case, alert: rules.Alert) -> Iterator[dict[str, Any]]:
    expected = {
        "exp_labels": {"severity": alert.severity, **case.labels},
        "exp_annotations": {**alert.annotations, "description": case.description},
    }
    moments = [_moment(case, case.quiet, []), _moment(case, case.fires, [expected])]
    yield {"interval": "1m", "input_series": _series(case.series), "alert_rule_test": moments}
    moments = [_moment(case, minute, []) for minute in (case.quiet, case.fires)]
    yield {"interval": "1m", "input_series": _series(case.never), "alert_rule_test": moments}


def _moment(case: Case, minute: int, expected: list[dict[str, Any]]) -> dict[str, Any]:
    return {"eval_time": f"{minute}m", "alertname": case.alert, "exp_alerts": expected}


def _series(series: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"series": name, "values": values} for name, values in series.items()]
