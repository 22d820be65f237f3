"""The images of a registry: what each reference is, and how a container of it behaves."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Image(Struct, frozen=True):
    """An image and the behaviour of its process; times are in seconds.

    `ready_after`: from the start until its probes succeed. `exits_after`: it ends by itself, with `exit_code`;
    with `exits_once` in the first container of a Pod only.
    `ignores_term`: only SIGKILL ends it. `create_error`: the waiting reason of a container that cannot be made.
    """

    digest: str
    pull_seconds: float | None = None
    ready_after: float = 0.0
    exits_after: float | None = None
    exit_code: int = 1
    exits_once: bool = False
    ignores_term: bool = False
    create_error: str = ""


class Catalogue:
    """What can be pulled, by full reference: `repo:tag`, and with it `repo:tag@digest` and `repo@digest`."""

    def __init__(self, images: Mapping[str, Image]) -> None:
        self._images = dict(images)
        #: Registries that do not answer now.
        self.unreachable: frozenset[str] = frozenset()
        self._by_digest = {f"{repository(name)}@{one.digest}": one for name, one in images.items()}

    def push(self, reference: str, image: Image) -> None:
        """Put an image in the place of the one that a reference has."""
        self._images[reference] = image
        self._by_digest[f"{repository(reference)}@{image.digest}"] = image

    def find(self, reference: str) -> Image | None:
        """The image of a reference, None if the registry has none; a digest wins over its tag."""
        if "@" in reference:
            return self._by_digest.get(f"{repository(reference)}@{reference.partition('@')[2]}")
        return self._images.get(reference)

    def answers(self, reference: str) -> bool:
        """Whether the registry of a reference can be asked."""
        return reference.partition("/")[0] not in self.unreachable


def repository(reference: str) -> str:
    """A reference without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
