"""The table of the controller's metrics, with the values that each label can have.

`docs/reference/metrics.md` is made from it. `counts` counts the writes that were made, `tally` what plans find,
`samples` reads the rest whenever somebody looks.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, get_args

from inplace.cluster.key import ORPHAN
from inplace.controller.apply import Outcome
from inplace.controller.counts import NONE, TIMED
from inplace.controller.fence_probe import FENCE
from inplace.controller.installed_policies import MUTATING, VALIDATING
from inplace.core import kinds
from inplace.core.actions.actions import Action
from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan.endings import NEW_REVISION, REVERTED, Result
from inplace.core.rollout.pull_pods import PullResult
from inplace.core.state.records import Evidence
from inplace.core.state.statuses import Phase
from inplace.core.views.figures import EXPLAINED, State, Step, WaitingOn
from inplace.runtime.observe import METRICS, Label, Metric

#: What every replica watches, in the order of its caches.
RESOURCES: Final = (
    *(kind.plural for kind in kinds.ALL),
    "controllerrevisions",
    "nodes",
    "endpointslices",
    "poddisruptionbudgets",
    "pods",
)


def _label(name: str, *values: str) -> Label:
    return Label(name, tuple(str(value) for value in values))


_CODES: Final = tuple(ReasonCode)
_KIND: Final = _label("kind", *(kind.name for kind in kinds.ALL))
_WRITTEN: Final = (
    _label("kind", *(kind.name for kind in kinds.ALL), ORPHAN),
    _label("action", *(re.sub(r"(?<!^)(?=[A-Z])", "_", action.__name__).lower() for action in get_args(Action))),
)
_PHASE: Final = _label("phase", *Phase)
_UNSETTLED: Final = _label("phase", *(phase for phase in Phase if phase is not Phase.UP_TO_DATE))
_REASON: Final = _label("reason", *_CODES, NONE)
_BOUND: Final = "the workloads that are opted in"


def _gauge(name: str, help_: str, *labels: Label) -> Metric:
    """A gauge of the process that leads."""
    return Metric(name, "gauge", help_, labels, sampled=True, leader=True)


def _counter(name: str, help_: str, *labels: Label) -> Metric:
    return Metric(name, "counter", help_, labels, leader=True)


def _seconds(name: str, help_: str, *labels: Label) -> Metric:
    return Metric(name, "histogram", help_, labels, leader=True)


#: With `--metrics-per-workload` only.
PER_WORKLOAD: Final = _gauge(
    "inplace_workload_info",
    "1 for each opted-in workload; only with --metrics-per-workload.",
    Label("namespace", bound=_BOUND),
    Label("name", bound=_BOUND),
    _KIND,
    _PHASE,
    _REASON,
)
#: The state of the workloads, as the last plan of each has found it.
STATE: Final = (
    _gauge("inplace_workloads", "Opted-in workloads by phase.", _KIND, _PHASE),
    _gauge(
        "inplace_workloads_by_reason",
        "Opted-in workloads that have stopped or failed, by the first reason.",
        _KIND,
        _label("phase", *EXPLAINED),
        _REASON,
    ),
    _gauge(
        "inplace_oldest_phase_seconds",
        "How long the workload that has been longest in this phase has been, as far as this process has seen.",
        _KIND,
        _UNSETTLED,
    ),
    _gauge("inplace_pods", "Pods of opted-in workloads by state.", _KIND, _label("state", *State)),
    _gauge("inplace_pods_waiting", "Pods that are not done, by what they wait for.", _KIND, _label("reason", *_CODES)),
    _gauge("inplace_closed_gates", "Pods whose readiness gate is closed.", _KIND),
    _gauge("inplace_oldest_closed_gate_seconds", "How long the one closed for longest has been; 0 if none is.", _KIND),
    _gauge("inplace_budget_pods", "Pods that max-unavailable allows to be unavailable, while upgrading.", _KIND),
    _gauge("inplace_budget_used_pods", "Pods of the same workloads that are unavailable.", _KIND),
    _gauge("inplace_disrupted_pods", "Pods that this controller keeps out of service, or is about to."),
    _gauge(
        "inplace_disruption_cap_pods",
        "--max-disrupted (all) and --max-disrupted-per-namespace; none without the option.",
        _label("scope", "all", "namespace"),
    ),
    _gauge(
        "inplace_freeze_policy_namespaces",
        "Namespaces by whether a dry run has shown that admission freezes the kind there.",
        _KIND,
        _label("state", "active", "inactive"),
    ),
    PER_WORKLOAD,
)
#: What has happened.
HAPPENED: Final = (
    _counter("inplace_upgrades_total", "Upgrades of workloads by how they ended.", _KIND, _label("result", *Result)),
    _counter(
        "inplace_upgrade_failures_total",
        "Those that did not succeed, by why: the reason of the first failed Pod, or of the refusal.",
        _KIND,
        _label("result", *(result for result in Result if result is not Result.SUCCEEDED)),
        _label("reason", *_CODES, NEW_REVISION, REVERTED),
    ),
    _seconds(
        "inplace_upgrade_seconds",
        "From when the first Pod was begun to the end of the upgrade.",
        _KIND,
        _label("result", *TIMED),
    ),
    _seconds(
        "inplace_workload_phase_seconds",
        "How long a workload was in a phase: Progressing is work, Paused and AwaitingPromotion wait for a person.",
        _KIND,
        _UNSETTLED,
    ),
    _counter(
        "inplace_pods_upgraded_total",
        "Pods upgraded, by the weakest evidence of a swap; `None`: no container had to be swapped.",
        _KIND,
        _label("evidence", *Evidence, NONE),
    ),
    _counter(
        "inplace_pods_failed_total",
        "Pods that have failed, by reason: once for a revision, unless a retry was requested.",
        _KIND,
        _label("code", *_CODES),
    ),
    _seconds("inplace_pod_upgrade_seconds", "From when a Pod was begun to its completion.", _KIND),
    _seconds("inplace_pod_step_seconds", "How long a Pod in flight was at a step.", _KIND, _label("step", *Step)),
    _seconds(
        "inplace_pod_waiting_seconds",
        "How long a Pod that is behind has waited for one thing, before it was begun.",
        _KIND,
        _label("on", *WaitingOn),
    ),
    _counter(
        "inplace_prepulls_total",
        "Pull Pods by what became of them, when they are deleted.",
        _KIND,
        _label("result", *PullResult),
    ),
    _seconds("inplace_plan_seconds", "Duration of a plan.", _KIND),
    _counter("inplace_writes_total", "Writes by outcome.", *_WRITTEN, _label("outcome", *Outcome)),
    _seconds("inplace_write_overhead_seconds", "From when a write was possible to its answer.", *_WRITTEN),
    _counter("inplace_settings_errors_total", "Settings that were rejected.", _KIND),
    _counter("inplace_endpoints_slow_total", "Pods patched while an endpoint still served.", _KIND),
)
POLICIES: Final = Metric(
    "inplace_policy_installed",
    "gauge",
    "1 if the binding of this admission policy exists, and denies if it is to; none while that is not known.",
    (_label("policy", *MUTATING, *VALIDATING),),
    sampled=True,
)
IN_FORCE: Final = Metric(
    "inplace_fence_in_force",
    "gauge",
    "1 if the API server refuses this very account what this policy forbids, 0 if not; none while that is not known.",
    (_label("policy", *FENCE),),
    sampled=True,
)
_CLOSED: Final = {"resource": _label("resource", *RESOURCES)}


def _bounded(metric: Metric) -> Metric:
    """With the values that this controller gives the labels of the lower layers."""
    return replace(metric, labels=tuple(_CLOSED.get(label.name, label) for label in metric.labels))


TABLE: Final = (*(_bounded(metric) for metric in METRICS), POLICIES, IN_FORCE, *STATE, *HAPPENED)
