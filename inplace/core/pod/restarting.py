"""A restart of one Pod's containers by a user's own command: the state machine of an upgrade, without a target.

The record says `by: command`, so the controller counts the Pod and leaves it alone until the record's deadline. What
the command decides it decides here, from the live Pod and its record, so that a second call goes on with the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.objects import images
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod import attempt, eligibility, lifecycle
from inplace.core.pod.observation import PodObservation
from inplace.core.pod.states import Ineligible, InProgress, Pending, PodContext, PodState
from inplace.core.settings.annotations import Settings
from inplace.core.state import records
from inplace.core.state.records import Author, PodPhase, Record
from inplace.core.template import restarts
from inplace.core.template.change import ContainerChange, PodChange, Refused


class Asked(Struct, frozen=True):
    """What a command is to restart, and how.

    `workload` is the uid under which the record is kept: that of the workload, of a Pod without one its own. `revision`
    is that of the Pod, empty if it has none. `wanted`: the images of its template, as far as known. `keep`: how long
    the record of its end can be read where no controller has another use for it; zero: not longer than it must.
    """

    containers: tuple[str, ...]
    settings: Settings
    workload: str
    revision: str = ""
    wanted: Mapping[str, str] = {}
    keep: timedelta = timedelta()

    def kept(self, record: Record, now: datetime) -> Record:
        """The record of the end as it is left on the Pod."""
        return replace(record, kept_until=now + self.keep) if self.keep else record


def step(pod: Pod, asked: Asked, observation: PodObservation | None, now: datetime) -> PodState:
    """What the command does with the Pod now, and why. A Pod that is done or has failed says so by its record."""
    record = records.of(pod, asked.workload)
    if isinstance(record, Record) and record.in_flight and (record.is_ours or record.requested):
        return Ineligible(Reason(ReasonCode.PendingWrite, "", f"the Pod is being upgraded ({record.phase})"))
    change = _change(pod, asked, record if isinstance(record, Record) else None)
    if isinstance(change, Refused):
        return Ineligible(change.reasons[0])
    context = PodContext(
        workload=asked.workload,
        settings=asked.settings,
        now=now,
        target=asked.revision,
        base=asked.revision,
        change=change,
        nodes_visible=False,
        observation=observation,
        by=Author.COMMAND,
    )
    if isinstance(record, Record) and record.in_flight:
        return lifecycle.step(pod, context)
    reason = eligibility.ineligible(pod, context) or eligibility.unstarted(change)
    if reason is not None:
        return Ineligible(reason)
    last = record if isinstance(record, Record) else None
    return Pending(attempt.begin(pod, last, change, context), broken=not pod.ready)


def _change(pod: Pod, asked: Asked, record: Record | None) -> PodChange | Refused:
    """The switch of spellings; empty once it has been written, for then only its proof is left."""
    if record is not None and record.in_flight and record.phase is PodPhase.SWAPPING:
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
    """What the command waits for."""
    return state.reason if isinstance(state, InProgress) else None
