"""The image on the node before a healthy container is killed for it (docs/design/protocol.md, "Pre-pull").

A kubelet kills first and pulls afterwards. So a helper Pod on the same node pulls the image with the credentials of the
Pod that is to have it, and runs nothing: its command cannot exist. What its status says decides whether the Pod may
begin, and the image ID in it tells later what a swapped container has to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from inplace.core.actions.actions import CreatePullPod, DeletePullPod
from inplace.core.kinds import Template
from inplace.core.objects import images as image
from inplace.core.objects.images import registry_of
from inplace.core.objects.model import Node, NodeImage, Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.pod import failures
from inplace.core.pod.states import Failed, Pending
from inplace.core.rollout import dry_runs, pull_pods
from inplace.core.rollout.assess import PodAssessment, Prospects
from inplace.core.rollout.pull_pods import ImageOnNode, name_of
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.schema import PrePullPolicy
from inplace.core.state import records
from inplace.core.state.records import Record

#: Helper Pods that pull at once, over all workloads, and from one registry.
MOST: Final = 20
MOST_OF_REGISTRY: Final = 10
#: A first pull error may pass; by now the kubelet has tried twice (its image back-off begins with 10 s).
TWICE: Final = timedelta(seconds=20)
#: How long a helper that a kubelet turned away stays to be read, before another is tried.
AGAIN: Final = timedelta(seconds=30)


#: A Pod of which containers would restart, its node, and their images by container.
Restarting = tuple[Pod, Node, Mapping[str, str]]


class ImageCheck(Struct, frozen=True):
    """What is known of one image on one node: nothing is missing, or why, and whether that is a verdict."""

    missing: Reason | None = None
    verdict: bool = False
    until: datetime | None = None


_HERE: Final = ImageCheck()


class PrePullState(Struct, frozen=True):
    """Everything about the images of one workload's Pods; `places` by uid of the Pod that lacks them.

    `required`: whether a Pod waits for its images. Nothing is known, and nobody waits, where `places` is empty.
    `unseen`: not even one Pod has all its images on its node, so that they may not exist at all.
    """

    places: Mapping[str, tuple[ImageOnNode, ...]] = {}
    looks: Mapping[ImageOnNode, ImageCheck] = {}
    required: bool = False
    unseen: bool = False
    rewritten: tuple[Reason, ...] = ()
    discards: tuple[DeletePullPod, ...] = ()

    def wait(self, uid: str) -> Reason | None:
        """Why a Pod does not begin yet."""
        missing = (self.looks[one].missing for one in self.places.get(uid, ()) if self.required)
        return next((reason for reason in missing if reason is not None), None)

    def unpulled(self, snapshot: Snapshot, found: Prospects) -> dict[str, Reason]:
        """Pods in flight to something else, which turn to the target only when its images are on their nodes."""
        turning = ((pod.uid, records.read(pod), found.aims.get(pod.uid)) for pod in snapshot.pods)
        reasons = (
            (uid, self.wait(uid))
            for uid, record, aim in turning
            if isinstance(record, Record) and record.in_flight and aim is not None and record.target != aim.revision
        )
        return {uid: reason for uid, reason in reasons if reason is not None}

    def judge(self, all_members: Sequence[PodAssessment]) -> list[PodAssessment]:
        """The Pods that wait for an image in vain have failed, without anything having been done to them."""
        return [self._judge(one) for one in all_members]

    def _judge(self, one: PodAssessment) -> PodAssessment:
        if not self.required or not isinstance(one.state, Pending):
            return one
        looks = [self.looks[place] for place in self.places.get(one.pod.uid, ())]
        bad = next((look.missing for look in looks if look.verdict), None)
        return one if bad is None else replace(one, state=Failed(bad))

    def problems(self) -> tuple[Reason, ...]:
        """What could not be pulled although nobody waits for it; each sort once."""
        found = [] if self.required else [look.missing for look in self.looks.values() if look.verdict]
        every = {(reason.code, reason.message): reason for reason in found if reason is not None}
        return tuple(every.values())

    @property
    def untils(self) -> list[datetime | None]:
        """When to look again if nothing happens."""
        return [look.until for look in self.looks.values()]


def check(snapshot: Snapshot, found: Prospects, how: PrePullPolicy, now: datetime) -> PrePullState:
    """Which images are missing where, and what has become of the helpers."""
    if snapshot.pulling is None:
        return PrePullState()
    restarting = [] if how is PrePullPolicy.NEVER else _restarting(snapshot, found)
    wanted = _wanted(restarting)
    helpers = {one.name: one for one in snapshot.pulling.helpers}
    deadline = timedelta(seconds=snapshot.parsed.settings.progress_deadline_seconds)
    looks = {
        place: _look(snapshot, place, helpers.get(name_of(snapshot.workload, place)), now, deadline)
        for places in wanted.values()
        for place in places
    }
    required = how is PrePullPolicy.REQUIRED
    lacking = [all(looks[one].missing is None for one in places) for places in wanted.values()]
    unseen = required and len(lacking) == len(restarting) > 0 and not any(lacking)
    kept = {name_of(snapshot.workload, place) for place in (*looks, *_on_the_way(snapshot))}
    old = {one.name: one.name in kept for one in helpers.values() if one.name not in kept or _is_stale(one, now)}
    going = (DeletePullPod(helpers[name], again) for name, again in old.items())
    return PrePullState(
        wanted,
        looks,
        required,
        unseen,
        tuple(reason for place in looks if (reason := _rewritten(place, helpers, snapshot)) is not None),
        tuple(one for one in going if one.helper.metadata.deletion_timestamp is None),
    )


def begin(
    snapshot: Snapshot,
    pulls: PrePullState,
    candidates: tuple[Iterable[Pod], Iterable[Pod]],
    target: Template,
    now: datetime,
) -> tuple[CreatePullPod, ...]:
    """Helpers to be made now for Pods that may begin, in their order, as far as there is room.

    First for those that lack nothing else; for those that may begin soon once an image is known to exist at all.
    """
    if snapshot.pulling is None:
        return ()
    busy = dict(snapshot.pulling.busy)
    known = {one.name for one in snapshot.pulling.helpers}
    known |= {name for name, asked in snapshot.pulling.asked.items() if now < asked.again}
    made: list[CreatePullPod] = []
    now_due, soon = candidates
    good = {pull_pods.image_of(one) for one in snapshot.pulling.helpers if pull_pods.image_id(one)}
    first = [place for pod in now_due for place in pulls.places.get(pod.uid, ())]
    ahead = [
        place for pod in soon for place in pulls.places.get(pod.uid, ()) if place.image in good or not pulls.required
    ]
    for place in (*first, *ahead):
        name = name_of(snapshot.workload, place)
        registry = registry_of(place.image)
        free = sum(busy.values()) < MOST and busy.get(registry, 0) < MOST_OF_REGISTRY
        if pulls.looks[place].missing is None or name in known or not free:
            continue
        known.add(name)
        busy[registry] = busy.get(registry, 0) + 1
        made.append(
            CreatePullPod(
                snapshot.workload, name, place.node, place.image, pull_pods.manifest(snapshot, place, name, target)
            )
        )
    return tuple(made)


def cleanup(snapshot: Snapshot) -> tuple[DeletePullPod, ...]:
    """No helper of a workload stays behind."""
    helpers = snapshot.pulling.helpers if snapshot.pulling is not None else ()
    return tuple(DeletePullPod(one) for one in helpers if one.metadata.deletion_timestamp is None)


# --- what is missing -------------------------------------------------------------------------------------------------


def _wanted(restarting: Iterable[Restarting]) -> dict[str, tuple[ImageOnNode, ...]]:
    """By uid: what the containers that would restart need on their node and may not have there."""
    wanted: dict[str, tuple[ImageOnNode, ...]] = {}
    for pod, node, images in restarting:
        places = (_place(pod, name, reference) for name, reference in images.items())
        lacking = [place for place in places if place.policy == "Always" or not _is_listed(node, place.image)]
        if lacking:
            wanted[pod.uid] = tuple(dict.fromkeys(lacking))
    return wanted


def _restarting(snapshot: Snapshot, found: Prospects) -> list[Restarting]:
    """Those whose kubelets report in: no other pulls anything."""
    every = (
        (pod, snapshot.nodes.get(pod.spec.node_name), images) for pod, _, images in found.restarting(snapshot.pods)
    )
    return [(pod, node, images) for pod, node, images in every if node is not None and node.ready]


def _place(pod: Pod, name: str, reference: str) -> ImageOnNode:
    """As the kubelet will do it: `Always` asks the registry although the image is there, `Never` not even if it is not.

    With either policy a helper does the same, and finds out before the container is killed.
    """
    container = pod.container(name)
    return ImageOnNode(
        pod.spec.node_name, reference, (container.image_pull_policy if container else "") or "IfNotPresent"
    )


def _on_the_way(snapshot: Snapshot) -> list[ImageOnNode]:
    """What Pods in flight were patched to: their helpers keep the image on the node until they are swapped."""
    found = []
    for pod in snapshot.pods:
        record = records.read(pod)
        if isinstance(record, Record) and record.in_flight:
            found += [ImageOnNode(pod.spec.node_name, one.to) for one in record.containers.values() if not one.evidence]
    return found


def _is_listed(node: Node, reference: str) -> bool:
    """Whether the kubelet says that it has the image. It names fifty at most, so that silence proves nothing."""
    return image.normalise(reference) in _listed(node)


def _listed(node: Node) -> frozenset[str]:
    """The names of a node's images, read once for each report of the node."""
    known = _LISTED.get(node.metadata.name)
    if known is None or known[0] is not node:
        every = msgspec.json.decode(node.status.images, type=tuple[NodeImage, ...])
        known = node, frozenset(image.normalise(name) for one in every for name in one.names)
        if len(_LISTED) >= _MOST_LISTED:
            _LISTED.clear()
        _LISTED[node.metadata.name] = known
    return known[1]


#: By the name of a node: what it was when its images were read last, and their names.
_LISTED: Final[dict[str, tuple[Node, frozenset[str]]]] = {}
_MOST_LISTED: Final = 10_000


# --- helpers ---------------------------------------------------------------------------------------------------------


def _look(snapshot: Snapshot, place: ImageOnNode, helper: Pod | None, now: datetime, deadline: timedelta) -> ImageCheck:
    assert snapshot.pulling is not None
    asked = snapshot.pulling.asked.get(name_of(snapshot.workload, place))
    since = asked.since if asked is not None else helper.metadata.creation_timestamp if helper is not None else None
    over = (since or now) + deadline
    if helper is not None and pull_pods.image_id(helper):
        return _HERE
    status = helper.container_status(pull_pods.CONTAINER) if helper is not None else None
    waiting = status.state.waiting if status is not None else None
    where = f"image {place.image} on node {place.node}"
    if waiting is not None and waiting.reason in failures.CREATE:
        return _HERE  # it is pulled before anything is made of it
    if waiting is not None and waiting.reason in failures.PULL:
        final = waiting.reason in failures.FINAL_PULL or (since is not None and now >= since + TWICE)
        return _judged(
            ReasonCode.ImagePull, f"{where}: {waiting.reason}: {waiting.message}", final=final, until=_later(since)
        )
    if helper is not None and helper.over:
        why = ": ".join(one for one in (helper.status.reason, helper.status.message) if one) or "it ended before"
        return _judged(ReasonCode.PrePullImpossible, f"{where}: the helper Pod: {why}", final=now >= over, until=over)
    if asked is not None and asked.refused:
        text = f"{where}: no helper Pod can be made: {asked.refused}"
        return _judged(
            ReasonCode.PrePullImpossible, text, final=now >= over, until=asked.again if now < asked.again else over
        )
    if helper is not None and now >= over:
        return _judged(ReasonCode.DeadlineExceeded, f"{where}: not there by the deadline", final=True, until=over)
    return ImageCheck(Reason(ReasonCode.PrePull, "", f"pulling {where} before anything is killed"), until=over)


def _judged(code: ReasonCode, message: str, *, final: bool, until: datetime | None) -> ImageCheck:
    return ImageCheck(Reason(code, "", message[: records.MESSAGE_LIMIT]), verdict=final, until=until)


def _later(since: datetime | None) -> datetime | None:
    return since + TWICE if since is not None else None


def _is_stale(helper: Pod, now: datetime) -> bool:
    """Turned away without a word on the image: another may be taken in, later."""
    made = helper.metadata.creation_timestamp
    over = not pull_pods.is_pulling(helper) and not pull_pods.image_id(helper)
    return over and made is not None and now >= made + AGAIN


def _rewritten(place: ImageOnNode, helpers: Mapping[str, Pod], snapshot: Snapshot) -> Reason | None:
    """Admission that changes images of new Pods only: a live Pod would be given what nobody meant it to run."""
    helper = helpers.get(name_of(snapshot.workload, place))
    pulling = helper.container(pull_pods.CONTAINER) if helper is not None else None
    return (
        None
        if pulling is None or pulling.image == place.image
        else dry_runs.image_rewritten(place.image, pulling.image)
    )
