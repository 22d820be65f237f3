"""`python -m hack.monitoring`: write the PrometheusRule and the dashboard; with `--check`, say which are stale."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from hack.monitoring import dashboard, rules

#: What is generated, and what it is to be.
GENERATED: Final[Mapping[Path, Callable[[], str]]] = {
    rules.FOLDER / "prometheus-rule.yaml": rules.render,
    rules.FOLDER / "dashboard.json": dashboard.render,
}


def stale() -> list[str]:
    """The files that are not as they would be generated now."""
    return [
        str(path.relative_to(rules.ROOT))
        for path, render in GENERATED.items()
        if not path.exists() or path.read_text(encoding="utf-8") != render()
    ]


def main(arguments: list[str]) -> int:
    """Write them, or compare them."""
    if arguments == ["--check"]:
        for name in (found := stale()):
            print(f"{name} is stale: run make docs", file=sys.stderr)
        return 1 if found else 0
    for path, render in GENERATED.items():
        path.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
