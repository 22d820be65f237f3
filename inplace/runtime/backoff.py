"""Exponential backoff per key, with jitter."""

from __future__ import annotations

import random
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Backoff(Generic[K]):
    """`base` doubling up to `maximum` seconds, separately for each key; jitter adds up to half."""

    def __init__(self, rng: random.Random, base: float = 0.005, maximum: float = 60.0) -> None:
        self._rng = rng
        self._base = base
        self._maximum = maximum
        self._failures: dict[K, int] = {}

    def next(self, key: K) -> float:
        """Seconds to wait before the next attempt with this key."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self._maximum, self._base * 2.0 ** min(failures, 60))
        return delay * (1 + self._rng.random() / 2)

    def forget(self, key: K) -> None:
        """Reset a key that succeeded."""
        self._failures.pop(key, None)
