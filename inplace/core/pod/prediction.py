"""What the kubelet will do to a Pod's containers for a change: its own rules, told beforehand.

The rules are those of `kubeGenericRuntimeManager.SyncPod` and `computePodActions`, kubelet 1.33 to 1.36, which agree in
what is told here (docs/design/kubernetes.md §2). In one pass all kills come before the first start. Kills follow one
another in the order of a Go map, that is in none; starts follow the spec, sidecars before regular containers, and each
waits for the image and the postStart hook of the one before. Up to 1.31 a sidecar's new image is not looked at.

Generated changes are held against a kubelet and against its model: tests/scenarios/test_prediction.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from inplace.core.objects.model import Container, ContainerStatus, Pod
from inplace.core.objects.nodes import Node
from inplace.core.pod import resizes
from inplace.core.pod.evidence import awaits_startup_probe, kubelet_version
from inplace.core.state.records import Baseline, Evidence, PodPhase, Record
from inplace.core.template.change import ContainerChange, PodChange
from inplace.core.template.diff import SIDECAR_SINCE

#: The shortest time to stop that the kubelet gives (`minimumGracePeriodInSeconds`), in seconds.
_SHORTEST: Final = 2


class Fate(StrEnum):
    """What becomes of a container."""

    #: It is killed, and started again.
    RESTARTS = "Restarts"
    #: It does not run now: there is nothing to kill, and what is started is the new one.
    STARTS = "Starts"
    #: A sidecar whose startup probe goes on: the kubelet looks at its image when the probe has succeeded or failed.
    AFTER_STARTUP_PROBE = "AfterStartupProbe"
    #: A sidecar on a kubelet that does not look at its image: the new one runs when it exits by itself.
    WHEN_IT_EXITS = "WhenItExits"
    #: A plain init container that has run: the image is set in the spec, and it does not run again.
    SPEC_ONLY = "SpecOnly"
    #: It gets its new size while it runs.
    RESIZED = "Resized"
    #: The attempt under way has replaced it, and does nothing more to it.
    RESTARTED = "Restarted"
    #: Nothing happens to it.
    KEPT = "Kept"


#: Those of which another container is started in the step that its change belongs to.
_STARTED: Final = (Fate.RESTARTS, Fate.STARTS)


class Step(Struct, frozen=True, rename="camel"):
    """What follows one write: first every kill, in no particular order, then the starts, in this order.

    A size has a write of its own, after that of the images (docs/design/kubernetes.md §1.3): what changes in both ways
    restarts twice, unless the kubelet sees both at once.
    """

    kills: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    #: Whether the write is that of sizes.
    of_sizes: bool = False


class Prediction(Struct, frozen=True, rename="camel"):
    """What the kubelet will do to one Pod."""

    #: By container: sidecars and init containers as in the spec, then the regular ones.
    fates: dict[str, Fate]
    #: One for each batch in which containers restart; the first for what is patched already, if anything is.
    steps: tuple[Step, ...]
    #: How long one container may take to stop, its preStop hook included, in seconds.
    grace_seconds: int
    #: The plain init containers that have run: none of them runs again, whatever changes.
    init_containers: tuple[str, ...] = ()

    @property
    def again(self) -> tuple[str, ...]:
        """The containers that start for a new image, or on request, and once more for their size."""
        started = {name for step in self.steps if not step.of_sizes for name in step.starts}
        return tuple(name for step in self.steps if step.of_sizes for name in step.starts if name in started)

    @property
    def stop_seconds(self) -> int:
        """How long all kills may take together, in seconds: they follow one another. They may take no time at all."""
        return self.grace_seconds * sum(len(step.kills) for step in self.steps)


def predict(pod: Pod, change: PodChange, kubelet: tuple[int, int] | None, record: Record | None = None) -> Prediction:
    """What the kubelet of this version (None: not known, taken to be a recent one) does to the Pod for the change, and
    for what the attempt of this record has patched before."""
    sidecars = tuple(one for one in pod.spec.init_containers if one.restart_policy == "Always")
    everyone = (*pod.spec.init_containers, *pod.spec.containers)
    due = due_by(pod, record)
    changes = {**{name: ContainerChange(restart=True) for name in due}, **change.containers}
    fates = {
        one.name: _fate(pod, one, changes.get(one.name, ContainerChange()), one in sidecars, kubelet)
        for one in everyone
    }
    for name in _replaced(record):
        if fates.get(name) is Fate.KEPT:
            fates[name] = Fate.RESTARTED
    first = tuple(name for name, fate in fates.items() if name in due and name not in change.restarts)
    patched = _step([name for name in first if fates[name] in _STARTED], fates)
    steps = (patched, *(step for batch in change.batches for step in _steps(batch, change, fates)))
    plain = (one.name for one in pod.spec.init_containers if one not in sidecars)
    over = tuple(name for name in plain if not _is_ahead(pod.container_status(name)))
    return Prediction(fates, tuple(step for step in steps if step.starts), _grace(pod, fates), over)


def _grace(pod: Pod, fates: Mapping[str, Fate]) -> int:
    """How long a container may take to stop. After a preStop hook that takes it all it gets the shortest time more."""
    seconds = int(pod.grace.total_seconds())
    killed = (pod.container(name) for name, fate in fates.items() if fate is Fate.RESTARTS)
    hooked = any(one is not None and one.lifecycle is not None and one.lifecycle.pre_stop for one in killed)
    return seconds + _SHORTEST if hooked and seconds else max(_SHORTEST, seconds)


def expected(pod: Pod, change: object, node: Node | None, record: Record | None = None) -> Prediction | None:
    """The prediction for a change, and the attempt of this record, if containers are still to restart; else None."""
    own = change if isinstance(change, PodChange) else PodChange()
    if not own.disrupts and not due_by(pod, record):
        return None
    return predict(pod, own, kubelet_version(node), record)


def due_by(pod: Pod, record: Record | None) -> tuple[str, ...]:
    """The containers that an attempt which is not over well has patched, and whose old container the kubelet has yet to
    replace."""
    if record is None or record.phase is PodPhase.DONE:
        return ()
    return tuple(name for name, baseline in record.containers.items() if _is_due(pod, record, name, baseline))


def _is_due(pod: Pod, record: Record, name: str, baseline: Baseline) -> bool:
    container, status = pod.container(name), pod.container_status(name)
    if container is None or status is None:
        return False
    if name in record.resized and status.resources is not None and not resizes.is_in_force(container, status):
        return True  # for its size, if not for its image any more
    if baseline.evidence:
        return False
    unseen = bool(record.generation) and pod.status.observed_generation < record.generation
    return status.container_id == baseline.id or (baseline.unsettled and unseen)


def _replaced(record: Record | None) -> tuple[str, ...]:
    """The containers that an attempt in flight has patched, but for those that never had to be replaced."""
    if record is None or not record.in_flight:
        return ()
    return tuple(name for name, one in record.containers.items() if one.evidence != Evidence.UNCHANGED)


def _fate(
    pod: Pod, container: Container, change: ContainerChange, is_sidecar: bool, kubelet: tuple[int, int] | None
) -> Fate:
    status = pod.container_status(container.name)
    if not change.restarts:
        if change.image:
            return Fate.STARTS if _is_ahead(status) else Fate.SPEC_ONLY
        return Fate.RESIZED if change.resources else Fate.KEPT
    if status is None or status.state.running is None:
        return Fate.STARTS
    if is_sidecar and kubelet is not None and kubelet < SIDECAR_SINCE:
        return Fate.WHEN_IT_EXITS
    if is_sidecar and awaits_startup_probe(container, status):
        return Fate.AFTER_STARTUP_PROBE
    return Fate.RESTARTS


def _is_ahead(status: ContainerStatus | None) -> bool:
    """Whether a container has not been created yet: it runs for the first time with whatever is in the spec by then."""
    state = status.state if status is not None and not status.container_id else None
    return state is not None and state.running is None and state.terminated is None


def _steps(batch: Collection[str], change: PodChange, fates: Mapping[str, Fate]) -> Iterator[Step]:
    """What follows the writes for one batch: images, and then sizes."""
    runs = {name for name, fate in fates.items() if fate is Fate.RESTARTS}
    swapped, sized = (
        tuple(name for name, fate in fates.items() if name in batch and name in changed and fate in _STARTED)
        for changed in (change.swaps, change.harsh_sizes)
    )
    yield _step(swapped, fates)
    yield Step(tuple(name for name in sized if name in runs or name in swapped), sized, of_sizes=True)


def _step(names: Collection[str], fates: Mapping[str, Fate]) -> Step:
    """What follows a write for the images of these containers, in this order."""
    return Step(tuple(name for name in names if fates[name] is Fate.RESTARTS), tuple(names))


def told(prediction: Prediction) -> str:
    """The prediction in one line."""
    again = prediction.again
    steps = [[name for name in step.kills if not step.of_sizes or name not in again] for step in prediction.steps]
    restarts, killed = [", ".join(names) for names in steps if names], sum(map(len, steps))
    parts = []
    if killed:
        each = "" if killed == 1 else "each "
        verb = "restarts" if killed == 1 else "restart"
        parts.append(f"{', then '.join(restarts)} {verb} (up to {prediction.grace_seconds} s {each}to stop)")
    if again:
        parts.append(f"{', '.join(again)} once more for the new size, unless the kubelet sees both changes at once")
    return "; ".join([*parts, *_others(prediction)])


_WORDS: Final = {
    Fate.STARTS: "not running, started with what is new",
    Fate.AFTER_STARTUP_PROBE: "restarts only after its startup probe has succeeded or failed",
    Fate.WHEN_IT_EXITS: "not restarted by this kubelet, which is older than 1.32",
    Fate.RESIZED: "resized while running",
    Fate.RESTARTED: "restarted already",
    Fate.KEPT: "kept",
}


def _others(prediction: Prediction) -> list[str]:
    plain = prediction.init_containers
    found = []
    for fate, words in _WORDS.items():
        names = [name for name, own in prediction.fates.items() if own is fate and name not in plain]
        if names:
            found.append(f"{', '.join(names)} {words}")
    return [*found, *(["init containers do not run again"] if plain else [])]
