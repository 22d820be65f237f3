"""Nothing that an author of objects wrote steers a terminal, whichever way it comes there."""

from __future__ import annotations

import io
import json
import logging
import re
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console, Group

from inplace.cli.render.picture import Frame, picture
from inplace.cli.render.table import rows
from inplace.cli.say import say, say_text
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan.plan import plan
from inplace.core.views import workload as view
from inplace.runtime.printable import one_line, printable
from inplace.serve import logs
from tests.factories import NOW, pod, snapshot

ROOT = Path(__file__).parents[3]
#: Sets the title, clears the screen, hides text; the same in C1; turns text around; a carriage return and a backspace.
EVIL = "\x1b]0;pwned\x07\x1b[2J\x1b[8m \x9b2J \u202eteg \r\b\x7f \u2028 v\u200b1\n<forged>"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


@given(st.text())
def test_nothing_steers_and_all_else_stays(text):
    shown = printable(text)
    assert not STEERING.search(shown)
    shown.encode()
    assert printable(shown) == shown
    if not STEERING.search(text) and "\u061c" not in text:
        assert shown == text


@given(st.dictionaries(st.text(), st.text(), max_size=3))
def test_a_json_document_stays_the_same_document(found):
    assert json.loads(printable(json.dumps(found, ensure_ascii=False))) == found


@given(st.text())
def test_a_line_is_one(text):
    shown = one_line(text)
    assert "\n" not in shown
    assert shown == printable(text).replace("\n", "\\n")


@pytest.mark.parametrize("err", [False, True])
def test_commands(capsys, err):
    say(f"a\tb\n{EVIL}", err=err)
    said = capsys.readouterr()[err]
    assert len(said.splitlines()) == 1, "nothing that stands in a line begins another"
    assert not STEERING.search(said.replace("\n", ""))
    assert "a\tb\\n\\u001b]0;pwned\\u0007" in said


@pytest.mark.parametrize("err", [False, True])
def test_texts_have_lines_of_their_own(capsys, err):
    say_text(f"a\tb\n{EVIL}", err=err)
    said = capsys.readouterr()[err]
    assert not STEERING.search(said.replace("\n", ""))
    assert said.startswith("a\tb\n\\u001b]0;pwned\\u0007")


def test_what_is_printed_as_a_text_is_one_as_a_whole():
    """Documents, logs, help, scripts and the words of the demo: in no other place would a line feed be its own."""
    texts = {path.name for path in (ROOT / "inplace").rglob("*.py") if "say_text(" in path.read_text()}
    assert texts == {"say.py", "document.py", "logs.py", "errors.py", "completion.py", "demo.py"}


def test_a_table_has_a_line_for_each_row():
    table = rows(("NAME", "IMAGE"), [("web", EVIL), ("x", "y")])
    assert len("\n".join(table).splitlines()) == 3
    assert len(table[1].rstrip()) > table[2].index("y"), "its columns are as wide as what is shown"


def test_a_head_stands_out_and_only_that(capsys, monkeypatch):
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_: False)
    say(f"in place: {EVIL}", head="in place", color="green")
    out = capsys.readouterr().out
    assert out.startswith("\x1b[32m\x1b[1min place\x1b[0m: \\u001b]0;")


def test_commands_have_no_other_way_to_the_terminal():
    others = {"say.py", "complete.py"}  # completion: names that the API server has checked, for the shell
    files = [path for path in (ROOT / "inplace").rglob("*.py") if path.name not in others]
    texts = {path.name: path.read_text() for path in files}
    assert [name for name, text in texts.items() if re.search(r"click\.s?echo|(?<!\.)\bprint\(", text)] == []
    # The demo says words of its own beside the live view.
    assert sorted(name for name, text in texts.items() if "rich.console" in text) == ["demo.py", "screen.py"]


def test_the_live_view():
    seen = view.build(snapshot(pod()), plan(snapshot(pod()), NOW))
    evil = [
        replace(
            one,
            node=EVIL,
            reason=Reason(ReasonCode.DriftDetected, EVIL, EVIL),
            containers=tuple(replace(each, image=EVIL) for each in one.containers),
        )
        for one in seen.pods
    ]
    status = replace(seen.status, message=EVIL) if seen.status is not None else None
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=300, color_system=None)
    console.print(Group(*picture(status, replace(seen, target=EVIL, pods=tuple(evil)), Frame(300, 24, NOW, (EVIL,)))))
    assert "\\u001b]0;pwned" in out.getvalue()
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert not STEERING.search(shown.replace("\n", ""))
    assert "\\n<forged>" in shown
    assert not any(line.lstrip().startswith("<forged>") for line in shown.splitlines())


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_logs(stream, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    out = stream()
    try:
        logs.configure("info", out)
        structlog.get_logger().warning("watch.failed", error=EVIL, names=[EVIL], namespace=EVIL)
        logging.getLogger("aiohttp").warning("said %s", EVIL)
        structlog.get_logger().error("worker.failed", exc_info=ValueError(EVIL))
    finally:
        root.handlers[:] = kept
        root.setLevel(level)
        structlog.reset_defaults()
    assert "pwned" in out.getvalue()
    assert "ValueError: " in out.getvalue()
    assert not STEERING.search(out.getvalue().replace("\n", ""))
    assert not any(line.startswith("<forged>") for line in out.getvalue().splitlines())
