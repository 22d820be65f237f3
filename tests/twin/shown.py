"""Which worlds can show a scenario; on the others it is skipped with the reason, never silently."""

from __future__ import annotations

from typing import Any

import pytest

WORLDS = ("embedded", "hollow", "real")


def shown_on(*worlds: str, because: str) -> Any:
    """Marks a scenario that only some worlds can show."""
    assert set(worlds) <= set(WORLDS)
    return pytest.mark.shown_on(worlds, because)


def skip_others(items: list[pytest.Item], world: str) -> None:
    """Skip what this world cannot show."""
    for item in items:
        mark = item.get_closest_marker("shown_on")
        if mark is not None and world not in mark.args[0]:
            item.add_marker(pytest.mark.skip(reason=f"not shown on {world}: {mark.args[1]}"))
