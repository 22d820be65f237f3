"""One tree for two installations: what only one of them has stands under a condition. Nothing is left out, ever."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import SequenceMatcher
from typing import Any

from hack.chart.nodes import ABSENT, Text, When, unless


def merged(without: Any, having: Any, condition: str) -> Any:
    """A node that is `having` under the condition, and `without` otherwise."""
    if _same(without, having):
        return without
    if having is ABSENT:
        return When(unless(condition), without)
    if without is ABSENT:
        return When(condition, having)
    if isinstance(without, dict) and isinstance(having, dict):
        keys = {**without, **having}
        return {key: merged(without.get(key, ABSENT), having.get(key, ABSENT), condition) for key in keys}
    if isinstance(without, When) and isinstance(having, When) and _guards(without) == _guards(having):
        return When(*_guards(without), merged(without.otherwise, having.otherwise, condition))
    if isinstance(without, list) and isinstance(having, list):
        return _lists(without, having, condition)
    return When(condition, having, without)


def _guards(node: When) -> tuple[str, Any]:
    return node.condition, node.node


def _lists(without: list[Any], having: list[Any], condition: str) -> list[Any]:
    left, right = ([repr(one) for one in items] for items in (without, having))
    found: list[Any] = []
    for _, a, b, c, d in SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        if b - a == d - c:
            found += [merged(one, other, condition) for one, other in zip(without[a:b], having[c:d], strict=True)]
        else:
            found += [When(unless(condition), one) for one in without[a:b]]
            found += [When(condition, one) for one in having[c:d]]
    return found


def _same(one: Any, other: Any) -> bool:
    """Kustomize folds expressions of several lines anew when it patches the object around them."""
    return bool(one == other) or (
        isinstance(one, str | Text) and type(one) is type(other) and _folded(one) == _folded(other)
    )


def _folded(text: str | Text) -> str:
    return re.sub(r"\s+", " ", text.template if isinstance(text, Text) else text).strip()


def key(one: dict[str, Any]) -> tuple[str, str]:
    """What tells an object from the others."""
    name = one["metadata"]["name"]
    return one["kind"], name.template if isinstance(name, Text) else name


def at(node: Any, path: str, change: Callable[[Any], Any]) -> Any:
    """The tree with the node at a path (`/spec/containers/0`) changed; ABSENT stands for one that is not there."""
    if not path:
        return change(node)
    first, _, rest = path[1:].partition("/")
    below = f"/{rest}" if rest else ""
    if isinstance(node, list):
        return [at(one, below, change) if str(number) == first else one for number, one in enumerate(node)]
    if first not in node and below:
        raise KeyError(f"there is no {first} on the way to {path}")
    return {**node, first: at(node.get(first, ABSENT), below, change)}
