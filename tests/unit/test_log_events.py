"""docs/reference/logs.md has every event that the code logs and every Event that it records, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from inplace.core.actions import actions, lines
from inplace.core.actions.describe import describe_action
from inplace.core.objects.reasons import EventReason
from inplace.kube.outages import LINES
from tests.factories import NOW

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "logs.md").read_text()
#: Where the name of an event is not a literal: the rows of two tables, and what only passes a name on.
INDIRECT = {
    "inplace/controller/write_log.py": "the rows of describe.py",
    "inplace/kube/outages.py": "LINES",
    "inplace/kube/lease.py": "_event, whose callers have literals",
}
NAME = re.compile(r"[a-z_]+\.[a-z_]+")
#: Said by `Metrics` itself, to structlog.
OF_METRICS = "metric.unknown"


def rows(columns: int) -> list[list[str]]:
    """The rows of the tables that have so many columns, without their head."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:1] == "|"]
    return [row for row in found if len(row) == columns and row[0].startswith("`")]


def documented() -> dict[str, set[str]]:
    """The fields of each event."""
    return {row[0].strip("`"): set(re.findall(r"`([a-z_]+)`", row[2])) for row in rows(4)}


def _calls(path: Path) -> Iterator[ast.expr]:
    """What stands where the name of an event is given."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in {"event", "_event", "Description"}:
                yield node.args[0]


def logged() -> set[str]:
    """Every name that the code logs."""
    names = {name for pair in LINES.values() for name in pair} | {OF_METRICS}
    for path in (ROOT / "inplace").rglob("*.py"):
        for name in _calls(path):
            if isinstance(name, ast.Constant):
                names.add(str(name.value))
            else:
                assert str(path.relative_to(ROOT)) in INDIRECT, f"{path}:{name.lineno}: the name is not a literal"
    return names


def test_every_event_that_is_logged_stands_in_the_table_and_the_table_has_no_other():
    names = logged()
    assert len(names) > 40
    assert all(NAME.fullmatch(name) for name in names)
    assert names == set(documented())
    assert len(rows(4)) == len(names), "none stands twice"


def test_every_event_has_a_level_and_a_meaning():
    for name, level, _, meaning in rows(4):
        assert level in {"debug", "info", "warning", "error"}, name
        assert len(meaning) > 10 or meaning == "", name


class _Any(dict[str, object]):
    """Stands for a value of any type."""

    name = "x"

    def __getattr__(self, name: str) -> object:
        return NOW if name.endswith("_at") else _Any()

    def __call__(self, *_: object) -> None:
        """Nothing."""

    def __missing__(self, key: str) -> object:
        return _Any()


@pytest.mark.parametrize("action", get_args(actions.Action), ids=lambda action: action.__name__)
def test_the_fields_of_every_write_stand_in_the_table(action):
    made = action(**{field.name: _Any() for field in msgspec.structs.fields(action)})
    event = describe_action(made).event
    assert set(lines.fields(made, NOW)) <= documented()[event], event


def test_every_event_reason_stands_in_the_table_with_its_type():
    types = {row[0].strip("`"): row[1] for row in rows(3)}
    assert set(types) == set(EventReason)
    assert set(types.values()) == {"Normal", "Warning"}
