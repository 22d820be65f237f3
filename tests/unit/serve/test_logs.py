"""Logs: JSON off a terminal, readable on one."""

from __future__ import annotations

import io
import json
import logging
import re

import pytest
import structlog

from inplace.serve import logs


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _restore():
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    yield
    root.handlers[:] = kept
    root.setLevel(level)
    structlog.reset_defaults()


def lines(out):
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_of_json_per_event():
    out = io.StringIO()
    logs.configure("info", out)
    structlog.get_logger().info("pod.patched", pod="web-0", name="ü", exotic={1, 2}.__class__)
    (line,) = lines(out)
    assert line["event"] == "pod.patched"
    assert line["level"] == "info"
    assert line["pod"] == "web-0"
    assert line["time"].endswith("Z")
    assert "ü" in out.getvalue()


def test_the_standard_librarys_logs_go_the_same_way():
    out = io.StringIO()
    logs.configure("info", out)
    logging.getLogger("asyncio").warning("slow %s", "callback")
    logging.getLogger("asyncio").info("chatter")
    (line,) = lines(out)
    assert (line["event"], line["level"]) == ("slow callback", "warning")


@pytest.mark.parametrize(("level", "seen"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_levels(level, seen):
    out = io.StringIO()
    logs.configure(level, out)
    log = structlog.get_logger()
    for name in logs.LEVELS:
        getattr(log, name)("x.y")
    assert len(lines(out)) == seen


def test_an_exception_is_one_line_too():
    out = io.StringIO()
    logs.configure("info", out)
    try:
        int("no")
    except ValueError:
        structlog.get_logger().exception("x.failed")
    (line,) = lines(out)
    assert "ValueError: invalid literal" in line["exception"]


def test_a_terminal_gets_readable_lines():
    out = Terminal()
    logs.configure("info", out)
    structlog.get_logger().info("pod.patched", pod="web-0")
    assert "pod.patched" in out.getvalue()
    assert "\x1b[" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_a_terminal_has_the_time_of_day_and_the_subject_in_one_word(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    logs.configure("info", out)
    about = {"kind": "StatefulSet", "namespace": "shop", "name": "web"}
    structlog.get_logger().info("pod.patched", pod="web-0", **about)
    structlog.get_logger().error("reconcile.failed", exception="Traceback:\n  here", **about)
    first, *rest = out.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d \[info +\] pod\.patched +on=StatefulSet/shop/web pod=web-0", first)
    assert rest[-2:] == ["  Traceback:", "    here"], "not on one line, and none begins as one of the log"


def test_every_line_begins_with_what_every_line_has():
    out = io.StringIO()
    logs.configure("info", out)
    structlog.get_logger().info("pod.patched", pod="web-0", name="web", namespace="shop", kind="StatefulSet")
    (line,) = lines(out)
    assert list(line) == ["time", "level", "event", "kind", "namespace", "name", "pod"]


def test_no_color_is_obeyed(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    logs.configure("info", out)
    structlog.get_logger().info("pod.patched", pod="web-0")
    assert "\x1b[" not in out.getvalue()


def test_a_later_call_replaces_the_first():
    first, second = io.StringIO(), io.StringIO()
    logs.configure("info", first)
    log = structlog.get_logger()
    log.info("a.b")
    logs.configure("info", second)
    log.info("c.d")
    assert [line["event"] for line in lines(first)] == ["a.b"]
    assert [line["event"] for line in lines(second)] == ["c.d"]
