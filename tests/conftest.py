"""What every test needs."""

from __future__ import annotations

import asyncio
import gc
import os

import pytest
from hypothesis import HealthCheck, Phase, settings

# pytest-asyncio keeps the loop that `asyncio.get_event_loop` gives it before the first asynchronous test. Python 3.11
# makes one for it on the spot, which nobody closes; after this call there is none.
asyncio.set_event_loop(None)

#: The folders of tests that wait in real time.
REAL_TIME = frozenset({"commands", "kubectl"})

# CI must not fail by the luck of the draw; a developer's run draws anew each time, HYPOTHESIS_PROFILE=long draws more.
# hack/mutation wants to know only whether a test fails, not by how little.
# How fast inputs are drawn and examples run depends on the machine, and says nothing of the project.
PATIENT = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.register_profile("default", PATIENT)
settings.register_profile("ci", PATIENT, derandomize=True)
settings.register_profile("long", PATIENT, max_examples=2000)
settings.register_profile("defects", PATIENT, derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put those that wait in real time first in the share of each worker: the others use the processor meanwhile."""
    shares = getattr(config, "workerinput", {}).get("workercount", 1)
    waiting = [item for item in items if item.path.parent.name in REAL_TIME]
    others = [item for item in items if item.path.parent.name not in REAL_TIME]
    items[:] = [item for n in range(shares) for item in (*_dealt(waiting, n, shares), *_cut(others, n, shares))]


def _dealt(items: list[pytest.Item], number: int, shares: int) -> list[pytest.Item]:
    """Dealt like cards."""
    return items[number::shares]


def _cut(items: list[pytest.Item], number: int, shares: int) -> list[pytest.Item]:
    """Cut into pieces, so that what belongs together stays together."""
    return items[len(items) * number // shares : len(items) * (number + 1) // shares]


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`seeds(n)`: with that many seeds, or with as many as --seeds allows."""
    mark = metafunc.definition.get_closest_marker("seeds")
    if mark is not None:
        wanted = metafunc.config.getoption("--seeds") or mark.args[0]
        metafunc.parametrize("seed", range(min(mark.args[0], wanted)))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--world`: where `tests/scenarios` runs; `--seeds`: with how many seeds those that draw; `--kinds` and
    `--turn`: for which workload kinds; `--stories`: how much of the campaign.
    """
    parser.addoption("--kinds", metavar="KIND,…", help="only for these workload kinds")
    turn = "one kind only of most scenarios: which one changes with the scenario and with N"
    parser.addoption("--turn", type=int, metavar="N", help=turn)
    parser.addoption("--seeds", type=int, metavar="N", help="at most this many seeds of each scenario that has some")
    parser.addoption("--stories", type=int, metavar="N", default=8, help="how many stories of the campaign")
    parser.addoption("--world", choices=["embedded", "hollow", "real"], default="embedded", help="where scenarios run")
    where = "in the real world, the controller is a process of the tests, or runs in the cluster from its image"
    parser.addoption("--controller", choices=["process", "in-cluster"], default="process", help=where)
