"""Does a label selector choose an object (metav1.LabelSelectorAsSelector)?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from inplace.core.objects.model import LabelSelector, Requirement

_NONE: Final[Mapping[str, str]] = {}


def matches(selector: LabelSelector | None, labels: Mapping[str, str] | None) -> bool:
    """Whether it does: an absent selector chooses nothing, an empty one everything."""
    if selector is None:
        return False
    own = labels or _NONE
    wanted = selector.match_labels or _NONE
    return all(own.get(key) == value for key, value in wanted.items()) and all(
        _holds(one, own) for one in selector.match_expressions
    )


def _holds(one: Requirement, labels: Mapping[str, str]) -> bool:
    """One requirement; of an operator that is not known, the careful side: it is taken to choose the object."""
    match one.operator:
        case "In":
            return labels.get(one.key) in one.values
        case "NotIn":
            return labels.get(one.key) not in one.values
        case "Exists":
            return one.key in labels
        case "DoesNotExist":
            return one.key not in labels
        case _:
            return True
