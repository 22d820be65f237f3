"""What the documentation says of tests, codes and names is true of them, and what refers to a design finds it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hack.pages import metrics, reasons
from inplace.controller.metrics import TABLE
from inplace.core.objects.reasons import Concern, ReasonCode

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DESIGN = ROOT / "docs" / "design"
FAILURES = ROOT / "docs" / "explanation" / "failures.md"
#: A section by its number, or several, or a heading: `docs/design/kubernetes.md §4.1, §5`, `…/protocol.md, "One Pod"`.
SECTIONS = r'(?:,? "(?P<heading>[^"]+)"|(?P<numbers> §[\d.]*\d(?:(?:, | to )§[\d.]*\d)*))'
REFERENCE = re.compile(r"docs/design/(?P<page>[a-z]+)\.md" + SECTIONS)
#: Within docs/design the name of the page is enough, and in Markdown it may be a link.
SHORT_REFERENCE = re.compile(r"(?<!/)\b(?P<page>[a-z]+)\.md(?:\]\([a-z]+\.md\))?" + SECTIONS)


def test_every_test_that_the_failure_table_names_exists():
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", FAILURES.read_text()))
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_[a-z0-9_]+)", path.read_text(), re.MULTILINE)
    }
    assert named
    assert named <= defined, named - defined


def test_every_row_of_the_failure_table_is_answered():
    rows = [line for line in FAILURES.read_text().splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 41))
    assert all(row.split("|")[3].strip() for row in rows)


def test_every_metric_has_one_row_of_its_page():
    page = metrics.render()
    assert all(page.count(f"| `{metric.name}` |") == 1 for metric in TABLE)


def test_every_reason_code_is_in_one_section_of_its_page():
    page = reasons.render()
    assert set(reasons.SECTIONS) == set(Concern)
    assert all(page.count(f"| `{code}` |") == 1 for code in ReasonCode)


@pytest.mark.parametrize("path", sorted(DESIGN.glob("*.md")), ids=lambda path: path.name)
def test_a_design_refers_to_sections_that_exist(path):
    rest = SHORT_REFERENCE.sub(_resolved, REFERENCE.sub(_resolved, _joined(path)))
    if path.name == "kubernetes.md":
        assert set(re.findall(r"§([\d.]*\d)", rest)) <= _numbers("kubernetes")
    else:
        assert re.findall(r".{0,40}§\d", rest) == []


def test_what_refers_to_a_design_finds_it():
    for path in _sources():
        rest = REFERENCE.sub(_resolved, _joined(path))
        assert re.findall(r".{0,40}§\d", rest) == [], path


def test_every_page_that_is_named_is_in_the_repository():
    for path in [*_sources(), *DESIGN.glob("*.md")]:
        near = (ROOT, ROOT / "docs", *(ROOT / "docs").iterdir(), path.parent)
        for name in re.findall(r"[\w/.-]*\w\.md\b", path.read_text(encoding="utf-8")):
            assert any((folder / name).is_file() for folder in near), f"{path}: {name}"


@pytest.mark.parametrize("path", ["README.md", "docs/index.md"])
def test_every_page_for_users_is_found_from_the_first_one(path):
    start = ROOT / path
    linked = {(start.parent / link).resolve() for link in re.findall(r"\]\(([\w/.-]+\.md)\)", start.read_text())}
    parts = ("tutorial", "how-to", "reference", "explanation")
    pages = {page for part in parts for page in (ROOT / "docs" / part).glob("*.md")}
    assert sorted(str(page.relative_to(ROOT)) for page in pages - linked) == []


def test_the_first_upgrade_of_the_readme_runs_as_it_is_written():
    """Every file that it uses is there, or made by a line before; and Pods are drained, as it promises."""
    block = README.split("## First upgrade")[1].split("```sh\n")[1].split("```")[0]
    made = re.search(r"^mkdir -p (\S+)\ncat > (\S+) <<EOF\n(.*?)\nEOF$", block, re.MULTILINE | re.DOTALL)
    assert made is not None
    folder, file, text = made.groups()
    assert file == f"{folder}/kustomization.yaml"
    assert f"kubectl apply -k {folder}\n" in block
    assert all((ROOT / folder / one).resolve().is_dir() for one in yaml.safe_load(text)["resources"])
    assert re.search(r"^inplace enable \S+ --with-gate\b", block, re.MULTILINE)


def test_the_image_is_as_large_as_the_tutorial_has_seen():
    """The tutorial is written by running it."""
    seen = re.search(r"^build/image: ([\d.]+) MB", (ROOT / "docs/tutorial/first-upgrade.md").read_text(), re.MULTILINE)
    told = re.search(r"(\d+) MB", (ROOT / "docs/how-to/install-kustomize.md").read_text())
    assert seen is not None
    assert told is not None
    assert told[1] == f"{float(seen[1]):.0f}"


def test_every_name_in_the_glossary_is_one_of_the_code():
    rows = [line for line in (DESIGN / "glossary.md").read_text().splitlines() if line.startswith("| ")]
    terms = {term for row in rows for term in re.findall(r"`([^`]+)`", row.split("|")[1])}
    assert len(terms) > 50
    assert terms - set(_names()) == set()


def _sources() -> list[Path]:
    """Everything that may refer to a design, the designs and this file aside."""
    folders = ("inplace", "kubesim", "hack", "tests", "manifests", "docs")
    found = [path for name in folders for path in (ROOT / name).rglob("*") if path.suffix in {".py", ".yaml", ".md"}]
    others = [ROOT / "Makefile", *ROOT.glob("*.md")]
    ours = (Path(__file__), Path(__file__).with_name("test_pages.py"))  # they name what does not exist
    return [path for path in (*found, *others) if path.parent != DESIGN and path not in ours]


def _joined(path: Path) -> str:
    """The text without its line breaks, for a reference may be broken over two lines."""
    return re.sub(r"\s*\n\s*(?:#:? )?", " ", path.read_text(encoding="utf-8"))


def _resolved(found: re.Match[str]) -> str:
    """Nothing, if the reference resolves."""
    assert (DESIGN / f"{found['page']}.md").is_file(), found[0]
    if found["heading"]:
        assert found["heading"] in _headings(found["page"]), found[0]
    else:
        assert set(re.findall(r"[\d.]*\d", found["numbers"])) <= _numbers(found["page"]), found[0]
    return ""


def _headings(page: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", (DESIGN / f"{page}.md").read_text(encoding="utf-8"), re.MULTILINE)


def _numbers(page: str) -> set[str]:
    return {heading.split()[0] for heading in _headings(page)}


def _names() -> Iterator[str]:
    """Every module, class, function, variable and enum member of inplace."""
    for path in (ROOT / "inplace").rglob("*.py"):
        yield path.stem
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
