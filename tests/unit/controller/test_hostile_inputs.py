"""What tenants can write to keep the controller busy keeps nobody else waiting; `make bench` has the large ones too."""

from __future__ import annotations

import pytest

from hack.bench import block, hostile

#: Seconds and tens of megabytes, each.
LARGE = ("10,000 Pods", "50,000 Pods", "ReplicaSets")


@pytest.mark.parametrize("name", [name for name in hostile.INPUTS if not any(word in name for word in LARGE)])
async def test_no_input_keeps_the_event_loop(name):
    result = await block.one(name, 0.3)
    assert result.longest_ms < block.LIMIT_MS
