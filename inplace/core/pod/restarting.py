"""A restart of one Pod's containers by a user's own command: the state machine of an upgrade, without a target.

The record says `by: command`, so the controller counts the Pod and leaves it alone until the record's deadline. What
the command decides it decides here, from the live Pod and its record, so that a second call goes on with the first. It
is over when the Pod serves: a record that is done says only that its containers are new.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.objects import images, names
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.times import told
from inplace.core.pod import attempt, eligibility, failures, lifecycle
from inplace.core.pod.availability import available, broken, gated
from inplace.core.pod.observation import PodObservation
from inplace.core.pod.states import Failed, Ineligible, InProgress, Pending, PodContext, PodState, UpToDate
from inplace.core.settings.annotations import Settings
from inplace.core.state import records
from inplace.core.state.records import Author, PodPhase, Record
from inplace.core.template import restarts
from inplace.core.template.change import ContainerChange, PodChange, Refused


class Asked(Struct, frozen=True):
    """What a command is to restart, and how.

    `workload` is the uid under which the record is kept: that of the workload, of a Pod without one its own. `revision`
    is that of the Pod, empty if it has none. `wanted`: the images of its template, as far as known. `keep`: how long
    the record of its end can be read where no controller has another use for it; None: it has one.
    """

    containers: tuple[str, ...]
    settings: Settings
    workload: str
    revision: str = ""
    wanted: Mapping[str, str] = {}
    keep: timedelta | None = None

    def kept(self, record: Record, now: datetime) -> Record:
        """The record of the end as it is left on the Pod."""
        return record if self.keep is None else replace(record, kept_until=now + self.keep)


def step(
    pod: Pod, asked: Asked, observation: PodObservation | None, now: datetime, node: Node | None = None
) -> PodState:
    """What the command does with the Pod now, and why. A Pod that is done or has failed says so by its record.

    `node`: the Pod's, if it may be read.
    """
    record = records.of(pod, asked.workload)
    if isinstance(record, Record) and record.in_flight and (record.is_ours or record.requested):
        return Ineligible(_busy(record))
    change = _change(pod, asked, record if isinstance(record, Record) else None)
    if isinstance(change, Refused):
        return Ineligible(change.reasons[0])
    context = _context(asked, change, observation, now, node)
    if isinstance(record, Record) and record.in_flight:
        return lifecycle.step(pod, context)
    reason = eligibility.ineligible(pod, context) or eligibility.unknown_image(pod, change, node)
    if reason is not None:
        return Ineligible(reason)
    last = record if isinstance(record, Record) else None
    return Pending(attempt.begin(pod, last, change, context), broken=broken(pod))


def _context(
    asked: Asked, change: PodChange, observation: PodObservation | None, now: datetime, node: Node | None = None
) -> PodContext:
    return PodContext(
        workload=asked.workload,
        settings=asked.settings,
        now=now,
        target=asked.revision,
        base=asked.revision,
        change=change,
        node=node,
        nodes_visible=False,
        observation=observation,
        by=Author.COMMAND,
    )


def _busy(record: Record) -> Reason:
    """An attempt of the controller's, or at another request, which is none of ours to end."""
    who = "the controller" if record.is_ours else "another command"
    why = f"the Pod is being upgraded by {who} ({record.phase}, until {told(record.deadline)} at most)"
    return Reason(ReasonCode.PendingWrite, f"metadata.annotations[{names.STATE}]", why)


def swapping(pod: Pod, asked: Asked) -> Record | None:
    """The restart by a command that is under way on the Pod: its containers have another spelling already."""
    record = records.of(pod, asked.workload)
    if not isinstance(record, Record) or record.is_ours or record.requested:
        return None
    return record if record.phase in (PodPhase.SWAPPING, PodPhase.RESIZING) else None


def covers(record: Record, asked: Asked) -> bool:
    """Whether an attempt restarts, or has restarted, what is asked for."""
    return record.containers.keys() >= set(asked.containers)


def is_end(record: Record, asked: Asked) -> bool:
    """Whether it is how the restart has ended: badly, or well for what is asked for."""
    return record.phase is PodPhase.FAILED or (not record.in_flight and covers(record, asked))


def settling(pod: Pod, ended: Record, asked: Asked, observation: PodObservation | None, now: datetime) -> PodState:
    """What is missing until a Pod serves whose containers are proven to be new; a failure, if that does not come.

    Judged by the record of the end, which may have been taken away by now.
    """
    # Without a gate it had to be ready for as long before the record was ended, and need not be so again.
    context = _context(asked, PodChange(), observation if gated(pod, asked.settings) else None, now)
    crashed = failures.crash_loop(pod, ended, now)
    if crashed is not None:
        return Failed(crashed)
    record = records.of(pod, asked.workload)
    if isinstance(record, Record) and record.in_flight:
        missing: Reason | None = _busy(record)
    else:
        missing = available(pod, context)
    if missing is None:
        return UpToDate()
    deadline = lifecycle.deadline_of_readiness(pod, ended) + timedelta(seconds=asked.settings.min_ready_seconds)
    if now < deadline:
        return UpToDate(missing, deadline)
    return Failed(replace(missing, code=ReasonCode.NeverReady, message=f"deadline exceeded: {missing.message}"))


def _change(pod: Pod, asked: Asked, record: Record | None) -> PodChange | Refused:
    """The switch of spellings; empty once one has been written, for then only its proof is left."""
    if record is not None and record.phase is PodPhase.SWAPPING:
        return PodChange()
    again = {name: ContainerChange(restart=True) for name in asked.containers}
    wanted = {name: asked.wanted.get(name) or _unpinned(pod, name) for name in asked.containers}
    switched = restarts.switched(again, wanted, pod)
    return switched if isinstance(switched, Refused) else PodChange(switched)


def _unpinned(pod: Pod, name: str) -> str:
    """The image that a container without a template is taken to have been made with: by its tag, if it has one."""
    container = pod.container(name)
    image = container.image if container is not None else ""
    parsed = images.parse(image)
    return image.partition("@")[0] if parsed is not None and parsed.tag else image


def images_of(pod: Pod, asked: Asked) -> dict[str, str]:
    """The images that the restart would write, by container; empty if it is refused."""
    change = _change(pod, asked, None)
    return {} if isinstance(change, Refused) else change.images


def wait_of(state: PodState) -> Reason | None:
    """What the command waits for, in its own words."""
    reason = lifecycle.explain(state) if isinstance(state, InProgress | UpToDate) else None
    if reason is None or reason.code is not ReasonCode.MinReadySeconds:
        return reason
    return replace(reason, message=reason.message.replace("min-ready-seconds", "--min-started"))
