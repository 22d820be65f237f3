"""Reading the helper Pods that pull images ahead: for which image one was made, and what has become of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from inplace.core import image, names
from inplace.core.model import Pod

#: Its one container; admission may have added others.
CONTAINER: Final = "pull"


def helped(pod: Pod) -> tuple[str, ...]:
    """The uids of the workloads that a Pod was made for; none where it is no helper."""
    meta = pod.metadata
    return () if meta.label(names.HELPER) is None else tuple(owner.uid for owner in meta.owner_references)


def wanted(helper: Pod) -> str:
    """The image that it was made for, whatever admission has made of it."""
    return helper.metadata.annotation(names.PULLED) or ""


def image_id(helper: Pod) -> str:
    """The image as its node's runtime names it; empty before it is there."""
    status = helper.container_status(CONTAINER)
    return status.image_id if status is not None else ""


def is_pulling(helper: Pod) -> bool:
    """Whether it has not come to an end yet."""
    return not image_id(helper) and not helper.over


def digests(helpers: Iterable[Pod]) -> dict[tuple[str, str], str]:
    """By node and image: the digest that a container of it will show, as that node's runtime says it."""
    found = (((one.spec.node_name, wanted(one)), image.digest_of(image_id(one))) for one in helpers)
    return {key: digest for key, digest in found if digest}
