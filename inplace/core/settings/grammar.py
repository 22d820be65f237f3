"""The grammar of setting values: amounts, durations, lists of names; text -> value, or None if it is invalid.

Every function is total and as strict as the API server. Does not depend on the annotation that a text came from, on
defaults, or on what a value is for (`annotations`).
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
#: Thirty days in seconds: a longer wait is a typing error, and sums of waits must not overflow dates.
MAX_SECONDS: Final = 30 * 24 * 3600

#: How long a value may be, in characters.
MAX_TEXT: Final = 4096
#: How many glob patterns a list may have, and its characters in all.
MAX_GLOBS: Final = 32
MAX_GLOBS_TEXT: Final = 512

#: Parses one value; None if the text is invalid.
Parse = Callable[[str], Any]

_T = TypeVar("_T")


class GateStep(StrEnum):
    """The step of a Pod's upgrade that waits for another controller's condition."""

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
        """The number of Pods out of `total` (intstr.GetScaledValueFromIntOrPercent); no lower bound is applied."""
        if not self.percent:
            return self.value
        return -(-total * self.value // 100) if round_up else total * self.value // 100


class Gate(Struct, frozen=True, gc=False):
    """A condition type that another controller sets, and the step that waits until it is True."""

    step: GateStep
    condition: str


class Step(Struct, frozen=True, gc=False):
    """A step of the rollout; without `pause_seconds` it lasts until promoted."""

    amount: Amount
    pause_seconds: int | None = None


_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_QUALIFIED = re.compile(
    r"(?:(?=.{1,253}/)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
_DURATION = re.compile(r"(?=.)(?:(\d{1,7})h)?(?:(\d{1,7})m)?(?:(\d{1,7})s)?", re.ASCII)
#: A gate on these would wait for ourselves.
_OWN_CONDITIONS = frozenset({names.GATE, "Ready", "ContainersReady"})


def amount_of(value: int | str | None) -> Amount | None:
    """An IntOrString as the API server stores it (`1`, `"25%"`); None if absent or invalid."""
    text = str(value)
    number = text.removesuffix("%")
    if not re.fullmatch(r"\d{1,10}", number, re.ASCII) or int(number) > MAX_COUNT:
        return None
    return Amount(int(number), percent=text.endswith("%"))


def amount(minimum: int) -> Parse:
    """A count or a percentage up to 100%, of at least `minimum`."""

    def parse(text: str) -> Amount | None:
        parsed = amount_of(text)
        if parsed is None or parsed.value < minimum or (parsed.percent and parsed.value > 100):
            return None
        return parsed

    return parse


def integer(minimum: int, maximum: int) -> Parse:
    """A whole number within bounds."""

    def parse(text: str) -> int | None:
        if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or not minimum <= int(text) <= maximum:
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
    parsed = tuple(item(part.strip()) for part in text.split(",")) if text.strip() else ()
    valid = tuple(value for value in parsed if value is not None)
    return valid if len(valid) == len(parsed) and len(set(valid)) == len(valid) else None


def _name(text: str) -> str | None:
    return text if _NAME.fullmatch(text) else None


def container_names(text: str) -> tuple[str, ...] | None:
    """Distinct container names, comma-separated."""
    return _list(text, _name)


def label_key(text: str) -> str | None:
    """A label key; the empty text means none."""
    return text if not text or _QUALIFIED.fullmatch(text) else None


def globs(text: str) -> tuple[str, ...] | None:
    """Distinct glob patterns, comma-separated. Not many, nor long ones: each is held against every key that changes."""
    if len(text) > MAX_GLOBS_TEXT or text.count(",") >= MAX_GLOBS:
        return None
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
    parsed = _list(text, _step)
    for percent in (False, True):  # counts and percentages can be compared only among themselves
        values = [step.amount.value for step in parsed or () if step.amount.percent is percent]
        if any(later <= earlier for earlier, later in pairwise(values)):
            return None
    return parsed


def _step(text: str) -> Step | None:
    share, colon, pause = text.partition(":")
    parsed = amount(1)(share)
    seconds = duration(pause) if colon else None
    return None if parsed is None or (colon and seconds is None) else Step(parsed, seconds)
