"""`make docs`: writes the generated pages and builds the site. With `--check` it writes none, and fails if one is stale.

A page is generated from code, manifests or results, and from nothing else: change it there.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from hack.pages import alerts, commands, keys, links, metrics, rbac, reasons, settings, support, values

ROOT: Final = Path(__file__).parents[2]
REFERENCE: Final = ROOT / "docs" / "reference"
PAGES: Final[dict[str, Callable[[], str]]] = {
    "alerts.md": alerts.render,
    "commands.md": commands.render,
    "keys.md": keys.render,
    "metrics.md": metrics.render,
    "rbac.md": rbac.render,
    "reasons.md": reasons.render,
    "settings.md": settings.render,
    "support.md": support.render,
    "values.md": values.render,
}


def main(arguments: list[str]) -> int:
    """Write or check, then build."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m hack.pages [--check]", file=sys.stderr)
        return 1
    if not arguments:
        for name, render in PAGES.items():
            (REFERENCE / name).write_text(render(), encoding="utf-8")
    problems = [*stale(), *links.broken(ROOT)]
    for problem in problems:
        print(problem, file=sys.stderr)
    return build() or bool(problems)


def stale() -> Iterator[str]:
    """The generated pages that are not what their sources give."""
    for name, render in PAGES.items():
        page = REFERENCE / name
        if not page.is_file() or page.read_text(encoding="utf-8") != render():
            yield f"docs/reference/{name} is stale: run make docs"


def build(config: Path = ROOT / "mkdocs.yml") -> int:
    """The site, into build/site; not 0 if a link or an anchor leads nowhere. Uses no network."""
    program = Path(sys.executable).with_name("zensical")
    command = [str(program), "build", "--strict", "--clean", "--config-file", str(config)]
    done = subprocess.run(command, cwd=config.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
