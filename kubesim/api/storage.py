"""Objects of all kinds under one growing version, and the history that watches are served from (etcd's part).

Trees are immutable by convention: a change copies the path down to the changed value. Each version of an
object is encoded once, and its bytes are shared by every answer and every watch. Does not depend on what objects mean.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from kubesim.api import failure
from kubesim.api.kinds import Kind, Tree

Key = tuple[str, str]
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]
Listener = Callable[["Change"], None]

#: Changes that are kept for watches that come back.
DEFAULT_HISTORY: Final = 100_000
#: Lists that are kept for those who read them page by page.
MOST_SNAPSHOTS: Final = 64

_ENCODER: Final = msgspec.json.Encoder()


class Stored:
    """One version of one object."""

    __slots__ = ("_body", "name", "namespace", "tree", "version")

    def __init__(self, namespace: str, name: str, version: int, tree: Tree) -> None:
        self.namespace = namespace
        self.name = name
        self.version = version
        self.tree = tree
        self._body: bytes | None = None

    @property
    def body(self) -> bytes:
        """As JSON."""
        if self._body is None:
            self._body = _ENCODER.encode(self.tree)
        return self._body

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name


class Change:
    """What happened to one object. `new` is its last state if it was deleted."""

    __slots__ = ("_line", "new", "old", "type")

    def __init__(self, type_: ChangeType, old: Stored | None, new: Stored) -> None:
        self.type: ChangeType = type_
        self.old = old
        self.new = new
        self._line: bytes | None = None

    @property
    def line(self) -> bytes:
        """As a line of a watch."""
        if self._line is None:
            self._line = watch_line(self.type, self.new.body)
        return self._line


def watch_line(type_: str, body: bytes) -> bytes:
    """An event as a watch sends it."""
    return b'{"type":"%s","object":%s}\n' % (type_.encode(), body)


class Table:
    """All objects of one kind."""

    __slots__ = ("compacted", "history", "listeners", "objects")

    def __init__(self, history: int) -> None:
        self.objects: dict[Key, Stored] = {}
        self.history: deque[Change] = deque(maxlen=history)
        #: The newest version that is no longer in the history.
        self.compacted = 0
        #: In the order in which they came: who hears first must not be left to chance.
        self.listeners: dict[Listener, None] = {}

    def sorted(self, namespace: str | None) -> list[Stored]:
        """The objects of one or all namespaces, in etcd's order."""
        keys = sorted(key for key in self.objects if namespace is None or key[0] == namespace)
        return [self.objects[key] for key in keys]


class Storage:
    """Tables by kind."""

    def __init__(self, history: int = DEFAULT_HISTORY) -> None:
        self.version = 1
        self._history = history
        self._tables: dict[str, Table] = {}
        self._snapshots: dict[tuple[str, str | None, int], list[Stored]] = {}

    def table(self, kind: Kind) -> Table:
        """The table of a kind."""
        key = kind.storage_key
        found = self._tables.get(key)
        if found is None:
            found = self._tables[key] = Table(self._history)
        return found

    def get(self, kind: Kind, namespace: str, name: str) -> Stored | None:
        """The present version of an object."""
        return self.table(kind).objects.get((namespace, name))

    # --- writes -----------------------------------------------------------------------------------------------------

    def put(self, kind: Kind, namespace: str, name: str, tree: Tree) -> Stored:
        """Store a new version; `tree` must be the caller's own at its top and in its metadata."""
        table = self.table(kind)
        old = table.objects.get((namespace, name))
        new = self._stamped(namespace, name, tree)
        table.objects[new.key] = new
        self._publish(table, Change("ADDED" if old is None else "MODIFIED", old, new))
        return new

    def remove(self, kind: Kind, old: Stored) -> Stored:
        """Delete an object; its last state gets a version of its own."""
        table = self.table(kind)
        del table.objects[old.key]
        gone = self._stamped(old.namespace, old.name, {**old.tree, "metadata": {**old.tree["metadata"]}})
        self._publish(table, Change("DELETED", old, gone))
        return gone

    def _stamped(self, namespace: str, name: str, tree: Tree) -> Stored:
        self.version += 1
        tree["metadata"]["resourceVersion"] = str(self.version)
        return Stored(namespace, name, self.version, tree)

    def _publish(self, table: Table, change: Change) -> None:
        history = table.history
        if len(history) == history.maxlen:
            table.compacted = history[0].new.version
        history.append(change)
        for listener in tuple(table.listeners):
            listener(change)

    # --- reads of the past ------------------------------------------------------------------------------------------

    def since(self, kind: Kind, version: int) -> list[Change]:
        """The changes after a version. Raises Failure 410 if they are no longer known."""
        table = self.table(kind)
        if version < table.compacted:
            raise failure.too_old(version, table.compacted)
        found: list[Change] = []
        for change in reversed(table.history):
            if change.new.version <= version:
                break
            found.append(change)
        found.reverse()
        return found

    def compact(self) -> None:
        """Forget all history and all continued lists."""
        for table in self._tables.values():
            table.history.clear()
            table.compacted = self.version
        self._snapshots.clear()

    def snapshot(self, kind: Kind, namespace: str | None) -> list[Stored]:
        """The present list, kept under the present version."""
        place = (kind.storage_key, namespace, self.version)
        found = self._snapshots.get(place)
        if found is None:
            found = self._snapshots[place] = self.table(kind).sorted(namespace)
            if len(self._snapshots) > MOST_SNAPSHOTS:
                del self._snapshots[next(iter(self._snapshots))]
        return found

    def snapshot_at(self, kind: Kind, namespace: str | None, version: int) -> list[Stored] | None:
        """The list as it was at a version, if it is still kept."""
        return self._snapshots.get((kind.storage_key, namespace, version))
