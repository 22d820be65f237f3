"""Which worlds can show a scenario; on the others it is skipped with the reason, never silently."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from tests.scenarios import kinds as flavours

WORLDS = ("embedded", "hollow", "real")


def shown_on(*worlds: str, because: str) -> Any:
    """Marks a scenario that only some worlds can show."""
    assert set(worlds) <= set(WORLDS)
    return pytest.mark.shown_on(worlds, because)


def kinds(*names: str, because: str) -> Any:
    """Marks a scenario that makes sense for some workload kinds only."""
    assert set(names) <= set(flavours.BY_NAME)
    return pytest.mark.kinds(names, because)


#: Marks a scenario with a registry of its own, which goes, comes or is pushed to.
with_registry = shown_on("embedded", "real", because="the model kubelets there know one registry, which always answers")
#: Marks a scenario that runs for every kind wherever it runs. The others run for StatefulSets alone on the real
#: cluster, and for one kind in `make test`. On the real cluster's one node a DaemonSet has one Pod.
core = pytest.mark.core(tuple(flavours.BY_NAME), always=True)
#: The same in `make e2e-full`. The time of the real cluster is dear: `make e2e` shows one kind, by turns.
core_by_turns = pytest.mark.core(tuple(flavours.BY_NAME))
#: The same for the kinds that are held in their own ways.
core_of_held = pytest.mark.core(("StatefulSet", "Deployment"))
core_of_deployments = pytest.mark.core(("Deployment",))
#: Marks a scenario that the real cluster shows in `make e2e-full` only.
long = pytest.mark.long
#: Marks a scenario that a bare ReplicaSet shows in every run, wherever it is; the others only in `make e2e-full`
#: (`seldom`), for it is upgraded as that of a Deployment is.
core_of_bare = pytest.mark.core_of_bare
core_of_many = pytest.mark.core(("StatefulSet", "Deployment", "ReplicaSet"))


def flavours_of(marks: Any, world: str) -> list[Any]:
    """The kinds that a scenario runs for in a world, as parameters."""
    found, chosen = list(flavours.ALL), marks("core")
    if world == "real":
        wanted = chosen.args[0] if chosen is not None else ("StatefulSet",)
        found = [one for one in found if one.name in wanted]
    mark = marks("kinds")
    found = found if mark is None else [one for one in found if one.name in mark.args[0]]
    stood_for = len(found) > 1 and not marks("core_of_bare")
    seldom = pytest.mark.seldom
    return [
        pytest.param(one, id=one.name, marks=seldom if stood_for and one is flavours.REPLICASET else ())
        for one in found
    ]


def stands_for_others(marks: Any, world: str) -> bool:
    """Whether one kind is enough where not all of them are asked for (`--turn`)."""
    chosen = marks("core")
    return chosen is None or (world == "real" and not chosen.kwargs.get("always"))


def in_turn(found: list[Any], scenario: str, turn: int) -> list[Any]:
    """One of the kinds that a scenario runs for: over as many turns as there are kinds, each."""
    offered = [one for one in found if one.marks != (pytest.mark.seldom,)] or found
    ordinal = zlib.crc32(scenario.encode()) + turn
    return offered and [offered[ordinal % len(offered)]]


def skip_others(items: list[pytest.Item], world: str) -> None:
    """Skip what this world cannot show."""
    for item in items:
        mark = item.get_closest_marker("shown_on")
        if mark is not None and world not in mark.args[0]:
            item.add_marker(pytest.mark.skip(reason=f"not shown on {world}: {mark.args[1]}"))
