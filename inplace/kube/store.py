"""An indexed cache of objects with exactly one writer, its reflector. Reads are synchronous and possibly stale.

Generic in the type of object: the constructor takes functions that return keys, versions and index values.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")
Key = tuple[str, str]
Indexer = Callable[[T], Iterable[Hashable]]


class Store(Generic[T]):
    """Objects by (namespace, name), and by the values of each index. An item may be a part of what was received."""

    def __init__(
        self,
        key: Callable[[T], Key],
        version: Callable[[T], str],
        indexers: Mapping[str, Indexer[T]] | None = None,
    ) -> None:
        self.key = key
        self.version = version
        self._indexers = dict(indexers or {})
        self._objects: dict[Key, T] = {}
        self._sizes: dict[Key, int] = {}
        #: The size in bytes of all objects as they were received.
        self.bytes = 0
        self._indexes: dict[str, dict[Hashable, set[Key]]] = {name: {} for name in self._indexers}

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, namespace: str, name: str) -> T | None:
        """The object, or None."""
        return self._objects.get((namespace, name))

    def values(self) -> tuple[T, ...]:
        """All objects, sorted by key."""
        return tuple(self._objects[key] for key in sorted(self._objects))

    def each(self) -> Iterable[T]:
        """All objects, in no order."""
        return self._objects.values()

    def by(self, index: str, value: Hashable) -> tuple[T, ...]:
        """The objects with this index value, sorted by key."""
        return tuple(self._objects[key] for key in sorted(self._indexes[index].get(value, ())))

    def keys(self) -> set[Key]:
        """All keys."""
        return set(self._objects)

    def put(self, item: T, size: int = 0) -> T | None:
        """Store an object of a size in bytes; returns the one it replaces. For the reflector only."""
        key = self.key(item)
        self.bytes += size - self._sizes.get(key, 0)
        self._sizes[key] = size
        old = self._objects.get(key)
        if old is not None:
            self._unindex(key, old)
        self._objects[key] = item
        for name, indexer in self._indexers.items():
            for value in indexer(item):
                self._indexes[name].setdefault(value, set()).add(key)
        return old

    def size(self, item: T) -> int:
        """The size in bytes with which it is stored; 0 if it is not."""
        return self._sizes.get(self.key(item), 0)

    def refine(self, item: T) -> bool:
        """Store more, or less, of the very version that is stored; False if another one is, or none."""
        old = self._objects.get(self.key(item))
        if old is None or self.version(old) != self.version(item):
            return False
        self.put(item, self.size(item))
        return True

    def remove(self, key: Key) -> T | None:
        """Remove an object; returns it. For the reflector only."""
        old = self._objects.pop(key, None)
        self.bytes -= self._sizes.pop(key, 0)
        if old is not None:
            self._unindex(key, old)
        return old

    def _unindex(self, key: Key, old: T) -> None:
        for name, indexer in self._indexers.items():
            for value in indexer(old):
                keys = self._indexes[name].get(value)
                if keys is None:
                    continue
                keys.discard(key)
                if not keys:
                    del self._indexes[name][value]
