"""What every test needs."""

from __future__ import annotations

import asyncio
import gc
import os

import pytest
from hypothesis import Phase, settings

# pytest-asyncio keeps the loop that `asyncio.get_event_loop` gives it before the first asynchronous test. Python 3.11
# makes one for it on the spot, which nobody closes; after this call there is none.
asyncio.set_event_loop(None)

# CI must not fail by the luck of the draw; a developer's run draws anew each time, HYPOTHESIS_PROFILE=long draws more.
# hack/mutation wants to know only whether a test fails, not by how little.
settings.register_profile("ci", derandomize=True)
settings.register_profile("long", max_examples=2000)
settings.register_profile("defects", derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--world`: where `tests/scenarios` runs; `--seeds`: with how many seeds those that draw; `--kinds`."""
    parser.addoption("--kinds", metavar="KIND,…", help="only for these workload kinds")
    parser.addoption("--seeds", type=int, metavar="N", help="at most this many seeds of each scenario that has some")
    parser.addoption("--world", choices=["embedded", "hollow", "real"], default="embedded", help="where scenarios run")
