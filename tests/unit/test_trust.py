"""Each key that we keep on objects is read in one place, which takes it for input (docs/design/security.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from inplace.core.objects import names

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "design" / "security.md"
#: By the name in `names`: where the text is read. Elsewhere is only asked whether there is one.
READERS = {
    "STATE": "core/state/records.py",
    "STATUS": "core/state/statuses.py",
    "TEMPLATES": "core/kinds/matching.py",
    "SETTINGS": "core/kinds/undo.py",
    "ORIGINAL_STRATEGY": "core/kinds/freezing.py",
    "HELPER": "core/rollout/pull_pods.py",
    "PULLED": "core/rollout/pull_pods.py",
}
#: What is done with the text elsewhere: it is compared with what it was, and a line in the log shows it.
AS_IT_IS = {("STATE", "core/actions/patches.py"), ("STATE", "cluster/memory.py"), ("PULLED", "core/actions/lines.py")}
#: Where the owners that an object names are read at all.
OWNERS = {
    "core/kinds/__init__.py",  # owner_of: who of them owns it
    "core/kinds/ownership.py",  # who else controls a workload, and which of its ReplicaSets a Pod names
    "core/rollout/pull_pods.py",  # the Pod that a pull Pod serves
    "core/plan/orphans.py",  # whether there is any
    "cli/proposals.py",  # the same, of what a shell completes
    "controller/apply.py",  # whether what has a name already is ours
    "core/objects/model.py",
    "cluster/kept.py",  # all but that one are left out of what is not ours
    "cluster/live.py",  # builds one
}


@cache
def nodes() -> list[tuple[str, ast.AST, ast.AST]]:
    """Every node of the program, with its file and its parent."""
    return [
        (path.relative_to(ROOT / "inplace").as_posix(), node, parent)
        for path in sorted((ROOT / "inplace").rglob("*.py"))
        for parent in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for node in ast.iter_child_nodes(parent)
    ]


def reads() -> Iterator[tuple[str, str]]:
    """The keys whose text is used, with the file."""
    for file, node, parent in nodes():
        match node:
            case ast.Call(ast.Attribute(attr="annotation" | "label"), [ast.Attribute(ast.Name("names"), key)]):
                asked = isinstance(parent, ast.Compare) and isinstance(parent.ops[0], ast.Is | ast.IsNot)
                if not asked:
                    yield key, file


@pytest.mark.parametrize("key", READERS)
def test_a_key_is_read_in_one_place(key):
    assert hasattr(names, key)
    assert {file for read, file in reads() if read == key and (key, file) not in AS_IT_IS} == {READERS[key]}


def test_owners_are_read_in_one_place_for_each_use():
    found = {
        file
        for file, node, _ in nodes()
        if (isinstance(node, ast.Attribute) and node.attr in ("owner_references", "controller"))
        or (isinstance(node, ast.keyword) and node.arg == "owner_references")
    }
    assert found == OWNERS


def test_the_design_names_each_of_these_places():
    page = PAGE.read_text(encoding="utf-8")
    assert not [file for file in {*READERS.values(), "core/kinds/__init__.py"} if f"`inplace/{file}`" not in page]


def test_every_attempt_of_the_design_has_the_tests_that_it_names():
    rows = PAGE.read_text(encoding="utf-8").partition("## Attempts")[2].splitlines()
    attempts = [row for row in rows if row.startswith("| ") and not row.startswith("| actor")]
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for row in attempts:
        named = re.findall(r"`(test_[a-z0-9_]+)`", row)
        assert named, row
        assert not [one for one in named if f"def {one}(" not in tests], row
