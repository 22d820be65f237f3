"""Label selectors: matching (metav1.LabelSelectorAsSelector), and how they are written (labels.Parse)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from inplace.core.objects.workloads import LabelSelector, Requirement

_NONE: Final[Mapping[str, str]] = {}

_KEY = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9.]{0,251}[A-Za-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_EQUAL = re.compile(rf"({_KEY})\s*(=|==|!=)\s*({_VALUE})", re.ASCII)
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(\s*({_VALUE}(?:\s*,\s*{_VALUE})*)\s*\)", re.ASCII)
_PRESENT = re.compile(rf"(!?)\s*({_KEY})", re.ASCII)
#: Between requirements: a comma that is in no parentheses.
_COMMA = re.compile(r",(?![^(]*\))")


def parse(text: str) -> LabelSelector | None:
    """A selector as kubectl takes it; None if it is invalid, or says nothing."""
    found = [_requirement(part.strip()) for part in _COMMA.split(text)]
    every = tuple(one for one in found if one is not None)
    return LabelSelector(match_expressions=every) if len(every) == len(found) else None


def _requirement(text: str) -> Requirement | None:
    if (equal := _EQUAL.fullmatch(text)) is not None:
        return Requirement(equal[1], "NotIn" if equal[2] == "!=" else "In", (equal[3],))
    if (one_of := _SET.fullmatch(text)) is not None:
        values = tuple(value.strip() for value in one_of[3].split(","))
        return Requirement(one_of[1], "In" if one_of[2] == "in" else "NotIn", values)
    if (present := _PRESENT.fullmatch(text)) is not None:
        return Requirement(present[2], "DoesNotExist" if present[1] else "Exists")
    return None


def matches(selector: LabelSelector | None, labels: Mapping[str, str] | None) -> bool:
    """Whether a selector selects an object: an absent selector selects nothing, an empty one everything."""
    if selector is None:
        return False
    own = labels or _NONE
    required = selector.match_labels or _NONE
    return all(own.get(key) == value for key, value in required.items()) and all(
        _matches(requirement, own) for requirement in selector.match_expressions
    )


def _matches(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """One requirement; unknown operators match, to be safe."""
    match requirement.operator:
        case "In":
            return labels.get(requirement.key) in requirement.values
        case "NotIn":
            return labels.get(requirement.key) not in requirement.values
        case "Exists":
            return requirement.key in labels
        case "DoesNotExist":
            return requirement.key not in labels
        case _:
            return True
