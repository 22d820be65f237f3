"""What the kubelet will do to a Pod's containers for a change: its own rules, told beforehand.

The rules are those of `kubeGenericRuntimeManager.SyncPod` and `computePodActions`, kubelet 1.33 to 1.36, which agree in
what is told here (docs/design/kubernetes.md §2). In one pass all kills come before the first start. Kills follow one
another in the order of a Go map, that is in none; starts follow the spec, sidecars before regular containers, and each
waits for the image and the postStart hook of the one before. Up to 1.31 a sidecar's new image is not looked at.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from inplace.core.objects.model import Container, Node, Pod
from inplace.core.pod.evidence import awaits_startup_probe, kubelet_version
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
    #: A plain init container: the image is set in the spec, and it does not run again.
    SPEC_ONLY = "SpecOnly"
    #: It gets its new size while it runs.
    RESIZED = "Resized"
    #: Nothing happens to it.
    KEPT = "Kept"


class Step(Struct, frozen=True):
    """What follows one patch: first every kill, in no particular order, then the starts, in this order."""

    kills: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()


class Prediction(Struct, frozen=True, rename="camel"):
    """What the kubelet will do to one Pod."""

    #: By container: sidecars and init containers as in the spec, then the regular ones.
    fates: dict[str, Fate]
    #: One for each batch in which containers restart.
    steps: tuple[Step, ...]
    #: How long one container may take to stop, its preStop hook included, in seconds.
    grace_seconds: int
    #: The plain init containers: none of them runs again, whatever changes.
    init_containers: tuple[str, ...] = ()

    @property
    def stop_seconds(self) -> int:
        """How long all kills may take together, in seconds: they follow one another. They may take no time at all."""
        return self.grace_seconds * sum(len(step.kills) for step in self.steps)


def predict(pod: Pod, change: PodChange, kubelet: tuple[int, int] | None) -> Prediction:
    """What the kubelet of this version (None: not known, taken to be a recent one) does to the Pod for the change."""
    sidecars = tuple(one for one in pod.spec.init_containers if one.restart_policy == "Always")
    everyone = (*pod.spec.init_containers, *pod.spec.containers)
    fates = {
        one.name: _fate(pod, one, change.containers.get(one.name, ContainerChange()), one in sidecars, kubelet)
        for one in everyone
    }
    steps = (_step(batch, fates) for batch in change.batches)
    grace = max(_SHORTEST, int(pod.grace.total_seconds()))
    plain = tuple(one.name for one in pod.spec.init_containers if one not in sidecars)
    return Prediction(fates, tuple(step for step in steps if step.starts), grace, plain)


def expected(pod: Pod, change: object, node: Node | None) -> Prediction | None:
    """The prediction for a change that restarts containers; None for any other, or for none at all."""
    if not isinstance(change, PodChange) or not change.disrupts:
        return None
    return predict(pod, change, kubelet_version(node))


def _fate(
    pod: Pod, container: Container, change: ContainerChange, is_sidecar: bool, kubelet: tuple[int, int] | None
) -> Fate:
    if not change.restarts:
        if change.image:
            return Fate.SPEC_ONLY
        return Fate.RESIZED if change.resources else Fate.KEPT
    status = pod.container_status(container.name)
    if status is None or status.state.running is None:
        return Fate.STARTS
    if is_sidecar and kubelet is not None and kubelet < SIDECAR_SINCE:
        return Fate.WHEN_IT_EXITS
    if is_sidecar and awaits_startup_probe(container, status):
        return Fate.AFTER_STARTUP_PROBE
    return Fate.RESTARTS


def _step(batch: tuple[str, ...], fates: dict[str, Fate]) -> Step:
    ours = [(name, fate) for name, fate in fates.items() if name in batch]
    return Step(
        tuple(name for name, fate in ours if fate is Fate.RESTARTS),
        tuple(name for name, fate in ours if fate in (Fate.RESTARTS, Fate.STARTS)),
    )


def told(prediction: Prediction) -> str:
    """The prediction in one line."""
    restarts = [", ".join(step.kills) for step in prediction.steps if step.kills]
    killed = sum(len(step.kills) for step in prediction.steps)
    parts = []
    if killed:
        each = "" if killed == 1 else "each "
        verb = "restarts" if killed == 1 else "restart"
        parts.append(f"{', then '.join(restarts)} {verb} (up to {prediction.grace_seconds} s {each}to stop)")
    return "; ".join([*parts, *_others(prediction)])


_WORDS: Final = {
    Fate.STARTS: "not running, started with what is new",
    Fate.AFTER_STARTUP_PROBE: "restarts only after its startup probe has succeeded or failed",
    Fate.WHEN_IT_EXITS: "not restarted by this kubelet, which is older than 1.32",
    Fate.RESIZED: "resized while running",
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
