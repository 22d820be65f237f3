"""The terminal of the live view: a screen of its own, one picture left behind, lines where there is no terminal."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal

import pytest
from msgspec.structs import replace
from rich.console import Console

from inplace.cli.render.screen import Screen
from tests.factories import NOW
from tests.unit.cli.showing import REASONS, pod, pods, status, workload

ENTERED, LEFT = "\x1b[?1049h", "\x1b[?1049l"
LARGE = pods(212, 281, failed=4)


class Terminal(io.TextIOWrapper):
    """A terminal of this encoding, which remembers what it was sent."""

    def __init__(self, encoding="utf-8"):
        self.sent = io.BytesIO()
        super().__init__(self.sent, encoding=encoding, write_through=True)

    def isatty(self):
        return True

    @property
    def text(self):
        return self.sent.getvalue().decode(self.encoding)


def screen(terminal, **options):
    return Screen(
        lambda: NOW,
        Console(file=terminal, width=80, height=24, highlight=False, _environ={"TERM": "xterm-256color"} | options),
    )


def show(drawing, *frames):
    with drawing:
        for shown in frames:
            drawing.draw(status(shown), workload(*shown))


def show_all(drawing, seen):
    with drawing:
        for one in seen:
            drawing.draw(None, one)


def broken_off():
    yield workload(*LARGE)
    raise ZeroDivisionError


def test_what_was_there_before_stays_and_one_picture_is_left_below_it():
    terminal = Terminal()
    show(screen(terminal), LARGE, pods(300, 197), pods(497, 0))
    before, _, after = terminal.text.partition(ENTERED)
    drawn, _, left = after.partition(LEFT)
    assert before.strip("\x1b[?25l") == ""
    assert drawn.count("statefulset/web") == 3
    assert left.count("statefulset/web") == 1
    assert "497/500 Pods done" in left
    assert len(left.splitlines()) < 24
    assert terminal.text.count(ENTERED) == terminal.text.count(LEFT) == 1


def test_an_error_leaves_the_screen_as_well():
    terminal = Terminal()
    drawing = screen(terminal)
    with pytest.raises(ZeroDivisionError):
        show_all(drawing, broken_off())
    assert terminal.text.rpartition(LEFT)[2].count("statefulset/web") == 1


def test_what_is_told_is_in_the_picture_and_is_said_after_it(capsys):
    terminal = Terminal()
    drawing = screen(terminal)
    with drawing:
        drawing.tell("note: cannot list nodes", err=True)
        drawing.draw(status(LARGE), workload(*LARGE))
        assert capsys.readouterr() == ("", "")
        drawing.tell("statefulset/web: opted out")
    assert "note: cannot list nodes" in terminal.text.partition(LEFT)[0]
    assert "note" not in terminal.text.partition(LEFT)[2]
    assert capsys.readouterr() == ("statefulset/web: opted out\n", "note: cannot list nodes\n")


def test_no_color_means_none():
    colored, plain = Terminal(), Terminal()
    show(screen(colored), LARGE)
    show(screen(plain, NO_COLOR="1"), LARGE)
    color = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|38;5;\d+)(?:;\d+)*m")
    assert color.search(colored.text)
    assert not color.search(plain.text)
    assert "✖ web-496" in plain.text


def test_a_terminal_without_unicode_gets_none():
    terminal = Terminal("ascii")
    odd = (replace(pod(0, "Failed"), reason=replace(REASONS["Failed"], message="schöne neue Welt")), *LARGE)
    show(screen(terminal), odd)
    assert "sch\\xf6ne" in terminal.text
    assert "x web-496" in terminal.text


@pytest.mark.parametrize("options", [{"TERM": "dumb"}, {"TERM": "unknown"}])
def test_a_terminal_that_cannot_be_drawn_on_gets_lines(options, capsys):
    terminal = Terminal()
    show(screen(terminal, **options), pods(1, 1), pods(1, 1), pods(2, 0))
    assert "\x1b" not in terminal.text
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "statefulset/web" in line] == [
        "statefulset/web: Progressing: 1 of 5 Pods upgraded",
        "statefulset/web: Progressing: 2 of 5 Pods upgraded",
    ]
    assert len(lines) == len(set(lines))


def test_where_there_is_no_terminal_a_pull_that_goes_on_failing_is_told_once(capsys):
    drawing = Screen(lambda: NOW, Console(file=io.StringIO()))
    failing = pod(0, "Swapping")
    with drawing:
        for state in ("ErrImagePull", "ImagePullBackOff", "ErrImagePull", "ImagePullBackOff"):
            own = replace(failing.containers[0], state=state)
            reason = replace(REASONS["Swapping"], message=f"the kubelet says {state}")
            drawing.draw(None, workload(replace(failing, containers=(own,), reason=reason)))
        drawing.draw(None, workload(replace(failing, stage="Failed")))
    _, *lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "ErrImagePull" in lines[0]
    assert "Failed" in lines[1]


async def test_another_size_of_the_terminal_is_drawn_at_once():
    redrawn = asyncio.Event()
    with screen(Terminal()).resizing(redrawn.set):
        os.kill(os.getpid(), signal.SIGWINCH)
        await asyncio.wait_for(redrawn.wait(), 5)
    assert not asyncio.get_running_loop().remove_signal_handler(signal.SIGWINCH)
