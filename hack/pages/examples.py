"""What the pages show: commands in their code blocks and in `code`, and YAML. Tests hold them to what there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
_FENCE: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`([^`\n]+)`")
_HEREDOC: Final = re.compile(r"<<EOF\n.*?^(?:> )?EOF$", re.MULTILINE | re.DOTALL)
_SEPARATORS: Final = {"|", "||", "&&", ";"}


class Example(NamedTuple):
    """Something shown, and the page that shows it."""

    page: str
    words: tuple[str, ...]


def pages() -> list[Path]:
    """What is read by users: the README and docs/, without the designs, which also tell what is planned."""
    found = [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "design"]
    return [ROOT / "README.md", *found]


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Page and text of every code block in a language."""
    for page in pages():
        for found in _FENCE.finditer(page.read_text(encoding="utf-8")):
            if found[1] == language:
                yield str(page.relative_to(ROOT)), found[2]


def commands() -> Iterator[Example]:
    """Every command of a code block: of `sh` each line, of `console` what stands behind a `$`."""
    for page, text in blocks("sh"):
        yield from _commands(page, _HEREDOC.sub("", text))
    for page, text in blocks("console"):
        typed = _HEREDOC.sub("", text)
        yield from _commands(page, "\n".join(line[2:] for line in typed.splitlines() if line.startswith("$ ")))


def mentions() -> Iterator[Example]:
    """Every `inplace …` and `kubectl …` in running text, but those that are left open by a `…`."""
    for page in pages():
        for code in _CODE.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
            for one in code.replace("\\|", "|").split(" && "):
                words = one.split()
                if words[:1] in (["inplace"], ["kubectl"]) and len(words) > 1 and "…" not in one:
                    yield Example(str(page.relative_to(ROOT)), tuple(words))


def _commands(page: str, text: str) -> Iterator[Example]:
    for line in text.replace("\\\n", "").splitlines():
        words = list[str]()
        for word in [*shlex.split(line, comments=True), ";"]:
            if word in _SEPARATORS:
                if words:
                    yield Example(page, tuple(words))
                words = []
            else:
                words.append(word)
