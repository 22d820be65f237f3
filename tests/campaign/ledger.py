"""Who did what: every request of ours and every change of an object of the namespace, as the server saw it.

A change belongs to the request that the server was carrying out. Trees are the server's own, which never change.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from hack.cluster import model
from hack.cluster.images import CATALOGUE
from inplace.core.objects import names
from inplace.core.state import records
from inplace.core.state.records import Record
from kubesim.api import kinds
from kubesim.api.faults import Request
from kubesim.api.server import ApiServer
from kubesim.api.storage import Change
from tests.scenarios.embedded import AGENT, NAMESPACE

Tree = dict[str, Any]
#: Requests and changes of a minute that are a hot loop beyond doubt.
HOT = 900
#: What is recorded of others too.
RECORDED = (kinds.PODS, *kinds.TEMPLATED)


class Changed(NamedTuple):
    """One object before and after; None where there was none, or is none any more."""

    plural: str
    old: Tree | None
    new: Tree | None

    @property
    def name(self) -> str:
        """Its name."""
        found: str = (self.new or self.old or {})["metadata"]["name"]
        return found


class Entry(NamedTuple):
    """One request; `code` is 0 where no answer arrived."""

    at: float
    request: Request
    code: int
    changes: tuple[Changed, ...] = ()

    @property
    def ours(self) -> bool:
        """Whether our controller sent it."""
        return self.request.agent.startswith(AGENT)

    @property
    def manager(self) -> bool:
        """Whether Kubernetes' own controllers sent it."""
        return self.request.agent == "kube-controller-manager"


class Ledger:
    """Listens to a server."""

    def __init__(self, server: ApiServer, clock: Any) -> None:
        self.entries: list[Entry] = []
        self._clock = clock
        self._pending: list[Changed] = []
        self.server = server
        server.on_answer = self._answered
        for kind in RECORDED:
            server.storage.table(kind).listeners[partial(self._changed, kind)] = None

    def _changed(self, kind: kinds.Kind, change: Change) -> None:
        if change.new.namespace != NAMESPACE:
            return
        old = change.old.tree if change.old is not None else None
        gone = change.type == "DELETED"
        self._pending.append(
            Changed(kind.resource.plural, change.new.tree if gone else old, None if gone else change.new.tree)
        )

    def _answered(self, request: Request, code: int) -> None:
        changes, self._pending = tuple(self._pending), []
        if changes or (request.agent.startswith(AGENT) and request.verb != "watch"):
            self.entries.append(Entry(self._clock.monotonic(), request, code, changes))

    def is_hot(self) -> bool:
        """Whether there were more requests and changes in the last minute than any story can need."""
        enough = self.entries[-HOT:][:1]
        return len(self.entries) >= HOT and enough[0].at > self._clock.monotonic() - 60

    # --- the present ------------------------------------------------------------------------------------------------

    def objects(self, kind: kinds.Kind) -> list[Tree]:
        """All of a kind in the namespace, by name."""
        return [one.tree for one in self.server.storage.table(kind).sorted(NAMESPACE)]

    def pods(self) -> list[Tree]:
        """Those of the workload."""
        return [pod for pod in self.objects(kinds.PODS) if is_member(pod)]

    def helpers(self) -> list[Tree]:
        """Our pull Pods."""
        return [pod for pod in self.objects(kinds.PODS) if names.HELPER in (pod["metadata"].get("labels") or {})]


def is_member(pod: Tree) -> bool:
    """Whether a Pod is one of the workload, and no pull Pod."""
    labels = pod["metadata"].get("labels") or {}
    return labels.get("app") == "web" and names.HELPER not in labels


def is_owned(tree: Tree, uid: str) -> bool:
    """Whether an object names this owner, its controller or not."""
    return any(each["uid"] == uid for each in tree["metadata"].get("ownerReferences") or ())


def condition(pod: Tree, type_: str) -> str | None:
    """The status of a condition."""
    found = (pod.get("status") or {}).get("conditions") or ()
    return next((one["status"] for one in found if one["type"] == type_), None)


def is_ready(pod: Tree) -> bool:
    """Ready, and not on its way out."""
    return condition(pod, "Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def image(tree: Tree) -> str:
    """The image of the application in a Pod or a template."""
    found: str = tree["spec"]["containers"][0]["image"]
    return found


def tag(tree: Tree) -> str:
    """The tag of that image; of a Pod that was restarted in place, without the digest by which that is done."""
    return image(tree).partition("@")[0].rpartition(":")[2]


def images(tree: Tree) -> tuple[str, ...]:
    """The images of all containers in a Pod or a template."""
    return tuple(one["image"] for one in tree["spec"]["containers"])


def tags(tree: Tree) -> tuple[str, ...]:
    """Their tags, likewise."""
    return tuple(one.partition("@")[0].rpartition(":")[2] for one in images(tree))


def content(reference: str) -> str:
    """What is in an image: its digest, which several names may have; the name of one that is in no registry."""
    name, _, digest = reference.partition("@")
    repository, _, tag_ = name.rpartition("/")[2].partition(":")
    return digest or (model.digest(repository, tag_) if tag_ in CATALOGUE.get(repository, {}) else name)


def is_at(pod: Tree, template: Tree) -> bool:
    """Whether a Pod is asked to run the images of a template: by their tags; or by the digest alone, which is what a
    restart makes of an image that its node does not report by that tag."""
    return all(_is(had, wanted) for had, wanted in zip(images(pod), images(template), strict=True))


def _is(had: str, wanted: str) -> bool:
    name = had.partition("@")[0]
    has_tag = ":" in name.rpartition("/")[2]
    return name == wanted.partition("@")[0] if has_tag else content(had) == content(wanted)


def sizes(tree: Tree) -> tuple[str, ...]:
    """What the containers ask for of cpu, and the Pod as a whole."""
    asked = (one.get("resources") or {} for one in (*tree["spec"]["containers"], tree["spec"]))
    return tuple((one.get("requests") or {}).get("cpu", "") for one in asked)


def annotation(tree: Tree, key: str) -> str | None:
    """One annotation."""
    return (tree["metadata"].get("annotations") or {}).get(key)


def label(tree: Tree, key: str) -> str | None:
    """One label."""
    return (tree["metadata"].get("labels") or {}).get(key)


def record_of(pod: Tree) -> Record | None:
    """The record on a Pod, if it can be read."""
    text = annotation(pod, names.STATE)
    found = records.decode(text) if text is not None else None
    return found if isinstance(found, Record) else None


def member_changes(entries: list[Entry]) -> Iterator[tuple[Entry, Changed]]:
    """Changes of the workload's Pods, in order."""
    for entry in entries:
        for change in entry.changes:
            if change.plural == "pods" and is_member(change.new or change.old or {}):
                yield entry, change
