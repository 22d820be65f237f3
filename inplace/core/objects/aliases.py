"""Aliases of an image: other spellings of the reference by which the very image that runs is on its node.

The kubelet compares image strings as text (docs/design/kubernetes.md §2.2), so a container restarts in place, with no
other image, if its reference is switched for an alias. One with a digest can never be another version: the runtime
resolves `repo:tag@digest` and `repo@digest` alike by their digest, and has it from the pull that brought the image.
Does not depend on templates, Pods or registries.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from inplace.core.objects import images
from inplace.core.objects.images import Image

#: The tag that stands beside a digest where no other is known; the runtime does not read it.
_ANY_TAG: Final = "restarted"
_SCHEME: Final = "://"


def is_alias(live: str, wanted: str, image_id: str = "", *, unchanged: bool = False) -> bool:
    """Whether a container's image `live` is an alias of the template's image `wanted`, other than `wanted` itself.

    `image_id`: what the container's status says that it runs; empty if that need not agree. `unchanged`: whether the
    container can only have come from `wanted`, so that an alias without a tag, which tells no version, may be its.
    """
    one, other = images.parse(live), images.parse(wanted)
    if live == wanted or one is None or other is None or not one.digest or not _same_repository(one, other):
        return False
    if other.digest:
        return one.digest == other.digest
    runs = images.digest_of(image_id)
    if runs and runs != one.digest:
        return False
    return one.tag == (other.tag or "latest") or (unchanged and not one.tag)


def flip(live: str, wanted: str, image_id: str, reported: str) -> str:
    """The alias to which a container with the image `live` is switched so that it restarts; empty if none is safe.

    `wanted` is the template's image, `image_id` and `reported` are `imageID` and `image` of the container's status. It
    always has the digest: what a tag means on the node is in no status (docs/design/kubernetes.md §2.7).
    """
    one, other = images.parse(live), images.parse(wanted)
    if one is None or other is None:
        return ""
    name = live.partition("@")[0]
    if not one.digest:
        runs = images.parse(image_id.rpartition(_SCHEME)[2])
        if runs is None or not _same_repository(one, runs) or not images.digest_of(image_id):
            return ""
        return f"{name if one.tag else f'{name}:latest'}@{runs.digest}"
    if one.tag:
        return f"{name.removesuffix(f':{one.tag}')}@{one.digest}"
    return f"{name}:{_tag(one, other, reported)}@{one.digest}"


def resolved(reference: str) -> str:
    """What a runtime looks up: the normal form, and without the tag if there is a digest (distribution's ParseDockerRef
    drops it)."""
    image = images.parse(reference)
    return str(replace(image, tag="")) if image is not None and image.digest else images.normalise(reference)


def _same_repository(one: Image, other: Image) -> bool:
    return (one.registry, one.repository) == (other.registry, other.repository)


def _tag(one: Image, wanted: Image, reported: str) -> str:
    """The tag that a reference by digest gets: the template's, else the one by which the runtime reports the image."""
    if not wanted.digest:
        return wanted.tag or "latest"
    known = images.parse(reported)
    return wanted.tag or (known.tag if known is not None and _same_repository(known, one) else "") or _ANY_TAG
