"""Before the first disruption: would the API server take these patches at all
(docs/design/protocol.md, "The diff")?

Admission may refuse them for good: a namespace whose PodSecurity level was tightened, AlwaysPullImages, a webhook, a
policy. A dry run of the patch of one Pod answers for all that are alike: of the same revision, to the same, on nodes of
the same version, with the same containers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from inplace.core.actions.actions import DryRunPatch
from inplace.core.objects.model import WHOLE, Pod, Resources
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.rollout.changes import Changes
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.template.change import Size
from inplace.core.template.sizes import same, words

#: What AlwaysPullImages makes of a patch is refused because of this field.
_PULL_POLICY = "imagePullPolicy"


class DryRuns(NamedTuple):
    """The dry runs of the Pods that would be patched: refusals, and those still to be made."""

    refused: tuple[Reason, ...] = ()
    pending: tuple[DryRunPatch, ...] = ()


def ask(snapshot: Snapshot, changes: Changes) -> DryRuns:
    """The refusals so far, and a dry run for each sort of Pod without a result."""
    if snapshot.dry_runs is None:
        return DryRuns()
    refused: dict[tuple[str, str], Reason] = {}
    pending: dict[str, DryRunPatch] = {}
    for asked in _questions(snapshot, changes):
        if asked.key not in snapshot.dry_runs:
            pending.setdefault(asked.key, asked)
            continue
        reason = snapshot.dry_runs[asked.key]
        if reason is not None:
            refused.setdefault((reason.code, reason.message), reason)
    return DryRuns(tuple(refused.values()), tuple(pending.values()))


def _questions(snapshot: Snapshot, changes: Changes) -> Iterator[DryRunPatch]:
    """The image patch and the resize of each Pod: two requests. What a resize may ask for depends on the node too."""
    for pod, revision, images, _ in changes.restarting(snapshot.pods):
        if images:
            yield DryRunPatch(pod, dict(images), _key(snapshot, pod, revision))
    for pod, revision, sizes in changes.resizing(snapshot.pods):
        key = "|".join((_key(snapshot, pod, revision), pod.spec.node_name, "resize"))
        yield DryRunPatch(pod, {}, key, sizes)


def _key(snapshot: Snapshot, pod: Pod, revision: str) -> str:
    node = snapshot.nodes.get(pod.spec.node_name)
    version = node.status.node_info.kubelet_version if node is not None else ""
    containers = ",".join(container.name for container in (*pod.spec.containers, *pod.spec.init_containers))
    return "|".join((snapshot.revision_of(pod), revision, version, containers))


def resize_refusal(pod_name: str, sizes: Mapping[str, Size], message: str) -> Reason:
    """The server's message: a LimitRange, a ResourceQuota, more than the node has, or one that knows no resize."""
    wanted = ", ".join(f"{name} to {words(size)}" for name, size in sizes.items())
    why = f"the API server rejects the resize of {wanted}: {message}"
    return Reason(ReasonCode.AdmissionRejected, f"pods[{pod_name}]", why)


def unheeded(stored: Pod, sizes: Mapping[str, Size]) -> Reason | None:
    """Why a resize is refused of which the server leaves out that of the Pod as a whole: without the feature it drops
    the field of a Pod that has had none without a word."""
    wanted, found = sizes.get(WHOLE, {}), stored.resources(WHOLE) or Resources()
    if all(same(found.amount(side, name), amount) for side, each in wanted.items() for name, amount in each.items()):
        return None
    return resize_refusal(stored.name, {WHOLE: wanted}, "it leaves the resources of the Pod as a whole as they are")


def rewritten(stored: Pod, images: Mapping[str, str]) -> Reason | None:
    """Why an image patch is refused if admission replaces the image: a wrong image would run."""
    found = ((wanted, stored.container(name)) for name, wanted in images.items())
    other = next(((wanted, one.image) for wanted, one in found if one is not None and one.image != wanted), None)
    return image_rewritten(*other) if other is not None else None


def image_rewritten(wanted: str, stored: str) -> Reason:
    """Why an image that admission rewrites is not patched into live Pods."""
    why = f"admission rewrites {wanted} to {stored}: use {stored} in the template"
    return Reason(ReasonCode.ImageRewritten, "", why)


def refusal(pod_name: str, images: Mapping[str, str], message: str) -> Reason:
    """The server's message, after a hint if the cause is not obvious: a long message is cut at its end."""
    hint = ""
    if _PULL_POLICY.lower() in message.lower():
        hint = (
            " (the admission plugin AlwaysPullImages sets imagePullPolicy: Always with every new image, and that field"
            " cannot change on a live Pod: set it in the template once)"
        )
    wanted = ", ".join(f"{name}={image}" for name, image in images.items())
    return Reason(
        ReasonCode.AdmissionRejected, f"pods[{pod_name}]", f"the API server rejects the patch {wanted}{hint}: {message}"
    )
