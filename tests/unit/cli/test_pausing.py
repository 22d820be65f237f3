"""`inplace pause` while others write the workload."""

from __future__ import annotations

from typing import Any

import pytest

from inplace.cli import pausing
from inplace.kube.errors import PreconditionFailed, Status


@pytest.mark.parametrize(("races", "pauses"), [(0, True), (pausing.RACES, True), (pausing.RACES + 1, False)])
async def test_a_write_of_others_meanwhile_changes_nothing_of_what_is_asked(monkeypatch, races, pauses):
    left = [PreconditionFailed(422, Status())] * races

    async def once(*_args, **_options):
        if left:
            raise left.pop()
        return 0

    monkeypatch.setattr(pausing, "_set_now", once)
    nobody: Any = None
    asked = pausing._set_one(nobody, nobody, dry_run="none", paused=True)
    if pauses:
        assert await asked == 0
    else:
        with pytest.raises(PreconditionFailed):
            await asked
