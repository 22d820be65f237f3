"""Conditions on a Pod that somebody else sets, and that a step of its upgrade waits for: the setting `gates`.

Whoever may write the status of a Pod may hold up its upgrade by them, and nothing else: of a condition only the status
and the time are read, and it is True or it is not. Does not depend on the phase of the attempt (`lifecycle`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.objects.times import told
from inplace.core.pod.availability import drains
from inplace.core.settings.annotations import Settings
from inplace.core.settings.grammar import GateStep
from inplace.core.template.change import PodChange

_CODES: Final = {
    GateStep.BEFORE_DRAIN: ReasonCode.BeforeDrain,
    GateStep.BEFORE_SWAP: ReasonCode.BeforeSwap,
    GateStep.BEFORE_READY: ReasonCode.BeforeReady,
}
#: What a Pod at rest may wait for.
AT_REST: Final = (ReasonCode.BeforeDrain, ReasonCode.BeforeSwap)
_WORDS: Final = {
    GateStep.BEFORE_DRAIN: "before the drain",
    GateStep.BEFORE_SWAP: "before the swap",
    GateStep.BEFORE_READY: "before the Pod serves again",
}
_STATUSES: Final = frozenset({"True", "False", "Unknown"})


def at_rest(pod: Pod, change: PodChange, settings: Settings) -> Reason | None:
    """What a Pod waits for before its upgrade begins, and again once it has a new size that restarted nothing: nothing
    has disrupted it so far. One that is not drained is swapped by the very next write.
    """
    drained = drains(pod, settings, change.restarts)
    steps = (GateStep.BEFORE_DRAIN,) if drained else (GateStep.BEFORE_DRAIN, GateStep.BEFORE_SWAP)
    return _first(pod, settings, steps) if _is_at_work(pod, change) else None


def before_swap(pod: Pod, change: PodChange, settings: Settings) -> Reason | None:
    """What a Pod in flight waits for before its containers are stopped."""
    return _first(pod, settings, (GateStep.BEFORE_SWAP,)) if _is_at_work(pod, change) else None


def before_ready(pod: Pod, settings: Settings) -> Reason | None:
    """What a Pod whose new containers are ready waits for before it serves."""
    return _first(pod, settings, (GateStep.BEFORE_READY,))


def announced(pods: Iterable[Pod], settings: Settings) -> Iterator[Reason]:
    """What every Pod is going to wait for; and whether none has such a condition, which may be a typing error."""
    known = {condition.type for pod in pods for condition in pod.status.conditions}
    for gate in settings.gates:
        never = "" if gate.condition in known else "; no Pod has it yet"
        why = f"each Pod waits, {_WORDS[gate.step]}, until its condition {gate.condition} is True{never}"
        yield Reason(_CODES[gate.step], f"metadata.annotations[{names.PREFIX}gates]", why)


def _is_at_work(pod: Pod, change: PodChange) -> bool:
    """Whether any container that is to be stopped runs: of one that does not there is nothing to wait for."""
    statuses = (pod.container_status(name) for name in change.restarts)
    return any(status is not None and status.state.running is not None for status in statuses)


def _first(pod: Pod, settings: Settings, steps: Iterable[GateStep]) -> Reason | None:
    """The first condition for these steps that does not stand at True."""
    wanted = (gate for step in steps for gate in settings.gates if gate.step is step)
    return next((_waits(pod, gate.step, gate.condition) for gate in wanted if not pod.is_true(gate.condition)), None)


def _waits(pod: Pod, step: GateStep, type_: str) -> Reason:
    found = pod.condition(type_)
    if found is None:
        stands = "nobody has set it"
    else:
        at = found.since
        since = f" since {told(at)}" if at is not None else ""
        stands = f"it is {found.status if found.status in _STATUSES else 'not True'}{since}"
    why = f"waiting, {_WORDS[step]}, until the condition {type_} is True: {stands}"
    return Reason(_CODES[step], f"status.conditions[{type_}]", why)
