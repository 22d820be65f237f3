"""Links of Markdown files that lead nowhere: a file that does not exist, or a heading that the file does not have.

The site's builder looks at the pages of docs/ only; README, CHANGELOG and the like are read where the repository is.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_CODE: Final = re.compile(r"^(```|~~~).*?^\1|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_ELSEWHERE: Final = re.compile(r"[a-z][a-z+.-]*:", re.IGNORECASE)


def broken(root: Path) -> Iterator[str]:
    """One line for each link of a tracked or new Markdown file below `root` that leads nowhere."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    for name in sorted(set(listed.stdout.split())):
        if (root / name).is_file():
            yield from broken_in(root / name, root)


def broken_in(page: Path, root: Path) -> Iterator[str]:
    """The same for one page; links to other sites are not followed."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    for found in _LINK.finditer(text):
        target = found[1] or found[2]
        if _ELSEWHERE.match(target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        said = f"{page.relative_to(root)}: {target}"
        if not file.exists() or not file.is_relative_to(root.resolve()):
            yield f"{said}: there is no such file"
        elif anchor and anchor not in anchors(file):
            yield f"{said}: there is no such heading"


def anchors(page: Path) -> set[str]:
    """The headings of a page as they stand in links."""
    text = re.sub(r"^(```|~~~).*?^\1", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {_slug(heading) for heading in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)}


def _slug(heading: str) -> str:
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", words).strip())
