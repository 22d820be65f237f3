"""What changes on a Pod when it goes from one template to another, or why that cannot be done in place."""

from __future__ import annotations

from msgspec import Struct

from inplace.core.objects.reasons import Reason


class Edits(Struct, frozen=True):
    """What happens to labels, or to annotations; a changed key has its old and its new value."""

    add: dict[str, str] = {}
    change: dict[str, tuple[str, str]] = {}
    remove: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that changes."""
        return (*self.add, *self.change, *self.remove)


class PodChange(Struct, frozen=True):
    """The change can be made in place; `notes` are worth saying and never block."""

    images: dict[str, str] = {}
    labels: Edits = Edits()
    annotations: Edits = Edits()
    notes: tuple[Reason, ...] = ()

    @property
    def restarts(self) -> tuple[str, ...]:
        """The names of the containers that restart."""
        return tuple(self.images)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.images or self.labels.keys or self.annotations.keys)


class Refused(Struct, frozen=True):
    """The change cannot be made in place; every reason is named."""

    reasons: tuple[Reason, ...]


Verdict = PodChange | Refused
