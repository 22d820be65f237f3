"""OCI image references: parse, normalise, compare; and digests out of a kubelet's image IDs.

For evidence, registries and display only: that an image *changed* is decided by comparing strings, as the kubelet
does (docs/design/protocol.md, "The diff"). Does not depend on registries, or on whether an image exists.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from inplace.core.objects.memo import memoised

#: What a reference without a registry means (distribution/reference, normalize.go).
DEFAULT_REGISTRY: Final = "docker.io"
_LEGACY_REGISTRY: Final = "index.docker.io"

# The grammar of distribution/reference, regexp.go.
_HOST = r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = re.compile(rf"({_HOST}(\.{_HOST})*|\[[a-fA-F0-9:]+\])(:[0-9]+)?", re.ASCII)
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(/{_PART})*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}", re.ASCII)
_SHA256 = re.compile(r"(?:^|@)(sha256:[0-9a-f]{64})$", re.ASCII)


class Image(Struct, frozen=True, gc=False):
    """A reference taken apart; registry and `library/` are filled in, `tag` and `digest` are empty if absent."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")


@memoised(4096, largest=1024)
def parse(reference: str) -> Image | None:
    """Parse a reference; None if it is invalid (reference.ParseNormalizedNamed)."""
    name, at, digest = reference.partition("@")
    registry, path = _split_registry(name)
    repository, colon, tag = path.partition(":")
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"library/{repository}"
    valid = (
        _REGISTRY.fullmatch(registry)
        and len(registry) + len(repository) < 255
        and _REPOSITORY.fullmatch(repository)
        and (not colon or _TAG.fullmatch(tag))
        and (not at or _DIGEST.fullmatch(digest))
        and not re.fullmatch(r"[0-9a-f]{64}", name)  # an image ID, not a name
    )
    return Image(registry, repository, tag, digest) if valid else None


def _split_registry(name: str) -> tuple[str, str]:
    """The first part is a registry if it has a dot, a port or capitals, or is localhost: no part of a path has."""
    head, slash, rest = name.partition("/")
    if not slash or not ("." in head or ":" in head or head == "localhost" or head != head.lower()):
        return DEFAULT_REGISTRY, name
    return DEFAULT_REGISTRY if head == _LEGACY_REGISTRY else head, rest


@memoised(4096, largest=1024)
def normalise(reference: str) -> str:
    """The reference with everything implied written out; what is no reference is returned as it is."""
    image = parse(reference)
    if image is None:
        return reference
    implied = "latest" if not image.tag and not image.digest else image.tag
    return str(Image(image.registry, image.repository, implied, image.digest))


def same(a: str, b: str) -> bool:
    """Whether two references name the same thing."""
    return normalise(a) == normalise(b)


def digest_of(image_id: str) -> str:
    """The digest in a status' `imageID`, "" if there is none (docs/design/kubernetes.md §2.7).

    Seen: `docker-pullable://name@sha256:…`, `name@sha256:…`, `sha256:…` (there it is the image's config, not its
    manifest: comparable only with what the same runtime says).
    """
    found = _SHA256.search(image_id)
    return found[1] if found else ""


def registry_of(reference: str) -> str:
    """The registry of an image."""
    parsed = parse(reference)
    return parsed.registry if parsed is not None else ""
