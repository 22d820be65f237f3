"""What the documentation says of tests is true of them."""

from __future__ import annotations

import re
from pathlib import Path

from inplace.core.objects.reasons import ReasonCode

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_failure_table_names_exists():
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", (ROOT / "docs" / "failures.md").read_text()))
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_[a-z0-9_]+)", path.read_text(), re.MULTILINE)
    }
    assert named
    assert named <= defined, named - defined


def test_every_row_of_the_failure_table_is_answered():
    rows = [line for line in (ROOT / "docs" / "failures.md").read_text().splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 36))
    assert all(row.split("|")[3].strip() for row in rows)


def test_every_reason_code_is_explained():
    text = (ROOT / "docs" / "reasons.md").read_text()
    named = set(re.findall(r"`([A-Z][A-Za-z]+)`", text.replace("`InPlaceIfPossible`", "").replace("`Degraded`", "")))
    assert {str(code) for code in ReasonCode} <= named
    assert named - {str(code) for code in ReasonCode} == set()
