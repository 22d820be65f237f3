"""Defect: one thing done wrong, as a replacement of text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Defect:
    """`right` stands exactly once in the file, `wrong` takes its place."""

    name: str
    #: Below `inplace`; of the model of a cluster `../kubesim/…`.
    file: str
    right: str
    wrong: str
    #: The tests, below `tests`, that are to catch it; without any the whole suite is.
    tests: tuple[str, ...] = ()


def not_checked(check: str, name: str, *tests: str) -> Defect:
    """A hold that is missing from the chain of holds."""
    return Defect(name, "core/rollout/holds.py", f"    {check},  # ", "    # ", tests)
