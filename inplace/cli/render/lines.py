"""The plain view: one line per Pod whenever something about it changes, for logs and for those who pipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

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
        told = f"{status.phase}: {status.message}" if status is not None else UNOBSERVED
        if self._is_new("", told):
            self._say(f"{seen.kind.lower()}/{seen.name}: {told}")
        changed = dict[str, list[PodView]]()
        for pod in seen.pods:
            if self._is_new(pod.name, _essence(pod)):
                changed.setdefault(describe(pod), []).append(pod)
        for line, pods in changed.items():
            if len(pods) > MANY:
                self._say(f"  {len(pods)} Pods, {pods[0].name} to {pods[-1].name}: {line}")
            else:
                for pod in pods:
                    self._say(f"  {pod.name}: {line}")

    def _is_new(self, key: str, essence: str) -> bool:
        """Whether this is another thing than what was said of it last."""
        before, self._said[key] = self._said.get(key), essence
        return before != essence


UNOBSERVED: Final = "waiting for the controller to observe this change"
#: Of more Pods with the same to say, one line tells all.
MANY: Final = 10
#: A kubelet that cannot pull an image goes from one to the other and back, with other words each time.
_PULLING: Final = ("ErrImagePull", "ImagePullBackOff")


def _essence(pod: PodView) -> str:
    """What makes a line worth saying: everything, but for the words about a pull that goes on failing."""
    if not any(one.state in _PULLING for one in pod.containers):
        return describe(pod)
    same = [replace(one, state=_PULLING[-1]) if one.state in _PULLING else one for one in pod.containers]
    reason = replace(pod.reason, message="") if pod.reason is not None else None
    return describe(replace(pod, containers=tuple(same), reason=reason))


def describe(pod: PodView) -> str:
    """One Pod in a line: its stage, what it waits for, and each container."""
    parts = [pod.stage if pod.ready else f"{pod.stage}, not ready"]
    parts += [_container(one) for one in pod.containers]
    if pod.reason is not None:
        parts.append(f"{pod.reason.code}: {pod.reason}")
    return "; ".join(parts)


def _container(one: ContainerView) -> str:
    """A container and its images; its state stands with the image of which it is."""
    proof = f" ({one.evidence})" if one.evidence else ""
    wanted = f", wanted: {one.wanted_image}" if one.wanted_image else ""
    if not one.from_image or one.from_image == one.image:
        return f"{one.name} {one.image} {one.state}{proof}{wanted}"
    if one.is_old:
        return f"{one.name} {one.from_image} {one.state}{proof} -> {one.image}{wanted}"
    return f"{one.name} {one.from_image} -> {one.image} {one.state}{proof}{wanted}"
