"""Containers that admission injected, upgraded over the Pods of a selection by a command with its user's rights.

No template has such a container, so nobody upgrades it: neither the workload's own controller nor ours. Its image comes
from the command. Each Pod is moved by the same steps as for a template (`core.pod.lifecycle`); what is decided here is
which Pods are to move, what is refused, and which begin. A look is at the selected Pods of one workload.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec import Struct

from inplace.core.actions.actions import Abort, Action, DryRunPatch, PodAction
from inplace.core.objects import images, names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Concern, Reason, ReasonCode
from inplace.core.objects.times import told
from inplace.core.pod import attempt, eligibility, lifecycle
from inplace.core.pod.availability import available, broken, runs
from inplace.core.pod.evidence import kubelet_version
from inplace.core.pod.states import Failed, Ineligible, InProgress, Pending, PodContext, PodState, UpToDate
from inplace.core.rollout import admit, disruption_budgets, order, quotas, verdicts
from inplace.core.rollout.disruption_budgets import Reservations
from inplace.core.rollout.quotas import Quotas
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.annotations import Settings
from inplace.core.state import records
from inplace.core.state.records import Author, PodPhase, Record, Unreadable
from inplace.core.template import trees
from inplace.core.template.change import PodChange, too_large
from inplace.core.template.diff import SIDECAR_SINCE

_STATE: Final = f"metadata.annotations[{names.STATE}]"
_CAPPED: Final = Reason(ReasonCode.DisruptionCap, "", "as many Pods as --max-disrupted allows are being upgraded")


class Order(Struct, frozen=True):
    """What the user asks for. Of the settings those count that are about Pods and budgets.

    `rollback`: Pods that were moved to `image` go back to what they had before. `retried_at`: what had failed before
    this is tried again.
    """

    container: str
    image: str
    settings: Settings
    rollback: bool = False
    retried_at: datetime | None = None

    @property
    def prefix(self) -> str:
        """How every request for this container begins, in the records of Pods."""
        return f"sidecars {self.container}="

    def request(self, image: str) -> str:
        """What is asked of one Pod, as its record says it."""
        return f"{self.prefix}{image}"


class Member(Struct, frozen=True):
    """A selected Pod that has the container: the image that it has, the one that it is to have, and where it stands."""

    pod: Pod
    live: str
    image: str
    state: PodState

    @property
    def is_done(self) -> bool:
        """Whether nothing is to be done or waited for any more."""
        return isinstance(self.state, UpToDate) and self.state.settling is None

    @property
    def refused(self) -> Reason | None:
        """Why it cannot be upgraded in place, whatever becomes of it."""
        found = self.state.reason if isinstance(self.state, Ineligible) else None
        return found if found is not None and found.code.concern is Concern.REFUSED else None


class Look(Struct, frozen=True):
    """The selected Pods of one workload, judged, in the order in which they begin."""

    snapshot: Snapshot
    order: Order
    now: datetime
    members: tuple[Member, ...]
    #: Why none of them can be upgraded; else each of them says so itself.
    objection: Reason | None = None

    @property
    def failed(self) -> list[tuple[Member, Reason]]:
        """Those that count against max-failures: that a node is lost says nothing of the image."""
        found = ((one, one.state.reason) for one in self.members if isinstance(one.state, Failed))
        return [(member, reason) for member, reason in found if reason.code not in verdicts.BLAMELESS]

    @property
    def in_flight(self) -> int:
        """How many are being upgraded by this order; what was written and is not seen yet counts as begun."""
        return sum(isinstance(one.state, InProgress) or one.pod.uid in self.snapshot.pending for one in self.members)

    @property
    def has_failed(self) -> bool:
        """Whether any of them has failed, whoever is to blame."""
        return any(isinstance(one.state, Failed) for one in self.members)

    @property
    def left(self) -> list[Member]:
        """Those that are not done yet, and may be: they begin, are in flight, wait or settle."""
        possible = (one for one in self.members if self.objection is None and one.refused is None)
        return [one for one in possible if not one.is_done and not isinstance(one.state, Failed)]


class Decision(Struct, frozen=True):
    """What to write now, how many Pods begin by it, why others that could do not, and when to look again."""

    actions: tuple[Action, ...]
    begun: int
    #: By name of the Pod.
    deferred: dict[str, Reason]
    due: datetime | None


# --- which Pods, and where they stand --------------------------------------------------------------------------------


def look(snapshot: Snapshot, pods: Iterable[Pod], asked: Order, now: datetime) -> Look:
    """Judge these Pods of the workload."""
    members = (_member(snapshot, pod, asked, now) for pod in pods)
    found = [member for member in members if member is not None]
    found.sort(key=lambda member: order.rank(asked.settings, snapshot.kind.order, member.pod))
    return Look(snapshot, asked, now, tuple(found), _objection(snapshot, asked) if found else None)


def _objection(snapshot: Snapshot, asked: Order) -> Reason | None:
    """A container of the template is the workload's: a Pod that is made anew would have the template's image."""
    workload = snapshot.workload
    excess = trees.excess(workload.spec.template)
    if excess:
        return too_large("the template", excess)
    tree = trees.decode(workload.spec.template)
    if asked.container not in {**trees.containers(tree), **trees.init_containers(tree)}:
        return None
    name = f"{snapshot.kind.name.lower()}/{workload.metadata.name}"
    why = f"container {asked.container} is in the template of {name}: change its image there"
    return Reason(ReasonCode.ContainerInTemplate, "spec.template.spec", why)


def _member(snapshot: Snapshot, pod: Pod, asked: Order, now: datetime) -> Member | None:
    container = pod.container(asked.container)
    if container is None or pod.over:
        return None
    record = records.of(pod, snapshot.workload.metadata.uid)
    if isinstance(record, Unreadable):
        code = ReasonCode.VersionUnknown if record.version is not None else ReasonCode.StateUnreadable
        return Member(pod, container.image, asked.image, Ineligible(Reason(code, _STATE, record.why)))
    wanted = _wanted(record, asked)
    if wanted is None:
        return None
    if isinstance(wanted, Reason):
        return Member(pod, container.image, "", Ineligible(wanted))
    refused = _not_restartable(snapshot, pod, asked.container)
    if refused is not None and container.image != wanted:
        return Member(pod, container.image, wanted, Ineligible(refused))
    return Member(pod, container.image, wanted, _state(snapshot, pod, record, asked, wanted, now))


def _wanted(record: Record | None, asked: Order) -> str | Reason | None:
    """The image that a Pod is to have; None if a rollback is not about it. A swap that has begun is ended first.

    Who may write annotations alone must not choose what runs: what the record has as the image of before is believed
    only within the repository that the user has named.
    """
    requested = record.requested if record is not None else ""
    begun = requested.removeprefix(asked.prefix) if requested.startswith(asked.prefix) else ""
    if record is not None and record.in_flight and begun:
        return begun
    if not asked.rollback:
        return asked.image
    baseline = record.containers.get(asked.container) if record is not None else None
    if baseline is not None and begun and baseline.from_ == asked.image:
        return begun  # it has gone back
    if baseline is None or begun != asked.image:
        return None
    if not _is_of_its_repository(baseline.from_, asked):
        why = f"the image of before is of another repository: {baseline.from_ or 'unknown'}; name it by --image instead"
        return Reason(ReasonCode.BaseUnknown, _STATE, why)
    return baseline.from_


def _is_of_its_repository(image: str, asked: Order) -> bool:
    one, named = images.parse(image), images.parse(asked.image)
    if one is None or named is None:
        return False
    return (one.registry, one.repository) == (named.registry, named.repository)


def _may_be_patched(image: str, asked: Order) -> bool:
    """Whether the user has asked for it: by name, or within the repository of what is to be rolled back."""
    return image == asked.image or (asked.rollback and _is_of_its_repository(image, asked))


def _not_restartable(snapshot: Snapshot, pod: Pod, name: str) -> Reason | None:
    """Why a new image would not restart the container in this Pod."""
    where = f"containers[{name}]"
    init = next((one for one in pod.spec.init_containers if one.name == name), None)
    if init is None:
        return None
    if init.restart_policy != "Always":
        why = "a plain init container does not run again in a Pod that runs"
        return Reason(ReasonCode.InitImageChanged, where, why)
    node = snapshot.nodes.get(pod.spec.node_name)
    version = kubelet_version(node)
    if version is not None and version < SIDECAR_SINCE:
        why = f"the node's kubelet is {version[0]}.{version[1]}: sidecars restart on a new image from 1.32"
        return Reason(ReasonCode.SidecarOnOldKubelet, where, why)
    return None


def _state(snapshot: Snapshot, pod: Pod, record: Record | None, asked: Order, image: str, now: datetime) -> PodState:
    container = pod.container(asked.container)
    live = container.image if container is not None else ""
    change = PodChange.of_images({} if live == image else {asked.container: image})
    context = _context(snapshot, pod, record, asked, asked.request(image), change, now)
    if record is not None and not context.works_on(record):
        foreign = _of_another(record, asked)
        if foreign is not None:
            return foreign
    elif record is not None and record.in_flight and change.containers and not _may_be_patched(image, asked):
        return _undone(pod, record)
    elif record is not None and (record.in_flight or _is_judged(record, asked, live == image)):
        return lifecycle.step(pod, context)
    if live == image:
        return UpToDate(available(pod, context))
    reason = eligibility.ineligible(pod, context)
    if reason is not None:
        return Ineligible(reason)
    start = eligibility.starting(pod, change.needs_proof, context)
    if start is not None:
        return Ineligible(start.reason, start.until)
    return Pending(attempt.begin(pod, record, change, context), broken=broken(pod))


def _undone(pod: Pod, record: Record) -> InProgress:
    """Back into service: in flight to an image that the user has not named now, and only the record says which."""
    why = Reason(ReasonCode.AnotherUpgrade, _STATE, "begun for another image than is asked for; back into service")
    return attempt.fail(pod, record, why) if record.containers else InProgress(why, Abort(pod))


def _of_another(record: Record, asked: Order) -> Ineligible | None:
    """An upgrade that is not ours goes first, and has to have ended well; what was asked of us before is over."""
    ours = record.requested.startswith(asked.prefix)
    if record.in_flight:
        why = f"another upgrade of the Pod is in flight ({record.phase}, until {told(record.deadline)} at most)"
        return Ineligible(Reason(ReasonCode.AnotherUpgrade, _STATE, why), record.deadline)
    if record.phase is PodPhase.FAILED and not ours:
        why = f"another upgrade of the Pod has failed ({record.reason}): end that first (a good image, `inplace retry`)"
        return Ineligible(Reason(ReasonCode.AnotherUpgrade, _STATE, why))
    return None


def _is_judged(record: Record, asked: Order, arrived: bool) -> bool:
    """Whether an attempt at this very request that is over still says how the Pod stands."""
    if record.phase is not PodPhase.FAILED:
        return arrived
    return asked.retried_at is None or record.started_at >= asked.retried_at


def _context(
    snapshot: Snapshot, pod: Pod, record: Record | None, asked: Order, request: str, change: PodChange, now: datetime
) -> PodContext:
    """The revision of the Pod stays what it is: the record that names it for our controller goes on doing so."""
    label = pod.metadata.label(names.REVISION_LABEL) or ""
    recorded = "" if record is None else record.target if record.phase is PodPhase.DONE else record.base
    return PodContext(
        workload=snapshot.workload.metadata.uid,
        settings=asked.settings,
        now=now,
        target=recorded or label,
        base=recorded or label,
        change=change,
        node=snapshot.nodes.get(pod.spec.node_name),
        nodes_visible="nodes" not in snapshot.unseen,
        observation=snapshot.observations.get(pod.uid),
        write_refused=snapshot.fatal(pod.uid),
        retry=record.answers if record is not None else "",
        by=Author.COMMAND,
        request=request,
    )


# --- which begin -----------------------------------------------------------------------------------------------------


def dry_run(found: Look) -> DryRunPatch | None:
    """Ask admission whether it takes the new image, by the first Pod that is to get it."""
    for member in found.members:
        if isinstance(member.state, Pending):
            return DryRunPatch(member.pod, {found.order.container: member.image}, member.image)
    return None


def decide(found: Look, hold: Reason | None, room: int) -> Decision:
    """The writes of one workload: Pods in flight go on, others begin within the budget unless there is a hold.

    `room`: how many more Pods may be in flight over all workloads.
    """
    snapshot, settings, now = found.snapshot, found.order.settings, found.now
    states = [member.state for member in found.members if member.pod.uid not in snapshot.pending]
    actions: list[Action] = [
        state.action for state in states if isinstance(state, InProgress | Failed) and state.action is not None
    ]
    reservations = disruption_budgets.standing(snapshot, settings, snapshot.pods, now)
    left, begun, deferred = _quotas(found), 0, dict[str, Reason]()
    for member in found.members:
        if not isinstance(member.state, Pending) or member.pod.uid in snapshot.pending:
            continue
        costs, may_be_starting = not member.state.broken, member.state.broken and runs(member.pod)
        why = hold or (_CAPPED if begun >= room else left.exhausted(costs=costs, may_be_starting=may_be_starting))
        if why is None:
            left = left.take(member.pod, "", costs=costs, disruptive=True)
            reservations, why = reservations.reserve(member.pod)
        if why is None and snapshot.rests(member.state.action, now):
            failure = snapshot.failure_of(member.state.action)
            why = failure.reason if failure is not None else None
            why = why or Reason(ReasonCode.PendingWrite, "", "the write has failed, and is tried again in a moment")
        if why is not None:
            deferred[member.pod.name] = why
            continue
        actions.append(member.state.action)
        begun += 1
    actions = [action for action in actions if not snapshot.rests(action, now)]
    return Decision((*reservations.writes(), *actions), begun, deferred, _due(states, reservations, now))


def _quotas(found: Look) -> Quotas:
    """Those of the workload before any Pod begins, by the controller's rules: over all of its Pods, selected or not,
    whoever has made them unavailable."""
    snapshot, settings = found.snapshot, found.order.settings
    states = {one.pod.uid: one.state for one in found.members}

    def begun(pod: Pod) -> bool:
        state, record = states.get(pod.uid), records.read(pod)
        if pod.uid in snapshot.pending or (state is not None and quotas.underway(state)):
            return True
        return isinstance(record, Record) and record.in_flight and not isinstance(state, Pending)

    def is_available(pod: Pod) -> bool:
        settles = isinstance(state := states.get(pod.uid), UpToDate) and state.settling is not None
        return pod.ready and not settles and not begun(pod) and pod.metadata.deletion_timestamp is None

    desired = snapshot.kind.desired(snapshot.workload)
    budget = settings.budget(desired)
    unavailable = max(0, desired - sum(is_available(pod) for pod in snapshot.pods))
    at_once = budget - sum(begun(pod) for pod in snapshot.pods)
    return Quotas(max(0, budget - unavailable), str(settings.max_unavailable), at_once)


def recheck(snapshot: Snapshot, live: Pod, asked: Order, now: datetime) -> PodAction | None:
    """The action on a Pod that was granted its start, as it was read just now."""
    found = look(snapshot, (live,), asked, now).members
    match found[0].state if found else None:
        case Pending() as start:
            return admit.still(snapshot, live, start)
        case InProgress(action=action) | Failed(action=action):
            return action
        case _:
            return None


def _due(states: Iterable[PodState], reservations: Reservations, now: datetime) -> datetime | None:
    """When time alone changes something."""
    untils = [state.until for state in states if not isinstance(state, Pending) and state.until is not None]
    return min([at for at in (*untils, *reservations.deadlines()) if at > now], default=None)
