"""The change of a Pod from one template to another, or why it cannot be made in place.

The consequences of a change (restarts, disrupts, needs proof) are derived here only: a new kind of change adds a field
to `ContainerChange` with its consequences, not conditions in other modules.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct
from msgspec.structs import replace

from inplace.core.objects.reasons import Reason, ReasonCode


class Edits(Struct, frozen=True):
    """Changes of labels, or of annotations; a changed key has its old and its new value."""

    add: dict[str, str] = {}
    change: dict[str, tuple[str, str]] = {}
    remove: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that changes."""
        return (*self.add, *self.change, *self.remove)

    def only(self, keys: Collection[str]) -> Edits:
        """The edits of these keys."""
        return Edits(
            add={key: value for key, value in self.add.items() if key in keys},
            change={key: values for key, values in self.change.items() if key in keys},
            remove=tuple(key for key in self.remove if key in keys),
        )


#: Amounts of cpu and memory by side (`requests`, `limits`) and resource.
Size = Mapping[str, Mapping[str, str]]


class ContainerChange(Struct, frozen=True):
    """The change of one container."""

    #: The new image; empty if the image does not change. With `restart` an alias of the one that runs, empty as long as
    #: no live container tells which.
    image: str = ""
    #: The requests and limits of cpu and memory to set through `pods/resize`, as in the template, without those that do
    #: not change; None if none does.
    resources: Size | None = None
    #: Whether the kubelet restarts the container for its new size (`resizePolicy: RestartContainer`).
    resize_restarts: bool = False
    #: Whether it restarts with the same image.
    restart: bool = False
    #: Whether the new image is for the spec alone: a plain init container does not run again in a Pod that lives.
    spec_only: bool = False

    @property
    def restarts(self) -> bool:
        """Whether the kubelet replaces the container: for another image, on request, or for its size."""
        return (bool(self.image) and not self.spec_only) or self.restart or self.resize_restarts


class PodChange(Struct, frozen=True):
    """A change that can be made in place.

    `notes` are for the user and never block; nor does `drift`: the images that another writer has set, left alone.
    """

    containers: dict[str, ContainerChange] = {}
    labels: Edits = Edits()
    annotations: Edits = Edits()
    notes: tuple[Reason, ...] = ()
    drift: tuple[Reason, ...] = ()
    #: The batches in which containers restart, whether or not they do by this change; empty: all at once.
    order: tuple[tuple[str, ...], ...] = ()
    #: The batches of those that restart with the same image; empty: all at once.
    restart_order: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of_images(
        cls,
        images: Mapping[str, str],
        labels: Edits | None = None,
        annotations: Edits | None = None,
        notes: tuple[Reason, ...] = (),
        drift: tuple[Reason, ...] = (),
    ) -> PodChange:
        """A change of images, by container, and of metadata."""
        containers = {name: ContainerChange(image) for name, image in images.items()}
        return cls(containers, labels or Edits(), annotations or Edits(), notes, drift)

    @property
    def images(self) -> dict[str, str]:
        """The new images, by container."""
        return {name: change.image for name, change in self.containers.items() if change.image}

    def resized(self, resizes: Mapping[str, ContainerChange]) -> PodChange:
        """The same with the sizes of these changes as well."""
        own = {
            name: replace(
                self.containers.get(name, ContainerChange()),
                resources=change.resources,
                resize_restarts=change.resize_restarts,
            )
            for name, change in resizes.items()
        }
        return replace(self, containers={**self.containers, **own})

    @property
    def sizes(self) -> dict[str, Size]:
        """The new sizes, by container; that of the Pod as a whole is one of them (`WHOLE`)."""
        return {name: change.resources for name, change in self.containers.items() if change.resources}

    @property
    def calm_sizes(self) -> dict[str, Size]:
        """Those for which no container restarts: they are set first, before a drain."""
        return {name: size for name, size in self.sizes.items() if not self.containers[name].resize_restarts}

    @property
    def harsh_sizes(self) -> dict[str, Size]:
        """Those for which a container restarts."""
        return {name: size for name, size in self.sizes.items() if self.containers[name].resize_restarts}

    @property
    def pulled(self) -> dict[str, str]:
        """The new images that are to run, by container."""
        return {name: image for name, image in self.images.items() if self.containers[name].restarts}

    @property
    def restarts(self) -> tuple[str, ...]:
        """The names of the containers that restart."""
        return tuple(name for name, change in self.containers.items() if change.restarts)

    @property
    def unstarted(self) -> tuple[str, ...]:
        """The containers that are to restart, and that nobody can restart: they have not been created yet."""
        return tuple(name for name, change in self.containers.items() if change.restart and not change.image)

    @property
    def swaps(self) -> tuple[str, ...]:
        """The containers that are created anew for their image, or on request: not for their size."""
        return tuple(
            name
            for name, change in self.containers.items()
            if (change.image and not change.spec_only) or change.restart
        )

    @property
    def disrupts(self) -> bool:
        """Whether the Pod stops serving for a while, which costs budget."""
        return bool(self.restarts)

    @property
    def needs_proof(self) -> tuple[str, ...]:
        """The names of the containers whose replacement must be proven by evidence."""
        return self.restarts

    @property
    def batches(self) -> tuple[tuple[str, ...], ...]:
        """The containers that restart, in batches. Those that the order does not name are the last.

        A restart with the same image is asked for by metadata, and done when the Pod has it: such containers restart
        together, with the batch of the first of them that the order names, else with the first one, and the metadata
        comes with its patch; or where they have an order of their own last, and the metadata with the last of them.
        """
        again = [name for name, change in self.containers.items() if change.restart]
        others = [name for name in self.restarts if name not in again]
        named = {name for batch in self.order for name in batch}
        rest = tuple(name for name in others if name not in named)
        parts = [*(tuple(name for name in others if name in batch) for batch in self.order), rest]
        found = [part for part in parts if part]
        if not again:
            return tuple(found)
        if len(self.restart_order) > 1:
            early = [tuple(name for name in again if name in batch) for batch in self.restart_order[:-1]]
            late = tuple(name for name in again if not any(name in batch for batch in early))
            return tuple(batch for batch in (*found, *early, late) if batch)
        at = next((place for place, batch in enumerate(self.order) if set(again) & set(batch)), None)
        if at is None:
            at = next((place for place, part in enumerate(parts) if part), 0)
        parts[at] = (*again, *parts[at])
        return tuple(part for part in parts if part)

    def part(self, batch: Collection[str]) -> PodChange:
        """The change for one batch; for none, nothing but what is no restart.

        Metadata comes with the first patch, or as long as a container restarts for it later, not yet.
        """
        kept = {name: change for name, change in self.containers.items() if name in batch or not change.restarts}
        if not batch or any(change.restart and name not in kept for name, change in self.containers.items()):
            return replace(self, containers=kept, labels=Edits(), annotations=Edits())
        return replace(self, containers=kept)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.containers or self.labels.keys or self.annotations.keys)


class Refused(Struct, frozen=True):
    """The change cannot be made in place; all reasons are listed."""

    reasons: tuple[Reason, ...]


Verdict = PodChange | Refused


def too_large(what: str, excess: str) -> Reason:
    """Why nothing is said of a change from or to a template that is not looked into (`trees.excess`)."""
    why = f"{what} is {excess}: move what is large into ConfigMaps, or let the workload's own rollout replace the Pods"
    return Reason(ReasonCode.TemplateTooLarge, "spec.template", why)
