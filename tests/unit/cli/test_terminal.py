"""The live view of 500 Pods on a real terminal of 24 rows."""

from __future__ import annotations

import re
import sys

import pytest

from tests.terminal import terminal

REPLAY = [sys.executable, "-m", "tests.unit.cli.replay"]
HEAD = "statefulset/web"


def under_way(lines):
    return bool(lines) and lines[0].startswith(HEAD)


def over(lines):
    return any(line.startswith("AFTER") for line in lines)


def test_it_fits_follows_the_window_and_leaves_one_heading(tmp_path):
    with terminal(tmp_path, REPLAY, 80, 24) as window:
        first = window.until(under_way, "the heading in the first line")
        assert first[1].startswith("app  registry.example.test/shop/web:v1 → ")
        assert "/500 Pods done" in first[2]
        assert "more: " in first[-1]
        assert len(first) <= 24
        assert "BEFORE" not in "\n".join(first)
        window.resize(60, 12)
        small = window.until(lambda lines: under_way(lines) and "more: " in lines[-1] and len(lines) <= 12, "12 rows")
        assert all(len(line) <= 60 for line in small)
        assert any(re.match(r". web-\d+ +(Swapping|Draining)", line) for line in small)
        window.resize(80, 24)
        window.until(over, "the end")
        history = window.history()
    assert history[0] == "BEFORE"
    assert [line for line in history if HEAD in line] == [history[1]]
    assert "500/500 Pods done" in history[3]
    assert history[-2:] == ["note: cannot list nodes: node readiness and node images are unknown", "AFTER 0"]
    assert len(history) < 24


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}])
def test_without_color_and_without_unicode(tmp_path, variables):
    with terminal(tmp_path, REPLAY, 80, 24, **variables) as window:
        window.until(under_way, "the heading")
        styled = window.tmux("capture-pane", "-p", "-e")
        screen = "\n".join(window.screen())
    if "NO_COLOR" in variables:
        assert not re.search(r"\x1b\[[\d;]*3[0-7]m", styled)
    else:
        assert screen.isascii()
        assert "---" in screen


def test_a_dumb_terminal_gets_lines(tmp_path):
    with terminal(tmp_path, ["env", "TERM=dumb", *REPLAY], 200, 24) as window:
        window.until(over, "the end")
        history = window.history()
    assert sum(HEAD in line for line in history) > 20
    assert not any("█" in line for line in history)
