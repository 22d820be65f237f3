"""Whether a container was swapped: the ladder of evidence (docs/design/protocol.md, "Evidence").

Each rung either proves the swap or returns what is missing; none depends on `status.image`, on a comparison between
Pods, or on `started`. A change of imageID, the criterion of OpenKruise, is the first case of the last rung; the others
ensure that proof neither hangs nor comes too early.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from inplace.core.objects import images
from inplace.core.objects.model import Container, ContainerStatus, Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.waiting import words
from inplace.core.pod.observation import ContainerObservation, PodObservation
from inplace.core.state.records import Baseline, Evidence, Record

#: The kubelet's status manager reconciles at this period (pkg/kubelet/status, `syncPeriod`).
KUBELET_SYNC: Final = timedelta(seconds=10)
#: A node lists at most so many names of an image (pkg/kubelet/nodestatus, `MaxNamesPerImageInNodeStatus`).
LISTED_NAMES: Final = 5
#: Kubelets from this minor on maintain `status.observedGeneration` (KEP-5067).
GENERATION_SINCE: Final = (1, 34)


def kubelet_version(node: Node | None) -> tuple[int, int] | None:
    """Minor version of the node's kubelet; None if unknown."""
    match = re.match(r"v?(\d{1,4})\.(\d{1,4})(?!\d)", node.status.node_info.kubelet_version, re.ASCII) if node else None
    return (int(match[1]), int(match[2])) if match else None


def tracks_generation(pod: Pod, node: Node | None) -> bool:
    """Whether this Pod's kubelet maintains observedGeneration.

    Depends on the kubelet's version: other writers may set the field although the kubelet is old
    (docs/design/kubernetes.md §2.6).
    """
    version = kubelet_version(node)
    maintained = pod.status.observed_generation > 0 if version is None else version >= GENERATION_SINCE
    return maintained and pod.metadata.generation > 0


def awaits_startup_probe(sidecar: Container, status: ContainerStatus) -> bool:
    """Whether the kubelet looks at this sidecar's image only later (docs/design/kubernetes.md §2.3)."""
    return sidecar.startup_probe is not None and not status.ready


def judge(
    pod: Pod, name: str, record: Record, observation: PodObservation | None, node: Node | None, now: datetime
) -> Evidence | Reason:
    """Evidence that the container `name` was swapped since the image patch, or what is still missing."""
    baseline, status = record.containers[name], pod.container_status(name)
    seen = (
        observation.containers.get(name)
        if observation is not None and observation.generation == record.generation
        else None
    )
    tracked = tracks_generation(pod, node) and record.generation > 0
    if tracked and pod.status.observed_generation < record.generation:
        return _missing(name, "the kubelet has not observed the new image yet")
    if status is None or not status.container_id:
        return _missing(name, "no container yet")
    if status.state.running is None:
        return _missing(name, _pending(status))
    if status.container_id == baseline.id:
        return _never_replaced(pod, status, baseline, seen, node, now, tracked=tracked)
    return _plausible(status, baseline, seen, tracked) or _steady(pod, status, baseline, seen, node, now)


def _never_replaced(
    pod: Pod,
    status: ContainerStatus,
    baseline: Baseline,
    seen: ContainerObservation | None,
    node: Node | None,
    now: datetime,
    *,
    tracked: bool,
) -> Evidence | Reason:
    """The old container still runs. That is final only if the template went back to the image that it was created from
    before the kubelet acted: the kubelet then has nothing to do."""
    if not baseline.unsettled:
        return _missing(status.name, _kept(pod, status))
    if tracked and baseline.origin == baseline.to:
        return Evidence.UNCHANGED
    return _steady(pod, status, baseline, seen, node, now)


def _plausible(
    status: ContainerStatus, baseline: Baseline, seen: ContainerObservation | None, tracked: bool
) -> Evidence | None:
    """Rung 5 without waiting: the image of a running container with a new ID is proof enough."""
    old = _is_old(status, baseline, seen, tracked)
    if _image_changed(status, baseline) and not (
        baseline.unsettled and (old or _is_foreign(status, baseline, tracked))
    ):
        return Evidence.IMAGE_CHANGED
    if old:
        return _brought_back(status, baseline)
    wanted = _digest(baseline)
    told_apart = tracked or wanted != images.digest_of(baseline.image_id)
    if wanted and wanted == images.digest_of(status.image_id) and told_apart:
        return Evidence.EXPECTED_DIGEST
    if wanted and baseline.image_id:
        return None  # it shows the old image, and the digests are known to differ
    ended = status.last_state.terminated
    if tracked and ended is not None and baseline.id and ended.container_id in _old_ids(baseline, seen):
        return Evidence.SAME_DIGEST
    return None


def _brought_back(status: ContainerStatus, baseline: Baseline) -> Evidence | None:
    """A rollback to the image that the baseline's container was created from.

    The kubelet may show the new container in its first status at the new generation, and the digests cannot differ. A
    new container with this digest was created from that image, unless the kubelet reports another name for it, that of
    a patch that was reverted.
    """
    back = baseline.unsettled and baseline.origin == baseline.to
    alike = status.image_id == baseline.image_id or (
        bool(images.digest_of(status.image_id))
        and images.digest_of(status.image_id) == images.digest_of(baseline.image_id)
    )
    return Evidence.SAME_DIGEST if back and alike and images.same(status.image, baseline.to) else None


def _steady(
    pod: Pod,
    status: ContainerStatus,
    baseline: Baseline,
    seen: ContainerObservation | None,
    node: Node | None,
    now: datetime,
) -> Evidence | Reason:
    """The last resort: the same new container has run at the new generation for longer than any swap can take."""
    if seen is None or seen.id != status.container_id:
        return _missing(status.name, "the new container has not been observed for long enough")
    if now < seen.since + pod.grace + 3 * KUBELET_SYNC:
        back = baseline.unsettled and baseline.origin == baseline.to
        what = "it is the image of before, as wanted" if back else "the container reports the old image"
        return _missing(status.name, f"{what}; waiting until this is certainly the new container")
    tracked = tracks_generation(pod, node)
    on_node = _is_on_node(node, baseline, status)
    if on_node or (on_node is None and tracked):
        return Evidence.ASSUMED_BY_GENERATION
    ended = status.last_state.terminated
    followed = ended is not None and ended.container_id == baseline.id and status.restart_count > baseline.restarts
    if not tracked and followed and not baseline.unsettled:
        return Evidence.SAME_DIGEST
    return _missing(status.name, "the node does not list this as the desired image")


def _image_changed(status: ContainerStatus, baseline: Baseline) -> bool:
    """Whether the container shows another image. A runtime reports an image under any of its names, and without a name
    by the digest of its configuration: a change of these alone is not a change of the image.
    """
    before, after = baseline.image_id, status.image_id
    digests = images.digest_of(before), images.digest_of(after)
    if all(digests):
        return digests[0] != digests[1] and ("@" in before) == ("@" in after)
    return bool(before and after) and before != after


def _is_foreign(status: ContainerStatus, baseline: Baseline, tracked: bool) -> bool:
    """Whether this may be a container of an earlier patch that was not confirmed.

    Without observedGeneration only the image's name can tell, and it only vetoes.
    """
    return not tracked and not images.same(status.image, baseline.to)


def _is_old(status: ContainerStatus, baseline: Baseline, seen: ContainerObservation | None, tracked: bool) -> bool:
    """Whether this container may be older than the kubelet's sync: one that crashed between our read and that sync."""
    if not tracked:
        return False
    return seen is None or status.container_id in _old_ids(baseline, seen)


def _old_ids(baseline: Baseline, seen: ContainerObservation | None) -> tuple[str, ...]:
    return (baseline.id,) if seen is None else (baseline.id, seen.first_id)


def _digest(baseline: Baseline) -> str:
    if baseline.expected:
        return baseline.expected
    parsed = images.parse(baseline.stored or baseline.to)
    return parsed.digest if parsed is not None and parsed.digest else ""


def _is_on_node(node: Node | None, baseline: Baseline, status: ContainerStatus) -> bool | None:
    """Whether the node knows the desired image and the running image as the same one; None if that cannot be told.

    Both are then on the node, so the kubelet cannot still be pulling while its status does not change. The name that
    the runtime reports tells it as well as the node's list. A list that is cut off or not visible tells nothing, nor
    does one without the image that runs.
    """
    wanted, digest = baseline.stored or baseline.to, images.digest_of(status.image_id)
    if digest and images.digest_of(wanted) == digest:
        return True
    if images.same(status.image, wanted):
        return True
    if node is None or not digest:
        return None
    listed = node.status.image_names()
    running = [names for names in listed if any(images.digest_of(name) == digest for name in names)]
    if any(images.same(name, wanted) for names in running for name in names):
        return True
    return None if not running or any(len(names) >= LISTED_NAMES for names in running) else False


def _kept(pod: Pod, status: ContainerStatus) -> str:
    """Why the old container runs on. A sidecar's startup probe comes first."""
    if any(one.name == status.name and awaits_startup_probe(one, status) for one in pod.spec.init_containers):
        why = "a sidecar restarts for a new image once its startup probe has succeeded, or failed"
        return f"the old container still runs: {why}"
    return _pending(status)


def _pending(status: ContainerStatus) -> str:
    waiting = status.state.waiting
    if waiting is not None and waiting.reason:
        return f"waiting: {words(waiting)}"
    return "the old container is still running" if status.state.running else "the new container is not running"


def _missing(name: str, message: str) -> Reason:
    return Reason(ReasonCode.WaitingForSwap, f"containers[{name}]", message)
