"""`python -m hack.table build/scenarios`: which scenario was seen where, as the table in docs/reference/scenarios.md.

Made from the results that `hack/matrix` leaves, and from nothing else: a cell is what the last run showed.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path

HEAD = """# Scenarios, and where each was seen

Made by `python -m hack.table` from the results that test runs left: `make e2e-full`, or a shorter run with fewer
columns. A scenario is one function of `tests/scenarios`; with several parameters, kinds or seeds the number says how
many passed. `-` is not shown in that world, for the reason below; `FAILED` failed.

"""
Outcome = tuple[str, str]


def main() -> int:
    """Print the table."""
    folder = Path(sys.argv[1])
    columns = sorted({path.stem.removesuffix("-alone") for path in folder.glob("*.xml")}, key=_order)
    cells: dict[str, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*.xml")):
        for case in ET.parse(path).iter("testcase"):
            if case.get("classname", "").startswith("tests.scenarios."):
                scenario = f"{case.get('classname', '').split('.')[2]}: {_words(case.get('name', ''))}"
                cells[scenario][path.stem.removesuffix("-alone")].append(_outcome(case))
    print(HEAD + _table(columns, cells), end="")
    print(_reasons(cells), end="")
    return 0


def _table(columns: list[str], cells: dict[str, dict[str, list[Outcome]]]) -> str:
    lines = ["| scenario | " + " | ".join(_title(column) for column in columns) + " |", "|---|" + "---|" * len(columns)]
    for scenario in sorted(cells):
        found = [_cell(cells[scenario].get(column, [])) for column in columns]
        lines.append(f"| {scenario.partition(': ')[2]} | " + " | ".join(found) + " |")
    return "\n".join(lines) + "\n"


def _cell(outcomes: list[Outcome]) -> str:
    kinds = [kind for kind, _ in outcomes]
    if not kinds:
        return "not run"
    if "failed" in kinds:
        return "FAILED"
    passed = kinds.count("passed")
    return str(passed) if passed else "-"


def _reasons(cells: dict[str, dict[str, list[Outcome]]]) -> str:
    found = {
        f"- {scenario.partition(': ')[2]}: {why}"
        for scenario, row in cells.items()
        for outcomes in row.values()
        for kind, why in outcomes
        if kind == "skipped"
    }
    return "\n" + "\n".join(sorted(found)) + "\n" if found else ""


def _outcome(case: ET.Element) -> Outcome:
    skipped = case.find("skipped")
    if skipped is not None:
        return "skipped", skipped.get("message", "")
    bad = case.find("failure") is not None or case.find("error") is not None
    return ("failed", "") if bad else ("passed", "")


def _words(name: str) -> str:
    return name.partition("[")[0].removeprefix("test_").replace("_", " ")


def _order(column: str) -> tuple[int, str]:
    return ("embedded", "hollow", "real").index(column.partition("-")[0]), column


def _title(column: str) -> str:
    world, _, rest = column.partition("-")
    version, _, runtime = rest.partition("-")
    return " ".join(part for part in (world, version, f"containerd {runtime}" if runtime else "") if part)


if __name__ == "__main__":
    sys.exit(main())
