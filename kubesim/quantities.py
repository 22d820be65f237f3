"""Amounts of cpu and memory (resource.Quantity), as far as Pods that are resized need them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

Tree = dict[str, Any]

NAMES: Final = ("cpu", "memory")
_SUFFIXES: Final = {
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}


def quantity(text: object) -> Decimal:
    """The value of a resource.Quantity, as the server writes them."""
    number = str(text).rstrip("kKMGTPEim")
    return Decimal(number) * _SUFFIXES.get(str(text)[len(number) :], Decimal(1))


def written(name: str, value: Decimal) -> str:
    """It in words: cpu in thousandths unless it is whole, memory in the largest power of 1024."""
    if name == "cpu":
        return str(int(value)) if value == int(value) else f"{int(value * 1000)}m"
    for suffix in ("Gi", "Mi", "Ki"):
        if value and value % _SUFFIXES[suffix] == 0:
            return f"{int(value / _SUFFIXES[suffix])}{suffix}"
    return str(int(value))


def together(containers: Iterable[Tree], inits: Iterable[Tree]) -> dict[str, Decimal]:
    """What containers request that run side by side, after init containers of which each has the sidecars before it
    beside it (resourcehelper.AggregateContainerRequests)."""
    total, beside, most = _summed(containers), dict[str, Decimal](), dict[str, Decimal]()
    for one in inits:
        own = _requests(one)
        with_it = {name: beside.get(name, Decimal(0)) + own.get(name, Decimal(0)) for name in {**beside, **own}}
        if one.get("restartPolicy") == "Always":
            beside = with_it
            total = {name: total.get(name, Decimal(0)) + own.get(name, Decimal(0)) for name in {**total, **own}}
        most = {name: max(most.get(name, Decimal(0)), with_it.get(name, Decimal(0))) for name in {**most, **with_it}}
    return {name: max(total.get(name, Decimal(0)), most.get(name, Decimal(0))) for name in {**total, **most}}


def _summed(containers: Iterable[Tree]) -> dict[str, Decimal]:
    found = [_requests(one) for one in containers]
    names = {name for one in found for name in one}
    return {name: sum((one.get(name, Decimal(0)) for one in found), Decimal(0)) for name in names}


def _requests(container: Tree) -> dict[str, Decimal]:
    given: Mapping[str, object] = (container.get("resources") or {}).get("requests") or {}
    return {name: quantity(amount) for name, amount in given.items() if name in NAMES}
