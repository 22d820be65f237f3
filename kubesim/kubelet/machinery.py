"""What all workers of a kubelet share, and what a kubelet of a version does."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from inplace.kube.client import Client
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer
from kubesim.kubelet.timings import Timings

#: What a kubelet of 1.36 says in its Node's `declaredFeatures`, as one was seen to. The server asks it: of another node
#: it lets no Pod be resized as a whole.
DECLARED: Final = (
    "ExtendWebSocketsToKubelet",
    "InPlacePodLevelResourcesVerticalScaling",
    "InPlacePodVerticalScalingInitContainers",
    "RestartAllContainersOnContainerExits",
)


class Abilities:
    """What a kubelet of a version does that older ones do not."""

    def __init__(self, version: str) -> None:
        major, minor = (int(part) for part in version.lstrip("v").split(".")[:2])
        self.tracks_generation = (major, minor) >= (1, 34)
        self.restarts_sidecars = (major, minor) >= (1, 32)
        self.resizes = (major, minor) >= (1, 33)
        self.resizes_whole = (major, minor) >= (1, 36)
        self.declares = DECLARED if (major, minor) >= (1, 36) else ()


@dataclass(frozen=True)
class Machinery:
    """What all workers of a kubelet share."""

    client: Client
    clock: Clock
    rng: random.Random
    observer: Observer
    timings: Timings
    abilities: Abilities
