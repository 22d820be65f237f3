"""Pull the image onto the node before a healthy container is killed (docs/design/protocol.md, "Pre-pull").

A kubelet kills first and pulls afterwards. So a pull Pod on the same node pulls the image with the credentials of the
Pod that is to have it, and runs nothing: its command cannot exist. What its status says decides whether the Pod may
start, and the image ID in it tells later what a swapped container has to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from inplace.core.actions.actions import CreatePullPod, DeletePullPod
from inplace.core.kinds import Template
from inplace.core.objects import aliases
from inplace.core.objects.images import registry_of
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.waiting import PULL, words
from inplace.core.pod.states import ImageWait
from inplace.core.rollout import dry_runs, pull_pods, reported
from inplace.core.rollout.changes import Changes, Restart
from inplace.core.rollout.memo import NodeImages
from inplace.core.rollout.pull_pods import ImageOnNode, name_of
from inplace.core.rollout.snapshot import PullRequest, Pulls, Snapshot
from inplace.core.settings.annotations import PrePullPolicy, Settings
from inplace.core.state import records
from inplace.core.state.records import Record

#: Pull Pods that pull at once, over all workloads, and from one registry. A namespace takes another slot only while
#: more are free than it has, so that alone it has half of them; the first it may have in any case.
MAX_PULLS: Final = 40
MAX_PULLS_PER_REGISTRY: Final = 20
#: How soon a workload that waits for a slot is planned again.
_SLOT_AGAIN: Final = timedelta(seconds=1)
#: What a reason says of a pull Pod that the API server refuses.
NOT_CREATED: Final = "cannot create a pull Pod"
#: How long a pull Pod that a kubelet rejected stays to be read, before another is created.
REJECTED_STAYS: Final = timedelta(seconds=30)


class ImageCheck(Struct, frozen=True):
    """What is known of one image on one node."""

    #: Why it is not known to be there; None if it is.
    missing: Reason | None = None
    #: It will not get there: the Pod has failed.
    failed: bool = False
    until: datetime | None = None

    @property
    def is_impossible(self) -> bool:
        """Whether there is no pull Pod for it, and whoever refuses it is heard."""
        return self.missing is not None and self.missing.code is ReasonCode.PrePullImpossible


_PRESENT: Final = ImageCheck()


class PrePullState(Struct, frozen=True):
    """Everything about the images of one workload's Pods."""

    #: By uid of the Pod: the images that it needs and that may not be on its node.
    needed: Mapping[str, tuple[ImageOnNode, ...]] = {}
    checks: Mapping[ImageOnNode, ImageCheck] = {}
    #: Whether a Pod waits for its images.
    required: bool = False
    #: No Pod has all its images on its node, so they may not exist at all.
    nowhere: bool = False
    rewritten: tuple[Reason, ...] = ()
    deletions: tuple[DeletePullPod, ...] = ()

    def wait(self, uid: str) -> ImageWait | None:
        """Why a Pod does not start yet, or that it has failed because of its images."""
        needed = self.needed.get(uid) if self.required else None
        if needed is None:
            return None
        missing = [check for check in (self.checks[image] for image in needed) if check.missing is not None]
        if not missing:
            return None
        worst = next((check for check in missing if check.failed), missing[0])
        assert worst.missing is not None
        return ImageWait(worst.missing, worst.failed)

    def problems(self) -> tuple[Reason, ...]:
        """Failed pulls that no Pod waits for, each sort once; and in whose words no pull Pod can be made, the first."""
        missing = [check for check in self.checks.values() if check.missing is not None]
        failed = [check.missing for check in missing if check.failed and not self.required]
        impossible = (check.missing for check in missing if not check.failed and check.is_impossible)
        found = [*failed, next(impossible, None)]
        return tuple({(reason.code, reason.message): reason for reason in found if reason is not None}.values())

    @property
    def deadlines(self) -> list[datetime | None]:
        """When to look again if nothing happens."""
        return [check.until for check in self.checks.values()]


def check(
    snapshot: Snapshot, settings: Settings, changes: Changes, policy: PrePullPolicy, now: datetime, listed: NodeImages
) -> PrePullState:
    """Which images are missing on which node, and the state of the pull Pods; `policy` may be less than the setting."""
    if snapshot.pull_pods is None:
        return PrePullState()
    restarting = [] if policy is PrePullPolicy.NEVER else _reachable(snapshot, changes)
    wanted = {restart.pod.uid: (_wanted(restart), node) for restart, node in restarting}
    needed = _needed(wanted, listed)
    pods = {pod.name: pod for pod in snapshot.pull_pods.pods}
    needed |= _told(snapshot, {uid: found for uid, (found, node) in wanted.items() if node is None}, pods)
    deadline = timedelta(seconds=settings.progress_deadline_seconds)
    images = {image for found, _ in wanted.values() for image in found}
    named = {image: name_of(snapshot.workload, image) for image in images}
    checks = {
        image: _check(snapshot, image, named[image], pods.get(named[image]), now, deadline)
        for lacking in needed.values()
        for image in lacking
    }
    required = policy is PrePullPolicy.REQUIRED
    present = [all(checks[image].missing is None for image in lacking) for lacking in needed.values()]
    nowhere = required and len(present) == len(restarting) > 0 and not any(present)
    kept = {named[image] for image in checks}
    kept |= {name_of(snapshot.workload, image) for image in _being_swapped(snapshot)}
    # One that has pulled knows the digest, also when the node lists the image by then.
    kept |= {name for name in named.values() if name in pods and pull_pods.is_pulled(pods[name])}
    deletions = (
        DeletePullPod(pod, again=name in kept)
        for name, pod in pods.items()
        if pod.metadata.deletion_timestamp is None
        and (name not in kept or _is_stale(pod, now) or pull_pods.is_in_the_way(pod, snapshot.budgets))
    )
    rewritten = (reason for image in checks if (reason := _rewritten(image, pods.get(named[image]))) is not None)
    return PrePullState(needed, checks, required, nowhere, tuple(rewritten), tuple(deletions))


def start(
    snapshot: Snapshot,
    state: PrePullState,
    granted: Iterable[Pod],
    ahead: Iterable[Pod],
    target: Template,
    now: datetime,
) -> tuple[CreatePullPod, ...]:
    """Pull Pods to create now, in the order of the Pods that they are for, within the limits.

    First for Pods that are granted their start and lack nothing else; then `ahead`, for those that may start soon,
    once an image is known to exist at all.
    """
    if snapshot.pull_pods is None:
        return ()
    busy, requests = dict(snapshot.pull_pods.busy), snapshot.pull_pods.requests
    known = {pod.name for pod in snapshot.pull_pods.pods}
    known |= {name for name, request in requests.items() if _rests(request, now)}
    exists = {pull_pods.image_of(pod) for pod in snapshot.pull_pods.pods if pull_pods.is_pulled(pod)}
    first = [(pod, image) for pod in granted for image in state.needed.get(pod.uid, ())]
    soon = [(pod, image) for pod in ahead for image in state.needed.get(pod.uid, ())]
    soon = [(pod, image) for pod, image in soon if image.image in exists or not state.required]
    created: list[CreatePullPod] = []
    for pod, image in (*first, *soon):
        name, registry = name_of(snapshot.workload, image), registry_of(image.image)
        if state.checks[image].missing is None or name in known or _crowded(busy, image):
            continue
        known.add(name)
        taken = busy.get(registry, Pulls())
        busy[registry] = Pulls(taken.here + 1, taken.everywhere + 1)
        refused = requests[name].refused if name in requests else ""
        body = pull_pods.manifest(snapshot, pod, image, name, target, refused)
        created.append(CreatePullPod(snapshot.workload, name, image.node, image.image, body, adapted=bool(refused)))
    return tuple(created)


def _rests(request: PullRequest, now: datetime) -> bool:
    """Whether it is not asked for again yet. What was refused is asked for once more at once, as it is accepted."""
    return now < request.again and (request.sent or request.adapted or not request.refused)


def _crowded(busy: Mapping[str, Pulls], image: ImageOnNode) -> str:
    """Who has the slots that one more image would need; empty if it may be pulled.

    Whoever has less than is free may take more (the dynamic thresholds of Choudhury and Hahne, for shared buffers), and
    whoever has nothing may have one: nobody waits for the pulls of others that hang, however many.
    """
    registry = registry_of(image.image)
    every = Pulls(sum(one.here for one in busy.values()), sum(one.everywhere for one in busy.values()))
    limits = ((f"from {registry}", busy.get(registry, Pulls()), MAX_PULLS_PER_REGISTRY), ("at once", every, MAX_PULLS))
    for what, taken, most in limits:
        if taken.here >= max(1, most - taken.everywhere):
            others = taken.everywhere - taken.here
            return f"of {most} pulls {what} this namespace has {taken.here}, and others have {others}"
    return ""


def cleanup(snapshot: Snapshot) -> tuple[DeletePullPod, ...]:
    """Delete all pull Pods of a workload."""
    return tuple(DeletePullPod(pod) for pod in snapshot.pulling if pod.metadata.deletion_timestamp is None)


# --- what is missing -------------------------------------------------------------------------------------------------


def _wanted(restart: Restart) -> tuple[ImageOnNode, ...]:
    """What the containers that would restart need on their node."""
    found = (_needed_image(restart.pod, name, reference) for name, reference in restart.pulled.items())
    return tuple(dict.fromkeys(found))


def _needed(
    wanted: Mapping[str, tuple[tuple[ImageOnNode, ...], Node | None]], listed: NodeImages
) -> dict[str, tuple[ImageOnNode, ...]]:
    """By uid: what of it may not be there."""
    lacking = {
        uid: tuple(
            image for image in found if image.policy == "Always" or aliases.resolved(image.image) not in listed.of(node)
        )
        for uid, (found, node) in wanted.items()
        if node is not None
    }
    return {uid: found for uid, found in lacking.items() if found}


def _told(
    snapshot: Snapshot, wanted: Mapping[str, tuple[ImageOnNode, ...]], pods: Mapping[str, Pod]
) -> dict[str, tuple[ImageOnNode, ...]]:
    """By uid: what is missing on nodes that may not be read, as the pull Pods and the controller's report show."""

    def is_missing(image: ImageOnNode) -> bool:
        reported_missing = reported.missing_pull(snapshot.reported, _where(image)) is not None
        return name_of(snapshot.workload, image) in pods or reported_missing

    lacking = {uid: tuple(filter(is_missing, found)) for uid, found in wanted.items()}
    return {uid: found for uid, found in lacking.items() if found}


def _reachable(snapshot: Snapshot, changes: Changes) -> list[tuple[Restart, Node | None]]:
    """The restarts on nodes that can pull for them, and that stay; on any, if nodes may not be read."""
    found = ((restart, snapshot.nodes.get(restart.pod.spec.node_name)) for restart in changes.restarting(snapshot.pods))
    unseen = "nodes" in snapshot.unseen
    return [
        (restart, node)
        for restart, node in found
        if (unseen if node is None else node.can_run(restart.pod) and not node.is_leaving)
    ]


def _needed_image(pod: Pod, name: str, reference: str) -> ImageOnNode:
    """The kubelet's behavior: `Always` asks the registry even if the image is there, `Never` even if it is not there.

    With either policy a pull Pod does the same, and finds out before the container is killed.
    """
    container = pod.container(name)
    policy = (container.image_pull_policy if container else "") or "IfNotPresent"
    return ImageOnNode(pod.spec.node_name, reference, policy)


def _being_swapped(snapshot: Snapshot) -> list[ImageOnNode]:
    """What Pods in flight were patched to: their pull Pods keep the image on the node until they are swapped."""
    found = []
    for pod in snapshot.pods:
        record = records.of(pod, snapshot.workload.metadata.uid)
        if isinstance(record, Record) and record.in_flight:
            node = pod.spec.node_name
            found += [ImageOnNode(node, before.to) for before in record.containers.values() if not before.evidence]
    return found


# --- pull Pods -------------------------------------------------------------------------------------------------------


def _check(
    snapshot: Snapshot, image: ImageOnNode, name: str, pull_pod: Pod | None, now: datetime, deadline: timedelta
) -> ImageCheck:
    """`name`: that of the pull Pod, whether or not there is one."""
    assert snapshot.pull_pods is not None
    asked = snapshot.pull_pods.requests.get(name)
    made = pull_pod.metadata.created_at if pull_pod is not None else None
    over = ((asked.since if asked is not None else made) or now) + deadline
    if pull_pod is not None and pull_pods.is_pulled(pull_pod):
        return _PRESENT
    status = pull_pod.container_status(pull_pods.CONTAINER) if pull_pod is not None else None
    waiting = status.state.waiting if status is not None else None
    what = _where(image)
    held_up = pull_pods.held_up_by(pull_pod) if pull_pod is not None else ""
    if pull_pod is not None and waiting is not None and waiting.reason in PULL:
        return _judged(
            ReasonCode.ImagePull,
            f"{what}: {words(waiting)}",
            final=pull_pods.has_failed(pull_pod, now),
            until=made + pull_pods.SECOND_TRY if made is not None else None,
        )
    if pull_pod is not None and pull_pod.over:
        why = (
            held_up
            or ": ".join(text for text in (pull_pod.status.reason, pull_pod.status.message) if text)
            or "it ended before the image was pulled"
        )
        return _judged(ReasonCode.PrePullImpossible, f"{what}: the pull Pod: {why}", final=now >= over, until=over)
    if pull_pod is None and asked is not None and asked.refused and asked.adapted:
        text = f"{what}: {NOT_CREATED}: {asked.refused}"
        return _judged(
            ReasonCode.PrePullImpossible, text, final=now >= over, until=asked.again if now < asked.again else over
        )
    tail = f": {held_up}" if held_up else ""
    if made is not None:
        over = made + deadline  # however long it took until one could be created
    over = max(over, snapshot.no_verdict_before or over)
    if now >= over:
        why = f"deadline exceeded: {what} is not there{tail}"
        return _judged(ReasonCode.DeadlineExceeded, why, final=True, until=over)
    told = reported.missing_pull(snapshot.reported, what) if pull_pod is None else None
    if told is not None:
        return ImageCheck(told[0], failed=told[1])
    crowded = _crowded(snapshot.pull_pods.busy, image)
    if pull_pod is None and (asked is None or now >= asked.again) and crowded:
        return ImageCheck(Reason(ReasonCode.PullLimit, "", f"{what}: {crowded}"), until=now + _SLOT_AGAIN)
    unseen = asked is not None and pull_pod is None and now < asked.again  # or gone again: it is asked for anew then
    until = asked.again if asked is not None and unseen else over
    return _judged(ReasonCode.PrePull, f"pulling {what} first{tail}", final=False, until=until)


def _where(image: ImageOnNode) -> str:
    """What a reason about this image begins with."""
    return f"image {image.image} on node {image.node}"


def _judged(code: ReasonCode, message: str, *, final: bool, until: datetime | None) -> ImageCheck:
    return ImageCheck(Reason(code, "", message[: records.MESSAGE_LIMIT]), failed=final, until=until)


def _is_stale(pull_pod: Pod, now: datetime) -> bool:
    """Rejected for a reason unrelated to the image: another one may be admitted later."""
    made = pull_pod.metadata.created_at
    rejected = pull_pod.over and not pull_pods.is_pulled(pull_pod)
    return rejected and made is not None and now >= made + REJECTED_STAYS


def _rewritten(image: ImageOnNode, pull_pod: Pod | None) -> Reason | None:
    """Refuse an image that admission rewrites on new Pods only: a live Pod would run another image."""
    container = pull_pod.container(pull_pods.CONTAINER) if pull_pod is not None else None
    if container is None or container.image == image.image:
        return None
    return dry_runs.image_rewritten(image.image, container.image)
