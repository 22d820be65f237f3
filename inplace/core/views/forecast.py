"""What would happen to which Pods, in which order, and why not, without anything happening: the answer of `plan`.

It asks the very functions that the controller decides with, as if the freeze stood already.
"""

from __future__ import annotations

from datetime import datetime
from math import ceil

from msgspec import Struct

from inplace.core.kinds import Template
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod.availability import drains
from inplace.core.pod.states import Ineligible, PodContext
from inplace.core.rollout import assess
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings import schema
from inplace.core.template.change import PodChange


class PodForecast(Struct, frozen=True, rename="camel"):
    """What one Pod would go through. `why_not` is set where nothing would happen to it now."""

    name: str
    node: str
    revision: str
    images: dict[str, str]
    from_images: dict[str, str]
    metadata_only: bool
    drained: bool
    broken: bool
    why_not: Reason | None = None


class Forecast(Struct, frozen=True, rename="camel"):
    """What would happen to a workload. `waves`: at most `budget` Pods are in flight at once."""

    target: str
    opted_in: bool
    budget: int
    waves: int
    refused: tuple[Reason, ...]
    notes: tuple[Reason, ...]
    pods: tuple[PodForecast, ...]

    @property
    def moving(self) -> tuple[PodForecast, ...]:
        """The Pods that something would happen to."""
        return tuple(one for one in self.pods if one.why_not is None)


def forecast(snapshot: Snapshot, target: Template, now: datetime) -> Forecast:
    """Forecast the upgrade of a workload to `target`."""
    workload, kind = snapshot.workload, snapshot.kind
    parsed = snapshot.parsed
    prospects = assess.prospects(snapshot, parsed.settings, assess.Course(target), now)
    aims = prospects.aims
    refused = (
        *snapshot.objections,
        *assess.refusals(snapshot, target, prospects),
    )
    scene = PodContext(workload.metadata.uid, target.revision, parsed.settings, now, settled=True)
    members = assess.members(snapshot, parsed.settings, target, scene, prospects)
    found = tuple(_pod(one, aims[one.pod.uid].lacks, target, parsed.settings) for one in members)
    budget = parsed.settings.budget(kind.desired(workload))
    disrupted = sum(one.why_not is None and not one.metadata_only for one in found)
    notes = {
        note: None for one in members if isinstance(aim := aims[one.pod.uid].lacks, PodChange) for note in aim.notes
    }
    opted_in = workload.metadata.label(names.MODE) is not None
    return Forecast(target.revision, opted_in, budget, ceil(disrupted / budget), refused, tuple(notes), found)


def _pod(member: assess.PodAssessment, lacks: object, target: Template, chosen: schema.Settings) -> PodForecast:
    pod = member.pod
    images = dict(lacks.images) if isinstance(lacks, PodChange) else {}
    return PodForecast(
        name=pod.name,
        node=pod.spec.node_name,
        revision=member.revision,
        images=images,
        from_images={name: _image(pod, name) for name in images},
        metadata_only=not images,
        drained=drains(pod, chosen, images),
        broken=not pod.ready,
        why_not=_why_not(member, target),
    )


def _why_not(member: assess.PodAssessment, target: Template) -> Reason | None:
    if member.outside is not None:
        return member.outside
    if isinstance(member.state, Ineligible):
        return member.state.reason
    if member.revision == target.revision and member.done:
        return Reason(ReasonCode.UpToDate, "", "already at this revision")
    return None


def _image(pod: Pod, name: str) -> str:
    container = pod.container(name)
    return container.image if container is not None else ""
