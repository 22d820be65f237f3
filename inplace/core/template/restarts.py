"""Restarts: which containers start again with the image that they have, and the alias that makes the kubelet do it.

A restart is asked for by keys of the template (`keys`), and is over when the Pod has them: the image and the metadata
are one write. Does not depend on who asked, nor on whether the Pod may be disrupted now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from inplace.core.objects import aliases
from inplace.core.objects.model import Container, ContainerStatus, Pod, Tree
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.waiting import PULL
from inplace.core.state import records
from inplace.core.state.records import Record
from inplace.core.template import defaults, keys, trees
from inplace.core.template.change import ContainerChange, Edits, Refused

_ALWAYS: Final = "Always"
_AGAIN: Final = ContainerChange(restart=True)
#: As long as what an alias adds to an image: a tag that a reference by digest gets, and a digest.
_ADDED: Final = ":restarted@sha256:" + 64 * "0"


def asked(
    target: Tree, images: Collection[str], labels: Edits, annotations: Edits, restart_on: tuple[str, ...]
) -> dict[str, ContainerChange]:
    """The containers that these edits make restart, without those that do for another image anyway (`images`)."""
    requested = keys.requested(target, labels, annotations, restart_on)
    found = {name: _AGAIN for name in requested if name not in images}
    return {**found, **stale(target, images, labels, annotations)}


def stale(target: Tree, images: Collection[str], labels: Edits, annotations: Edits) -> dict[str, ContainerChange]:
    """The containers whose env would be stale after these edits, without those that restart for another image."""
    return {name: _AGAIN for name in keys.reading(target, labels, annotations) if name not in images}


def switched(
    again: Mapping[str, ContainerChange], wanted: Mapping[str, str], pod: Pod
) -> dict[str, ContainerChange] | Refused:
    """These restarts on a live Pod, each with the alias to switch to; without one where no container was created yet.

    `wanted`: the images of the template.
    """
    found, refused = dict(again), []
    for name in again:
        container, status = pod.container(name), pod.container_status(name)
        if container is None or status is None or not status.container_id or not status.image_id:
            continue
        if not _has_its_image(pod, status):
            refused.append(_imageless(name, container.image, pod))
            continue
        alias = aliases.flip(container.image, wanted[name], status.image_id, status.image)
        if alias:
            found[name] = ContainerChange(alias, restart=True)
        else:
            refused.append(_unsafe(name, container.image, status.image_id, pod))
    return Refused(tuple(refused)) if refused else found


def _has_its_image(pod: Pod, status: ContainerStatus) -> bool:
    """Whether the digest in a status is that of the image in the spec: not while the container before a patch is still
    the last one, nor while the image is not there, whoever asked for it.
    """
    record = records.read(pod)
    before = record.containers.get(status.name) if isinstance(record, Record) else None
    if before is not None and before.id == status.container_id and not before.evidence and before.from_ != before.to:
        return False
    waiting = status.state.waiting
    return waiting is None or waiting.reason not in PULL


def _imageless(name: str, image: str, pod: Pod) -> Reason:
    why = (
        f"container {name} is to restart with its image, {image}, and runs another yet or none: what it would start"
        f" with is not known; correct the image, wait for it, or {keys.UNDO}"
    )
    return Reason(ReasonCode.RestartNotSupported, f"{_path(name, pod)}.image", why)


def _unsafe(name: str, image: str, image_id: str, pod: Pod) -> Reason:
    why = (
        f"container {name} would have to restart with its image, {image}, and node {pod.spec.node_name} has it by no"
        f" digest of its repository ({image_id}): another spelling might be pulled; {keys.UNDO}"
    )
    return Reason(ReasonCode.RestartNotSupported, f"{_path(name, pod)}.image", why)


def _path(name: str, pod: Pod) -> str:
    field = "containers" if any(one.name == name for one in pod.spec.containers) else "initContainers"
    return f"spec.{field}[{name}]"


def longest(target: Tree, again: Collection[str]) -> dict[str, str]:
    """What the images of these containers may become by a restart, at their longest."""
    images = trees.images(target)
    return {name: images[name] + _ADDED for name in again}


def notes(target: Tree, again: Collection[str]) -> Iterator[Reason]:
    """What is said of restarts beforehand: with `Always` the registry has a say in them."""
    for field, containers in (
        ("containers", trees.containers(target)),
        ("initContainers", trees.init_containers(target)),
    ):
        for name, container in containers.items():
            policy = container.get("imagePullPolicy") or defaults.pull_policy(str(container.get("image") or ""))
            if name in again and policy == _ALWAYS:
                yield _asks(f"spec.{field}[{name}]", name)


def asking(pod: Pod, again: Collection[str]) -> tuple[Reason, ...]:
    """The same of a live Pod, in which admission may have set the policy (AlwaysPullImages)."""
    found = ((one, _path(one.name, pod)) for one in (*pod.spec.containers, *pod.spec.init_containers))
    return tuple(_asks(path, one.name) for one, path in found if one.name in again and _always(one))


def _always(container: Container) -> bool:
    return (container.image_pull_policy or defaults.pull_policy(container.image)) == _ALWAYS


def _asks(path: str, name: str) -> Reason:
    why = (
        f"container {name} restarts with its image, and as imagePullPolicy is Always the kubelet asks the"
        " registry for its digest first: while that is away the container does not start"
    )
    return Reason(ReasonCode.RestartAsksRegistry, f"{path}.imagePullPolicy", why)
