"""Commands about workloads that others write meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from inplace.cli import select
from inplace.kube.errors import PreconditionFailed, Status


@pytest.mark.parametrize(("races", "acts"), [(0, True), (select.RACES, True), (select.RACES + 1, False)])
async def test_a_write_of_others_meanwhile_changes_nothing_of_what_is_asked(races, acts):
    left = [PreconditionFailed(422, Status())] * races

    async def once(_client, _ref):
        if left:
            raise left.pop()
        return 0

    nobody: Any = None
    asked = select._despite_others(once)(nobody, nobody)
    if acts:
        assert await asked == 0
    else:
        with pytest.raises(PreconditionFailed):
            await asked
