"""The live tree on a terminal: what matters stays on the screen."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from inplace.cli.render.tree import LiveTree
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.state.statuses import Phase, Status
from inplace.core.views.workload import ContainerView, PodView, WorkloadView

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATUS = Status(1, 1, "web-2", Phase.PROGRESSING, 30, 2, 30, 1, 1, NOW, message="2 of 30 Pods are upgraded")


def pod(number: int, stage: str, containers: int = 1) -> PodView:
    waits = Reason(ReasonCode.Budget, "", "max-unavailable is used up, and that takes many words to say in a line")
    views = tuple(
        ContainerView(f"c{n}", "registry.example.test/shop/web:v2", "", "running", True, 0, "")
        for n in range(containers)
    )
    return PodView(f"web-{number}", "node-1", "web-1", stage, True, waits, None, None, views)


def workload(*pods: PodView) -> WorkloadView:
    return WorkloadView("StatefulSet", "shop", "web", "InPlaceOnly", "web-2", STATUS, pods)


class Screen:
    """What a terminal of this size was sent, and the frame that is on it."""

    def __init__(self, width: int, height: int) -> None:
        self._file = io.StringIO()
        self.console = Console(
            file=self._file, width=width, height=height, force_terminal=True, color_system=None, highlight=False
        )

    def frame(self) -> list[str]:
        """The lines since the cursor went back to the top for the last time."""
        return re.split(r"\x1b\[\d*[A-Z]", self._file.getvalue())[-1].splitlines()


def drawn(seen: WorkloadView, width: int, height: int) -> list[str]:
    screen = Screen(width, height)
    tree = LiveTree(screen.console)
    with tree:
        tree.draw(STATUS, seen)
        tree.draw(STATUS, seen)
        return screen.frame()


@pytest.mark.parametrize(("width", "height"), [(80, 10), (80, 24), (40, 20), (200, 12)])
def test_the_header_and_the_pods_in_flight_stay_on_a_small_terminal(width, height):
    waiting = [pod(number, "Waiting") for number in range(28)]
    frame = drawn(workload(*waiting, pod(28, "Swapping"), pod(29, "Failed")), width, height)
    assert len(frame) < height
    assert "StatefulSet shop/web" in frame[0]
    text = "\n".join(frame)
    assert "web-28" in text
    assert "web-29" in text
    assert STATUS.message in text
    assert re.search(r"and \d+ more: \d+ Waiting", text)


def test_what_fits_is_shown_whole_and_in_order():
    frame = drawn(workload(pod(1, "Waiting"), pod(0, "Swapping")), 200, 7)
    assert [line.split()[2] for line in frame if "web-" in line and "shop/web" not in line] == ["web-1", "web-0"]
    assert "more" not in "\n".join(frame)


def test_all_that_is_left_out_is_counted():
    pods = [pod(n, "Done") for n in range(5)] + [pod(n, "Waiting") for n in range(5, 12)] + [pod(12, "Draining")]
    text = "\n".join(drawn(workload(*pods), 200, 8))
    shown = len(re.findall(r"web-\d+ ", text))
    hidden = re.search(r"and (\d+) more: (.*)", text)
    assert hidden is not None
    assert shown + int(hidden[1]) == len(pods)
    assert sum(int(count) for count in re.findall(r"(\d+) [A-Z]", hidden[2])) == int(hidden[1])


def test_a_terminal_too_small_for_anything_shows_the_header():
    frame = drawn(workload(*(pod(n, "Swapping", containers=3) for n in range(4))), 60, 4)
    assert len(frame) <= 4
    assert "StatefulSet shop/web" in frame[0]


def test_a_thousand_pods_are_drawn_within_a_redraw():
    frame = drawn(workload(*(pod(n, "Waiting") for n in range(1000))), 120, 40)
    assert len(frame) < 40
