"""Each line of the comparison with OpenKruise names a test that exists, or says why there is none."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/kruise-inventory.md"
LINE = re.compile(
    r"^\| (?P<kruise>[^|]+) \| (?P<verdict>passes here|better here: [^|]+|not meant: [^|]+) \| (?P<test>[^|]*)\|$"
)
NAMED = re.compile(r"^`((?:scenarios|commands|e2e)/test_\w+\.py)::(test_\w+)` $")
HEAD = ("| OpenKruise |", "|---|")


def test_each_line_has_a_verdict_and_a_test_that_exists():
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|") and not line.startswith(HEAD)]
    assert len(lines) > 40
    for line in lines:
        found = LINE.match(line)
        assert found, line
        if found["verdict"].startswith("not meant"):
            assert not found["test"].strip(), line
            continue
        named = NAMED.match(found["test"])
        assert named, line
        assert named[2] in _tests(ROOT / "tests" / named[1]), line


def _tests(path: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, functions)}
