"""What every part of the embedded cluster asks of objects and writes into them."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def stamp(at: datetime) -> str:
    """A metav1.Time."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def is_over(pod: dict[str, Any]) -> bool:
    """Whether a Pod has ended for good."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
