"""The documentation builds: no link leads nowhere, no page is left out, and what is generated is not stale."""

from __future__ import annotations

import re
import shutil

import click
import yaml

from hack.pages import __main__ as pages
from hack.pages import commands, links, rbac, settings, support
from inplace.cli.app import main
from inplace.cli.commands import COMMANDS
from inplace.core.settings import annotations as table
from inplace.core.state.statuses import Phase

CONFIG = yaml.safe_load((pages.ROOT / "mkdocs.yml").read_text())


def test_the_site_builds_and_asks_nobody_else_for_anything():
    assert pages.build() == 0
    site = pages.ROOT / CONFIG["site_dir"]
    assert (site / "tutorial" / "first-upgrade.html").is_file()
    for page in site.rglob("*.html"):
        fetched = re.findall(r"<(?:script|link|img)\b[^>]*(?:src|href)=[\"']?(https?://[^\"' >]*)", page.read_text())
        assert fetched == [], page


def test_the_site_does_not_build_with_links_that_lead_nowhere(tmp_path, capsys):
    (tmp_path / "docs").mkdir()
    (tmp_path / "mkdocs.yml").write_text("site_name: a\nsite_dir: site\n")
    (tmp_path / "docs" / "index.md").write_text("# A\n[right](b.md#a-heading)\n")
    (tmp_path / "docs" / "b.md").write_text("# B\n\n## A heading\n")
    assert pages.build(tmp_path / "mkdocs.yml") == 0
    with (tmp_path / "docs" / "index.md").open("a") as page:
        page.write("[heading](b.md#nowhere) [page](nowhere.md) [here](#nowhere)\n")
    assert pages.build(tmp_path / "mkdocs.yml") != 0
    said = capsys.readouterr().err
    assert (said.count("anchor does not exist\n"), said.count("page does not exist\n")) == (4, 2)
    assert "3 issues found" in said


def test_no_link_of_any_page_leads_nowhere():
    assert [*links.broken(pages.ROOT)] == []


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    shutil.copy(pages.ROOT / "README.md", tmp_path / "README.md")
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n## What `it` is: all\n[one](README.md#inplace) [two](#what-it-is-all) [three](https://example.com/x)\n"
        "```\n[code](nowhere.md)\n```\n`[code](nowhere.md)`\n"
        "[four](nowhere.md) [five](README.md#nowhere) [six](#nowhere) [seven](../outside.md)\n"
    )
    assert [line.split()[1] for line in links.broken_in(page, tmp_path)] == [
        "nowhere.md:",
        "README.md#nowhere:",
        "#nowhere:",
        "../outside.md:",
    ]


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page():
    listed = [*_pages(CONFIG["nav"])]
    there = {str(path.relative_to(pages.ROOT / "docs")) for path in (pages.ROOT / "docs").rglob("*.md")}
    assert sorted(listed) == sorted(there)


def test_no_generated_page_is_stale():
    assert [*pages.stale()] == []


def test_a_stale_page_is_found(monkeypatch):
    monkeypatch.setitem(pages.PAGES, "keys.md", lambda: "something else")
    assert [*pages.stale()] == ["docs/reference/keys.md is stale: run make docs"]


def test_every_command_says_how_it_may_end():
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert "Exit codes: 0 " in str(command.help), name
        assert f"## inplace {name}\n" in commands.render()


def test_every_rule_of_every_role_has_a_reason():
    rows = re.findall(r"^\| (`.*) \| (.*) \| (.*) \|$", rbac.render(), re.MULTILINE)
    assert len(rows) > 20
    assert [row for row in rows if not row[2]] == []


def test_every_setting_and_every_phase_has_a_meaning():
    assert set(settings.MEANINGS) == set(table._SETTINGS)
    assert set(re.findall(r"^\| `(\w+)` \| .* \| (?:waits|ends with \d) \|$", settings.render(), re.MULTILINE)) == set(
        Phase
    )


def test_every_file_of_scenarios_is_a_feature():
    assert set(support.FEATURES) == {path.stem for path in (pages.ROOT / "tests" / "scenarios").glob("test_*.py")}


def _pages(nav):
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            for below in entry.values():
                yield from _pages(below) if isinstance(below, list) else [below]
