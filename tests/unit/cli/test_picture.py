"""The live view as lines: what matters stays on the screen, whatever its size."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console, Group

from inplace.cli.render.picture import Frame, picture
from inplace.core.state.statuses import Phase
from inplace.core.views.workload import PodView
from tests.factories import NOW
from tests.unit.cli.showing import REASONS, pod, pods, status, workload

SCREENS = Path(__file__).with_name("screens")
LARGE = pods(212, 281, failed=4)
SMALL = pods(1, 1, containers=2)


def drawn(shown, width, height, **frame):
    """The lines of a picture, without their colors."""
    seen = workload(*shown)
    return [line.plain for line in picture(status(shown), seen, Frame(width, height, NOW, **frame))]


SHOWN: dict[str, tuple[tuple[PodView, ...], int, int, dict[str, Any]]] = {
    "500-pods-80x24": (LARGE, 80, 24, {}),
    "500-pods-200x24": (LARGE, 200, 24, {}),
    "500-pods-80x24-ascii": (LARGE, 80, 24, {"unicode": False}),
    "500-pods-80x24-last": (LARGE, 80, 24, {"last": True}),
    "5-pods-80x24": (SMALL, 80, 24, {}),
    "5-pods-200x24": (SMALL, 200, 24, {}),
    "5-pods-80x8": (SMALL, 80, 8, {"notes": ("note: cannot list nodes: node readiness and node images are unknown",)}),
}


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("color", [True, False])
def test_it_looks_like_this(name, color):
    """The screens as they are kept; UPDATE_SCREENS=1 writes them anew."""
    shown, width, height, frame = SHOWN[name]
    file = io.StringIO()
    console = Console(
        file=file, width=width, height=height, force_terminal=True, color_system="standard", no_color=not color
    )
    console.print(Group(*picture(status(shown), workload(*shown), Frame(width, height, NOW, **frame))), end="")
    text = "\n".join(line.rstrip() for line in file.getvalue().replace("\x1b", "␛").splitlines()) + "\n"
    path = SCREENS / f"{name}{'-color' if color else ''}.txt"
    if "UPDATE_SCREENS" in os.environ:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_every_screen_that_is_kept_is_looked_at():
    assert {path.stem.removesuffix("-color") for path in SCREENS.glob("*.txt")} == set(SHOWN)


@pytest.mark.parametrize(("width", "height"), [(80, 10), (80, 24), (40, 20), (200, 12), (20, 5), (1, 1)])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_line_is_longer_and_no_more_are_there_than_fit(width, height, unicode):
    for shown in (LARGE, SMALL, ()):
        lines = drawn(shown, width, height, unicode=unicode, notes=("note: " + "words " * 100,))
        assert 0 < len(lines) <= height
        assert all(len(line) <= width for line in lines)
        assert unicode or "\n".join(lines).isascii()


@pytest.mark.parametrize(("width", "height"), [(80, 12), (80, 24), (60, 20), (200, 14)])
def test_the_header_and_the_pods_in_flight_stay_on_a_small_terminal(width, height):
    lines = drawn(pods(90, 400), width, height)
    text = "\n".join(lines)
    assert lines[0].startswith("statefulset/web  Progressing")
    assert all(f"web-{number} " in text for number in (400, 401, 402))
    assert "90/493 Pods done" in text
    assert re.search(r"… \d+ more: \d+ Waiting \(Budget\), 90 Done$", lines[-1])


def test_what_failed_comes_first_then_what_moves_then_who_is_next():
    names = [found[1] for line in drawn(LARGE, 200, 24) if (found := re.match(r". (web-\d+)", line))]
    assert names[:9] == [f"web-{n}" for n in (496, 497, 498, 499, 281, 282, 283, 280, 279)]


def test_all_that_is_left_out_is_counted():
    shown = pods(5, 8)
    lines = drawn(shown, 200, 12)
    hidden = re.search(r"… (\d+) more: (.*)", lines[-1])
    assert hidden is not None
    assert sum(line.split()[1:2] != [] and line[2:6] == "web-" for line in lines) + int(hidden[1]) == len(shown)
    assert sum(int(count) for count in re.findall(r"(\d+) [A-Z]", hidden[2])) == int(hidden[1])


def test_what_fits_is_shown_whole_and_no_line_moves():
    before, after = pods(0, 3), pods(2, 1)
    places = [[line.split()[1] for line in drawn(shown, 200, 24) if line[2:6] == "web-"] for shown in (before, after)]
    assert places[0] == [f"web-{n}" for n in range(6)]
    assert places[1] == places[0]


def test_where_all_pods_fit_but_not_their_containers_the_pods_are_shown():
    lines = drawn(pods(3, 3, containers=2), 80, 16)
    assert sum(line[2:6] == "web-" for line in lines) == 9
    assert not any("mesh/proxy" in line for line in lines)
    assert "more" not in lines[-1]


def test_what_stays_names_no_pod_that_needs_nobody_unless_all_fit():
    lines = drawn(pods(200, 0, failed=1), 80, 24, last=True)
    assert [line for line in lines if "Done" in line] == ["… 200 more: 200 Done"]
    assert any("web-203" in line and "Failed" in line for line in lines)
    done = tuple(pod(n, "Done") for n in range(500))
    assert drawn(done, 80, 24, last=True)[-1] == "… 500 Pods: 500 Done"
    assert len(drawn(done, 80, 24, last=True)) < 10


def test_the_images_are_told_from_and_to_and_how_many_pods_there_are():
    assert "app  registry.example.test/shop/web:v1 → registry.example.test/shop/web:v2" in drawn(LARGE, 80, 24)
    assert drawn(LARGE, 60, 24)[1] == "app  web:v1 → web:v2"
    other = replace(pod(9, "Waiting"), containers=(replace(pod(9, "Waiting").containers[0], image="other:v7"),))
    lines = drawn((*pods(1, 1), other), 200, 30)
    assert lines[1].endswith("→ registry.example.test/shop/web:v2  (5 Pods)")
    assert lines[2] == "app  other:v7 → registry.example.test/shop/web:v2  (1 Pod)"


def test_a_long_image_name_is_cut_to_its_end():
    lines = drawn(SMALL, 60, 24)
    assert any("web:v1 → web:v2" in line for line in lines)


def test_escapes_and_line_breaks_do_not_reach_the_terminal():
    hostile = replace(pod(0, "Waiting"), name="web\x1b[2J", node="a\nb")
    seen = replace(workload(hostile), name="w\x1b]0;x\x07", target="two\nlines")
    lines = [
        line.plain
        for line in picture(replace(status((hostile,)), message="a\x1bb\nc"), seen, Frame(120, 24, NOW, ("\x1b[1m",)))
    ]
    assert not any(char in line for line in lines for char in "\x1b\x07\n")
    assert "\\u001b[2J" in "\n".join(lines)


def test_wide_characters_take_their_columns():
    odd = replace(pod(0, "Waiting"), reason=replace(REASONS["Waiting"], message="漢" * 200))
    seen = workload(odd)
    assert all(line.cell_len <= 80 for line in picture(status((odd,)), seen, Frame(80, 24, NOW)))


def test_a_phase_nobody_has_reported_is_told():
    first, *_ = picture(None, workload(*SMALL), Frame(80, 24, NOW))
    assert first.plain.startswith("statefulset/web  waiting for the controller")
    assert Phase.UP_TO_DATE in picture(status((), Phase.UP_TO_DATE), workload(), Frame(80, 24, NOW))[0].plain
