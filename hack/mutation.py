"""`python -m hack.mutation`: deliberate defects, each of which the tests without a cluster must catch.

A defect (`hack.defects`) is made in a copy of the tree. The tests that it names are tried first, then the whole suite.
It is caught only if a test fails: a run that cannot collect its tests, or that hangs, says nothing and is an error. The
same tests must pass without a defect, or their failures say nothing either.

`--campaign` holds the campaign's story of each mended fault alone against the defect that undoes the mend.
`--check` only holds the list against the tree, in a second: tests/unit/test_defects.py does the same.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from importlib.util import cache_from_source
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple

from hack.defects import DEFECTS
from hack.defects.defect import Defect
from tests.campaign.mended import MENDED

ROOT: Final = Path(__file__).parents[1]
#: The quick ones first: one failure is enough.
SUITE: Final = ("unit/core", "unit/cluster", "unit/controller", "scenarios", "property/test_upgrade.py")
OPTIONS: Final = ("--seeds", "3", "--timeout", "120", "-x", "-q", "-p", "no:cacheprovider")
#: What one kind shows, the suite need not ask of all four; a test that a defect names may be of any.
KINDS: Final = ("--kinds", "StatefulSet,Deployment")
#: No run of the suite takes so long, in seconds, however busy the machine is.
HUNG_AFTER: Final = 1800
_IGNORED: Final = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "build", "dist")


class Outcome(StrEnum):
    """What has become of a defect."""

    CAUGHT = "caught"
    MISSED = "MISSED"
    ERROR = "ERROR"


class Run(NamedTuple):
    """What a run of pytest says of the tree, and the test that failed or what went wrong."""

    outcome: Outcome
    detail: str = ""


class Result(NamedTuple):
    """One line of the table."""

    defect: Defect
    run: Run
    seconds: float

    def __str__(self) -> str:
        return f"{self.run.outcome:6}  {self.seconds:6.1f} s  {self.defect.name}    {self.run.detail}".rstrip()


# --- the list against the tree ---------------------------------------------------------------------------------------


def problems(defects: Sequence[Defect] = DEFECTS, root: Path = ROOT) -> list[str]:
    """Why defects cannot be made, or could not be caught by the tests that they name; empty if all is well."""
    found = [f"{defect.name}: {problem}" for defect in defects for problem in _problems(defect, root)]
    named = [defect.name for defect in defects]
    return found + [f"{name}: the name of several" for name in sorted({one for one in named if named.count(one) > 1})]


def _problems(defect: Defect, root: Path) -> Iterator[str]:
    target = root / "inplace" / defect.file
    text = target.read_text(encoding="utf-8") if target.is_file() else ""
    if text.count(defect.right) != 1:
        yield f"{defect.file} holds its text {text.count(defect.right)} times, not once"
        return
    try:
        compile(text.replace(defect.right, defect.wrong), defect.file, "exec")
    except SyntaxError as error:
        yield f"{defect.file} is no Python any more: {error}"
    for test in defect.tests:
        path, _, function = test.partition("[")[0].partition("::")
        place = root / "tests" / path
        source = place.read_text(encoding="utf-8") if place.is_file() else ""
        if not place.exists() or (function and f"def {function}(" not in source):
            yield f"no test {test}"


# --- runs ------------------------------------------------------------------------------------------------------------


def judge(code: int, output: str) -> Run:
    """What pytest's exit code and output say. A test that was stopped for its time has shown nothing."""
    # A test may also end in an error after its last line: of a connection that is left open, for example.
    failed = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)
    hung = re.search(r"Timeout \(>[\d.]+s\) from pytest-timeout", output) is not None
    if code == 0:
        return Run(Outcome.MISSED)
    stopped = code == 2 and "stopping after 1 failures" in output  # -x on several workers ends with an interrupt
    if (code == 1 or stopped) and failed and not hung:
        return Run(Outcome.CAUGHT, failed[0].removeprefix("tests/"))
    last = next((line for line in reversed(output.splitlines()) if line.strip()), "no output")
    return Run(Outcome.ERROR, "a test hung" if hung else f"pytest exited with {code}: {last}")


def run(tree: Path, tests: Sequence[str], workers: int) -> Run:
    """Run tests in a copy of the tree."""
    spread = ("-n", str(workers)) if workers > 1 else ()
    kinds = KINDS if tests == SUITE else ()
    command = [sys.executable, "-m", "pytest", *(f"tests/{test}" for test in tests), *OPTIONS, *kinds, *spread]
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "defects", "PYTHONPATH": str(tree)}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=HUNG_AFTER
        )
    except subprocess.TimeoutExpired:
        return Run(Outcome.ERROR, f"no end after {HUNG_AFTER} s")
    return judge(done.returncode, done.stdout + done.stderr)


@contextmanager
def made(defect: Defect, tree: Path) -> Iterator[None]:
    """The tree with the defect, for as long as the block runs."""
    target = tree / "inplace" / defect.file
    text = target.read_text(encoding="utf-8")
    compiled = Path(cache_from_source(str(target)))
    try:
        target.write_text(text.replace(defect.right, defect.wrong), encoding="utf-8")
        compiled.unlink(missing_ok=True)  # it is told apart by its time in whole seconds
        yield
    finally:
        target.write_text(text, encoding="utf-8")
        compiled.unlink(missing_ok=True)


def attempt(defect: Defect, tree: Path, workers: int, *, alone: bool) -> Result:
    """Make one defect and see whether it is caught; `alone`: by the tests that it names."""
    began, found = time.monotonic(), Run(Outcome.MISSED)
    with made(defect, tree):
        if defect.tests:
            found = run(tree, defect.tests, workers)
        if found.outcome is Outcome.MISSED and not alone:
            found = run(tree, SUITE, workers)
    return Result(defect, found, time.monotonic() - began)


def attempt_all(defects: Sequence[Defect], jobs: int, *, alone: bool = False) -> Iterator[Result]:
    """Try every defect, so many at once, each in a tree that no other uses meanwhile; in the order of the list."""
    workers = max(1, (os.cpu_count() or 1) // jobs)
    trees = SimpleQueue[Path]()

    def one(defect: Defect) -> Result:
        tree = trees.get()
        try:
            return attempt(defect, tree, workers, alone=alone)
        finally:
            trees.put(tree)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        for number in range(jobs):
            tree = Path(folder) / str(number)
            shutil.copytree(ROOT, tree, ignore=_IGNORED)
            trees.put(tree)
        yield from pool.map(one, defects)


# --- the command -----------------------------------------------------------------------------------------------------


def sound(defects: Sequence[Defect]) -> Run:
    """Whether the tests that the defects name pass without a defect."""
    tests = sorted({test for defect in defects for test in defect.tests})
    return run(ROOT, tests, os.cpu_count() or 1) if tests else Run(Outcome.MISSED)


def told(defects: Sequence[Defect]) -> list[Defect]:
    """The defects of which the campaign has a story, to be caught by that alone."""
    test = "campaign/test_campaign.py::test_a_mended_fault_is_not_shown_again"
    stories = {mended.defect for mended in MENDED}
    return [replace(defect, tests=(f"{test}[{defect.name}]",)) for defect in defects if defect.name in stories]


def main() -> int:
    """Try the defects; print a line for each, and fail if one was not caught."""
    parser = argparse.ArgumentParser(prog="python -m hack.mutation", description="Deliberate defects must be caught.")
    parser.add_argument("--check", action="store_true", help="only see that every defect can be made")
    parser.add_argument("--campaign", action="store_true", help="by the campaign's stories of mended faults alone")
    parser.add_argument("--only", metavar="SUBSTRING", default="", help="only defects whose name or file contains this")
    parser.add_argument("--jobs", type=int, metavar="N", default=os.cpu_count() or 1, help="so many at once")
    options = parser.parse_args()
    chosen = [defect for defect in DEFECTS if options.only in defect.name or options.only in defect.file]
    chosen = told(chosen) if options.campaign else chosen
    wrong = problems(chosen) if chosen else [f"no defect contains {options.only!r}"]
    if wrong or options.check:
        print("\n".join(wrong) or f"{len(chosen)} defects apply")
        return 1 if wrong else 0
    before = sound(chosen)
    if before.outcome is not Outcome.MISSED:
        print(f"without any defect: {before.detail}")
        return 1
    results = []
    for result in attempt_all(chosen, max(1, options.jobs), alone=options.campaign):
        print(result, flush=True)
        results.append(result)
    caught = sum(result.run.outcome is Outcome.CAUGHT for result in results)
    print(f"{caught} of {len(results)} defects caught")
    return 0 if caught == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
