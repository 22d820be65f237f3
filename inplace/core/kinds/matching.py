"""Kinds whose Pods carry no revision: a revision is the fingerprint of a template, and Pods are matched to templates.

ReplicaSets keep no history of their template. The templates that Pods may have been created from are therefore recorded
in an annotation of ours on the ReplicaSet for as long as Pods may differ
(docs/design/protocol.md, "Kinds and their freeze"). Others may write it: it tells what a Pod may have been made from,
and never what a Pod is made into (`destinations`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Raw

from inplace.core.kinds import kind
from inplace.core.kinds.kind import OwnedObjects, Revisions, Template
from inplace.core.kinds.partition import Unordered
from inplace.core.objects import aliases, images, names
from inplace.core.objects.memo import memoised
from inplace.core.objects.model import WHOLE, Pod, Resources, Tree
from inplace.core.objects.reading import UNREADABLE
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.workloads import Workload
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record
from inplace.core.template import sizes, trees

#: How many recorded templates are read, and written: two or three, and one more for each change of the template before
#: the last one is through. Others can write thousands into an annotation, and each is compared with each Pod.
MOST_RECORDED: Final = 64


def recorded(replica_set: Workload) -> dict[str, Raw]:
    """The templates recorded on a ReplicaSet; empty if the annotation is missing or cannot be decoded.

    At most MOST_RECORDED, the last: more are as good as not recorded.
    """
    return dict(_decoded(replica_set.metadata.annotation(names.TEMPLATES) or "{}"))


@memoised(256, largest=65_536)
def _decoded(text: str) -> dict[str, Raw]:
    """What is recorded under the revision that it has; nothing if any of it is no JSON."""
    try:
        found = _last(msgspec.json.decode(text, type=dict[str, Raw]))
        return {name: raw for name, raw in found.items() if trees.fingerprint_of(trees.decode(raw)) == name}
    except UNREADABLE:
        return {}


def _last(templates: Mapping[str, Raw]) -> dict[str, Raw]:
    """Those that are read: the newest stand last."""
    return dict(list(templates.items())[-MOST_RECORDED:])


def can_record(templates: Mapping[str, Raw]) -> bool:
    """Whether they are within the bounds of what is compared; else the change is refused, and nothing is recorded."""
    return not any(trees.excess(raw) for raw in templates.values())


def encoded(templates: Mapping[str, Raw]) -> str:
    """The annotation that records these templates, the last of them if there are more than are read."""
    bare = {name: trees.bare(trees.decode(raw)) for name, raw in _last(templates).items()}
    return msgspec.json.encode(bare).decode()


class MatchedByTemplate(Unordered):
    """The methods of `Kind` that Deployment and ReplicaSet share."""

    def read(self, raw: Raw) -> Tree:
        """The template without the pod-template-hash label."""
        return trees.bare(trees.decode(raw))

    def expected(self, workload: Workload, pods: Iterable[Pod]) -> Mapping[str, str]:
        """None: there are no ControllerRevisions."""
        return {}

    def target(self, workload: Workload, revisions: Revisions) -> Template | Reason:
        """The workload's own template; its revision does not depend on another controller."""
        template = revisions.get(trees.fingerprint(workload.spec.template))
        return template or Reason(ReasonCode.RevisionUnknown, "spec.template", "the template is not known yet")

    def destinations(
        self, workload: Workload, owned: OwnedObjects, pods: Iterable[Pod], revisions: Revisions
    ) -> Revisions:
        """Its own template and those of its ReplicaSets, none that only an annotation has."""
        specified = {trees.fingerprint(one.spec.template) for one in (workload, *owned.children)}
        return {revision: template for revision, template in revisions.items() if revision in specified}

    def revision_of(self, workload: Workload, pod: Pod, revisions: Revisions) -> str:
        """The revision in our record on the Pod, else the one whose template it matches best.

        A Pod that is done with a revision of which no template is known any more is at none that is: what it lacks of
        another is not taken for another writer's change.
        """
        record = records.of(pod, workload.metadata.uid)
        if isinstance(record, Record):
            recorded = record.target if record.phase is PodPhase.DONE else record.base
            if recorded in revisions:
                return recorded
        wrong = {revision: wrong_images(pod, template) for revision, template in revisions.items()}
        fitting = [revisions[revision] for revision, number in wrong.items() if not number]
        if fitting:
            return _best(workload, pod, fitting)
        is_done = isinstance(record, Record) and record.phase is PodPhase.DONE
        return "" if is_done else self.nearest(workload, revisions, wrong)

    def nearest(self, workload: Workload, revisions: Revisions, wrong: Mapping[str, int]) -> str:
        """For a Pod that no template fits, as if another writer has changed its images: the only one that can be meant.

        The one that fits best; of several the one older than the newest, which we have not given to a Pod without a
        record; of those any, if they differ in images alone, of which the Pod has another anyway. `wrong`: how many
        images are wrong, by revision. Empty if none or several can be meant.
        """
        newest, least = trees.fingerprint(workload.spec.template), min(wrong.values(), default=0)
        nearest = [revision for revision, number in wrong.items() if number == least]
        older = [revision for revision in nearest if revision != newest] or nearest
        rest = [revisions[revision].imageless for revision in older]
        return older[0] if older and all(one == rest[0] for one in rest) else ""

    def revision_labels(self, workload: Workload, revision: str, *, newest: bool) -> Mapping[str, str]:
        """None: the record holds the revision; a Pod keeps the hash of its ReplicaSet."""
        return {}

    def desired(self, workload: Workload) -> int:
        """`spec.replicas`, 1 if absent."""
        return kind.replicas(workload)


def _best(workload: Workload, pod: Pod, fitting: Iterable[Template]) -> str:
    """Among the templates with the Pod's images, the one that matches most of its labels and annotations, and then most
    of its cpu and memory.

    On a tie the older template wins: only metadata then seems to be missing, and writing it again is harmless.
    """
    newest = trees.fingerprint(workload.spec.template)
    return max(fitting, key=lambda t: (*_agreement(pod, t), -_wrong_amounts(pod, t), t.revision != newest)).revision


def wrong_images(pod: Pod, template: Template) -> int:
    """How many of the template's containers have another image in the Pod, or are missing there.

    It costs what the Pod has, whatever the template has: each Pod is compared with each template.
    """
    live = {container.name: container.image for container in (*pod.spec.containers, *pod.spec.init_containers)}
    reported = {one.name: one.image for one in (*pod.status.container_statuses, *pod.status.init_container_statuses)}
    wanted = template.images
    has = (name in wanted and _has(image, wanted[name], reported.get(name, "")) for name, image in live.items())
    return len(wanted) - sum(has)


def _has(live: str, image: str, reported: str) -> bool:
    """Whether a container has an image of a template, or an alias of it, as a restart leaves it.

    An alias without a tag may be of any version: of which, the name tells by which the runtime has `reported` it.
    """
    return live == image or aliases.is_alias(live, image, unchanged=images.same(reported.partition("@")[0], image))


def _wrong_amounts(pod: Pod, template: Template) -> int:
    """How many amounts of cpu and memory that the template has the Pod and its containers lack, or have otherwise."""
    both = (*pod.spec.containers, *pod.spec.init_containers)
    found = {**{one.name: one.resources for one in both}, WHOLE: pod.spec.resources or Resources()}
    return sum(
        not sizes.same(here.amount(side, name), amount)
        for owner, here in found.items()
        for side, amounts in template.sizes.get(owner, {}).items()
        for name, amount in amounts.items()
    )


def _agreement(pod: Pod, template: Template) -> tuple[int, int]:
    """How many keys of the template's metadata the Pod lacks (as a negative number), and how many it has.

    It costs what the Pod has, as above.
    """
    sides = (
        (template.labels, pod.metadata.labels or {}),
        (template.annotations, pod.metadata.annotations or {}),
    )
    same = sum(wanted.get(key) == value for wanted, live in sides for key, value in live.items())
    return same - sum(len(wanted) for wanted, _ in sides), same
