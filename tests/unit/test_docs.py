"""What the documentation says of tests is true of them."""

from __future__ import annotations

import re
from pathlib import Path

from hack import reasons
from inplace.core.objects.reasons import Concern, ReasonCode

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


def test_the_page_of_reason_codes_is_what_the_codes_say():
    assert (ROOT / "docs" / "reasons.md").read_text() == reasons.render(), "run: make docs"


def test_every_reason_code_is_in_one_section_of_its_page():
    page = reasons.render()
    assert set(reasons.SECTIONS) == set(Concern)
    assert all(page.count(f"| `{code}` |") == 1 for code in ReasonCode)
