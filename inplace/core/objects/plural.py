"""Counts in messages: `1 Pod`, `2 Pods`."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """So many of something."""
    return f"{number} {noun}{'s' * (number != 1)}"
