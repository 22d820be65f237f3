"""What `plan`, `status` and `explain` say of each Pod, held against what the controller decided, at every step.

The controller of the embedded world plans with a witness: whenever it has decided, the commands are asked about the
very same objects, without the controller's memory, as a user's laptop would ask. What is left to differ is named here,
each with its reason; everything else is an untruth, and fails the scenario that it was seen in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from inplace.cluster.cache import Cache
from inplace.cluster.gather import gather
from inplace.cluster.key import Key
from inplace.core.actions.actions import subject
from inplace.core.objects.reasons import ReasonCode
from inplace.core.plan.plan import Planner, is_opted_in
from inplace.core.plan.result import Plan
from inplace.core.plan.status import explain
from inplace.core.rollout.reported import MEMORY_ONLY, MOMENTARY
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import records, statuses
from inplace.core.state.records import Record
from inplace.core.state.statuses import Status
from inplace.core.views import forecast as forecasts
from inplace.core.views import silence
from inplace.core.views import workload as views
from inplace.core.views.forecast import Forecast, PodForecast, Verdict
from inplace.core.views.workload import PodView, WorkloadView

#: A kubelet's times are whole seconds of its clock, which commands round up: so much later they say what the
#: controller says now, or so much earlier what it has just stopped saying.
ROUNDING = timedelta(seconds=2)
STAGES = {
    "Done": {Verdict.UP_TO_DATE},
    "Settling": {Verdict.IN_PROGRESS},
    "Waiting": {Verdict.STARTS, Verdict.WAITS},
    "Held": {Verdict.SKIPPED, Verdict.WAITS},
    "Kept": {Verdict.SKIPPED, Verdict.UP_TO_DATE},
    "Failed": {Verdict.FAILED},
    "Draining": {Verdict.IN_PROGRESS},
    "Swapping": {Verdict.IN_PROGRESS},
}


@dataclass
class Faces:
    """The commands' side of one cache, and everything untrue that they have said."""

    cache: Cache
    planner: Planner = field(default_factory=Planner)
    compared: int = 0
    momentary: int = 0
    untruths: list[str] = field(default_factory=list)
    _last: dict[str, object] = field(default_factory=dict)
    _began: datetime | None = None

    def compare(self, snapshot: Snapshot, decided: Plan, now: datetime) -> None:
        """Ask the commands about the workload that was decided on just now."""
        if not is_opted_in(snapshot):
            return
        meta = snapshot.workload.metadata
        step = (
            meta.resource_version,
            tuple(pod.metadata.resource_version for pod in snapshot.pods),
            _decision(decided),
        )
        if self._last.get(meta.uid) == step:
            return  # the same objects and the same decision as a moment ago
        self._last[meta.uid] = step
        key = Key(snapshot.kind.name, meta.namespace, meta.name)
        told = gather(self.cache, None, key, now)
        if not isinstance(told, Snapshot):
            return
        decision = _Step(snapshot, decided, statuses.current(snapshot.workload))
        self._began = self._began or now
        if decision.reported is not None and now > self._began + silence.SILENCE:  # else it is about to be reported on
            warned = silence.unattended(told, now)
            self.untruths += [f"{key}: {warned}"] if warned else []
        view, forecast = views.build(told, self.planner.plan(told, now)), forecasts.forecast(told, now, self.planner)
        for pod in views.build(snapshot, decided).pods:
            self.compared += 1
            if decision.is_momentary(pod) or decision.saw_late(told) or decision.is_unsettled(pod):
                self.momentary += 1
                continue
            untruth = _of_view(pod, view) or _of_forecast(pod, forecast)
            if untruth is not None and not decision.is_rewritten(view, pod) and not _is_rounding(pod, told, now):
                self.untruths.append(untruth)


def _decision(decided: Plan) -> list[tuple[str, str]]:
    """What the controller says of each Pod, in short."""
    reasons = ((pod, explain(pod, decided.deferred)) for pod in decided.pods)
    return [(type(pod.state).__name__, str(reason.code) if reason is not None else "") for pod, reason in reasons]


@dataclass(frozen=True)
class _Step:
    """One decision of the controller."""

    snapshot: Snapshot
    decided: Plan
    reported: Status | None

    def is_momentary(self, pod: PodView) -> bool:
        """Whether no object shows yet what the controller says of a Pod."""
        uid = next(one.uid for one in self.snapshot.pods if one.name == pod.name)
        if uid in {subject(action).uid for action in self.decided.actions}:
            return True  # it is being written at this very moment
        if pod.stage == "Waiting" and self.snapshot.pending:
            return True  # a write under way counts against the budget before anybody can see it
        return pod.reason is not None and self._is_unreported(pod.reason.code)

    def is_unsettled(self, pod: PodView) -> bool:
        """Whether only who has watched can tell what a new container stems from: an image was patched before an
        earlier patch was confirmed; or the image of the container before is the same, or was not known, so that this
        one may have crashed between our read and the patch.
        """
        live = next(one for one in self.snapshot.pods if one.name == pod.name)
        record = records.read(live)
        if not isinstance(record, Record):
            return False
        seen = [(live.container_status(name), before) for name, before in record.containers.items()]
        same = (status is not None and before.image_id in {"", status.image_id} for status, before in seen)
        return any(before.unsettled for _, before in seen) or (pod.stage == "Swapping" and any(same))

    def is_rewritten(self, view: WorkloadView, pod: PodView) -> bool:
        """Whether the commands go by a report that this very decision replaces, once a second at most."""
        if _unseen_failures(self.reported) != _unseen_failures(self.decided.status):
            return True
        told = next(one for one in view.pods if one.name == pod.name)
        codes = {reason.code for reason in (pod.reason, told.reason) if reason is not None} & MEMORY_ONLY
        before = self.reported.waiting if self.reported is not None else {}
        now = self.decided.status.waiting if self.decided.status is not None else {}
        return any(before.get(code) != now.get(code) for code in codes)

    def saw_late(self, told: Snapshot) -> bool:
        """Whether the controller has seen something later than it happened, because it had just started or could not
        reach the server: it then waits for longer than the objects ask for, never shorter.
        """
        for uid, seen in self.snapshot.observations.items():
            inferred = told.observations.get(uid)
            if inferred is None:
                continue
            pairs = [(seen.unready_at, inferred.unready_at), (seen.ready_at, inferred.ready_at)]
            both = seen.containers.keys() & inferred.containers.keys()
            pairs += [(seen.containers[name].since, inferred.containers[name].since) for name in both]
            if any(late is not None and early is not None and late - early > ROUNDING for late, early in pairs):
                return True
        return False

    def _is_unreported(self, code: ReasonCode) -> bool:
        """Whether only the controller's memory knows, and it has not reported it yet."""
        if code not in MEMORY_ONLY or self.reported is None:
            return code in MEMORY_ONLY
        known = {*self.reported.waiting, *(reason.code for reason in self.reported.reasons)}
        return code not in known or code in MOMENTARY


def _unseen_failures(status: Status | None) -> set[str]:
    """The Pods that have failed for a reason which no object shows."""
    return {one.pod for one in status.failures if one.code in MEMORY_ONLY} if status is not None else set()


def _of_view(pod: PodView, view: WorkloadView) -> str | None:
    """`status --watch` and `explain` draw this view."""
    found = next(one for one in view.pods if one.name == pod.name)
    if _said(pod) == _said(found):
        return None
    return f"{pod.name}: the controller: {pod.stage} {pod.reason}; the commands: {found.stage} {found.reason}"


def _of_forecast(pod: PodView, forecast: Forecast) -> str | None:
    """`plan` prints this forecast."""
    if forecast.refused or (pod.reason is not None and pod.reason.code in MOMENTARY):
        return None  # that no Pod would be touched, and why; or what comes after the moment
    told = next(one for one in forecast.pods if one.name == pod.name)
    if told.verdict in STAGES[pod.stage] and _agree(pod, told):
        return None
    return f"{pod.name}: the controller: {pod.stage} {pod.reason}; plan: {told.verdict} {told.why_not}"


def _is_rounding(pod: PodView, told: Snapshot, now: datetime) -> bool:
    """Whether the commands say the same a moment earlier or later; or something about another Pod, on which this one
    depends, changes within that moment.
    """
    around = [views.build(told, Planner().plan(told, at)) for at in (now - ROUNDING, now, now + ROUNDING)]
    said = [[_said(one) for one in sorted(view.pods, key=lambda one: one.name)] for view in around]
    if pod.stage == "Waiting" and any(each != said[0] for each in said):
        return True
    plans = [forecasts.forecast(told, at) for at in (now - ROUNDING, now, now + ROUNDING)]
    return any(_of_view(pod, view) is None for view in around) and any(
        _of_forecast(pod, plan) is None for plan in plans
    )


def _agree(pod: PodView, told: PodForecast) -> bool:
    """Whether `plan` names the reason for which a Pod does not start."""
    if told.verdict not in (Verdict.WAITS, Verdict.SKIPPED):
        return told.verdict is not Verdict.STARTS or pod.reason is None
    return pod.reason is not None and told.why_not is not None and pod.reason.code == told.why_not.code


def _said(pod: PodView) -> tuple[str, str]:
    return pod.stage, str(pod.reason.code) if pod.reason is not None else ""


class Witness(Planner):
    """A planner that has the commands asked whenever it has decided."""

    def __init__(self, faces: Faces) -> None:
        super().__init__()
        self._faces = faces

    def plan(self, snapshot: Snapshot, now: datetime) -> Plan:
        """Decide, and compare."""
        decided = super().plan(snapshot, now)
        self._faces.compare(snapshot, decided, now)
        return decided
