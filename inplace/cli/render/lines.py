"""The plain view: one line per Pod whenever something about it changes, for logs and for those who pipe."""

from __future__ import annotations

from collections.abc import Callable

from inplace.core.state.statuses import Status
from inplace.core.views.workload import ContainerView, PodView, WorkloadView


class Lines:
    """Says what is new since it was last asked to draw."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: dict[str, str] = {}

    def draw(self, status: Status | None, seen: WorkloadView | None) -> None:
        """Say what has changed."""
        if seen is None:
            return
        if status is not None:
            self._tell("", f"{seen.kind} {seen.name}: {status.phase}: {status.message}")
        for pod in seen.pods:
            self._tell(pod.name, f"  {pod.name}: {describe(pod)}")

    def _tell(self, key: str, line: str) -> None:
        if self._said.get(key) != line:
            self._said[key] = line
            self._say(line)


def describe(pod: PodView) -> str:
    """One Pod in a line: its stage, what it waits for, and each container."""
    parts = [pod.stage if pod.ready else f"{pod.stage}, not ready"]
    parts += [_container(one) for one in pod.containers]
    if pod.reason is not None:
        parts.append(f"{pod.reason.code}: {pod.reason}")
    return "; ".join(parts)


def _container(one: ContainerView) -> str:
    changed = one.from_image and one.from_image != one.image
    image = f"{one.from_image} -> {one.image}" if changed else one.image
    proof = f" ({one.evidence})" if one.evidence else ""
    wanted = f", wanted: {one.wanted_image}" if one.wanted_image else ""
    return f"{one.name} {image} {one.state}{proof}{wanted}"
