"""`inplace status --watch` draws what the controller has said beside the Pods that it has said it of."""

from __future__ import annotations

from inplace.cli import connect, status
from inplace.core import kinds
from inplace.core.state import statuses
from inplace.core.state.statuses import Phase, Status
from inplace.core.views.workload import WorkloadView
from inplace.runtime.clock import SystemClock
from tests.factories import NEW, NOW, workload

REF = connect.Ref(kinds.BY_NAME["StatefulSet"], "default", "web")


def said(phase):
    return Status(1, 2, NEW, phase, 3, 3, 3, 0, 0, NOW)


async def followed(*looks):
    """The phases of header and tree, frame by frame; of each look what the controller has said, and what is seen."""
    frames, left = [], list(looks)

    async def look():
        reported, seen = left.pop(0)
        annotations = {"status": statuses.encode(said(reported))}
        view = WorkloadView("StatefulSet", "default", "web", "InPlaceOnly", NEW, said(seen), ())
        return workload(annotations=annotations), view

    async def wait():
        pass

    def draw(own, view):
        frames.append((own.phase, view.phase))

    code = await status._follow(SystemClock(), REF, look, draw, wait)
    assert not left
    return code, frames


async def test_the_last_frame_has_the_pods_that_the_end_is_about():
    """The watch of the Pods is behind that of the workload for a moment, or before it."""
    under_way, done = (Phase.PROGRESSING, Phase.PROGRESSING), (Phase.UP_TO_DATE, Phase.UP_TO_DATE)
    for between in ((Phase.UP_TO_DATE, Phase.PROGRESSING), (Phase.PROGRESSING, Phase.UP_TO_DATE)):
        assert await followed(under_way, between, done) == (0, [under_way, done])


async def test_it_does_not_wait_for_what_does_not_come():
    apart = (Phase.UP_TO_DATE, Phase.PROGRESSING)
    assert await followed(apart, apart) == (0, [apart])
