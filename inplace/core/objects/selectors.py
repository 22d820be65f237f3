"""Matching of label selectors (metav1.LabelSelectorAsSelector)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from inplace.core.objects.workloads import LabelSelector, Requirement

_NONE: Final[Mapping[str, str]] = {}


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
