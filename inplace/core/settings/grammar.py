"""The grammar of setting values: amounts, durations, lists of names; text -> value, or None where it is not accepted.

Every function is total and reads the text strictly, as the API server reads a field. It refuses to know which
annotation a text came from, which value is the default and what a value is for (`settings`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, TypeVar

from msgspec import Struct

from inplace.core.objects import names

#: The API server's bound of an int32: maxUnavailable, partition, replicas.
MAX_COUNT: Final = 2147483647
#: Thirty days in seconds: beyond it a wait is a typing error, and sums of waits must stay dates.
MAX_SECONDS: Final = 30 * 24 * 3600

#: Reads one value; None means that the text is not accepted.
Parse = Callable[[str], Any]

_T = TypeVar("_T")


class GateStep(StrEnum):
    """The step of a Pod's upgrade that somebody else's condition holds up."""

    BEFORE_DRAIN = "before-drain"
    BEFORE_SWAP = "before-swap"
    BEFORE_READY = "before-ready"


class Amount(Struct, frozen=True, gc=False):
    """A count of Pods, or a percentage of them (intstr.IntOrString)."""

    value: int
    percent: bool = False

    def __str__(self) -> str:
        return f"{self.value}%" if self.percent else str(self.value)

    def resolve(self, total: int, round_up: bool) -> int:
        """The count meant among `total` Pods (intstr.GetScaledValueFromIntOrPercent); no lower bound is applied."""
        if not self.percent:
            return self.value
        return -(-total * self.value // 100) if round_up else total * self.value // 100


class Gate(Struct, frozen=True, gc=False):
    """A condition type that somebody else sets, and the step that waits until it is True."""

    step: GateStep
    condition: str


class Step(Struct, frozen=True, gc=False):
    """A stop of the rollout; without `pause_seconds` it lasts until promoted."""

    amount: Amount
    pause_seconds: int | None = None


_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_QUALIFIED = re.compile(
    r"(?:(?=.{1,253}/)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
_DURATION = re.compile(r"(?=.)(?:(\d{1,7})h)?(?:(\d{1,7})m)?(?:(\d{1,7})s)?", re.ASCII)
#: Waiting for these would be waiting for ourselves.
_OWN_CONDITIONS = frozenset({names.GATE, "Ready", "ContainersReady"})


def amount_of(value: int | str | None) -> Amount | None:
    """An IntOrString as the API server stores it (`1`, `"25%"`); None where absent or not one."""
    text = str(value)
    number = text.removesuffix("%")
    if not re.fullmatch(r"\d{1,10}", number, re.ASCII) or int(number) > MAX_COUNT:
        return None
    return Amount(int(number), percent=text.endswith("%"))


def amount(least: int) -> Parse:
    """A count or a percentage up to 100%, of at least `least`."""

    def parse(text: str) -> Amount | None:
        found = amount_of(text)
        if found is None or found.value < least or (found.percent and found.value > 100):
            return None
        return found

    return parse


def integer(least: int, most: int) -> Parse:
    """A whole number within bounds."""

    def parse(text: str) -> int | None:
        if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or not least <= int(text) <= most:
            return None
        return int(text)

    return parse


def word(enum: type[StrEnum]) -> Parse:
    """One word of an enumeration."""
    return {str(member): member for member in enum}.get


def boolean(text: str) -> bool | None:
    """`true` or `false`."""
    return {"true": True, "false": False}.get(text)


def _list(text: str, item: Callable[[str], _T | None]) -> tuple[_T, ...] | None:
    """Comma-separated distinct items; the empty text is the empty list."""
    found = tuple(item(part.strip()) for part in text.split(",")) if text.strip() else ()
    known = tuple(value for value in found if value is not None)
    return known if len(known) == len(found) and len(set(known)) == len(known) else None


def _name(text: str) -> str | None:
    return text if _NAME.fullmatch(text) else None


def container_names(text: str) -> tuple[str, ...] | None:
    """Distinct container names, comma-separated."""
    return _list(text, _name)


def label_key(text: str) -> str | None:
    """A label key; the empty text means none."""
    return text if not text or _QUALIFIED.fullmatch(text) else None


def globs(text: str) -> tuple[str, ...] | None:
    """Distinct glob patterns, comma-separated."""
    return _list(text, lambda part: part if re.fullmatch(r"\S+", part) else None)


def batches(text: str) -> tuple[tuple[str, ...], ...] | None:
    """Batches of container names, in order: `proxy > app, worker`; a name stands once."""
    found = tuple(container_names(part) for part in text.split(">")) if text.strip() else ()
    known = tuple(batch for batch in found if batch)
    flat = [name for batch in known for name in batch]
    return known if len(known) == len(found) and len(set(flat)) == len(flat) else None


def gates(text: str) -> tuple[Gate, ...] | None:
    """Steps, each with a condition type that it waits for: `before-drain=example.com/Idle, before-swap=…`."""
    return _list(text, _gate)


def _gate(text: str) -> Gate | None:
    step, _, condition = text.partition("=")
    if step not in set(GateStep) or not _QUALIFIED.fullmatch(condition) or condition in _OWN_CONDITIONS:
        return None
    return Gate(GateStep(step), condition)


def duration(text: str) -> int | None:
    """A duration in seconds: `30s`, `5m`, `1h30m`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    return total if 1 <= total <= MAX_SECONDS else None


def steps(text: str) -> tuple[Step, ...] | None:
    """Growing steps, comma-separated: `1:5m, 10%, 50%`."""
    found = _list(text, _step)
    for percent in (False, True):  # counts and percentages can be compared only among themselves
        values = [step.amount.value for step in found or () if step.amount.percent is percent]
        if any(later <= earlier for earlier, later in pairwise(values)):
            return None
    return found


def _step(text: str) -> Step | None:
    share, colon, pause = text.partition(":")
    found = amount(1)(share)
    seconds = duration(pause) if colon else None
    return None if found is None or (colon and seconds is None) else Step(found, seconds)
