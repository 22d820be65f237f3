"""What workloads, revisions and Events may be and how they may change (pkg/apis/apps/validation, core/validation).

Pure: trees in, causes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from kubesim.api import selectors
from kubesim.api.failure import Cause, forbidden_value, invalid_value, required
from kubesim.api.kinds import Tree
from kubesim.api.rules import names
from kubesim.api.rules.pods import validate_spec

_FREE: Final = frozenset(
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    }
)
_FIXED: Final = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_NEGATIVE: Final = "must be greater than or equal to 0"


def validate(kind: str, tree: Tree) -> Iterator[Cause]:
    """StatefulSet, DaemonSet, Deployment and ReplicaSet."""
    spec = tree.get("spec") or {}
    yield from _validate_numbers(spec)
    selector = spec.get("selector")
    if selector is None:
        yield required("spec.selector")
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not selectors.matches(selector, labels):
        yield invalid_value("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    yield from validate_spec(template.get("spec") or {}, "spec.template.spec", ("Always",))
    if kind == "StatefulSet":
        yield from _validate_strategy(spec.get("updateStrategy") or {})


def _validate_numbers(spec: Tree) -> Iterator[Cause]:
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit"):
        value = spec.get(field, 0)
        if isinstance(value, int) and value < 0:
            yield invalid_value(f"spec.{field}", value, _NEGATIVE)


def _validate_strategy(strategy: Tree) -> Iterator[Cause]:
    rolling = strategy.get("rollingUpdate")
    if rolling is None:
        return
    partition = rolling.get("partition")
    if strategy.get("type") != "RollingUpdate":
        shown: Tree = {"Partition": partition, "MaxUnavailable": rolling.get("maxUnavailable")}
        text = "only allowed for updateStrategy 'RollingUpdate'"
        yield invalid_value("spec.updateStrategy.rollingUpdate", shown, text)
    elif isinstance(partition, int) and partition < 0:
        yield invalid_value("spec.updateStrategy.rollingUpdate.partition", partition, _NEGATIVE)


def validate_update(kind: str, old: Tree, new: Tree) -> Iterator[Cause]:
    """What never changes in a workload."""
    was, now = old["spec"], new["spec"]
    if kind == "StatefulSet":
        if any(was.get(key) != now.get(key) for key in (set(was) | set(now)) - _FREE):
            yield forbidden_value("spec", _FIXED)
    elif was.get("selector") != now.get("selector"):
        yield invalid_value("spec.selector", now.get("selector"), "field is immutable")


def validate_revision_update(old: Tree, new: Tree) -> Iterator[Cause]:
    """A ControllerRevision's data never changes."""
    if old.get("data") != new.get("data"):
        yield invalid_value("data", new.get("data"), "field is immutable")


# --- Events ---------------------------------------------------------------------------------------------------------


def validate_event(tree: Tree, *, core: bool) -> Iterator[Cause]:
    """An Event, as events.k8s.io shows it (pkg/apis/core/validation/events.go); through v1 little is asked of it."""
    yield from _validate_old_event(tree, "reportingComponent" if core else "reportingController")
    if core:
        return
    if not tree.get("eventTime"):
        yield required("eventTime")
    if tree.get("type") not in {"Normal", "Warning"}:
        yield invalid_value("type", "", f"has invalid value: {tree.get('type', '')}")
    for field, shown in _EVENT_UNSET.items():
        if tree.get(field):
            yield invalid_value(shown, "", "needs to be unset")


def _validate_old_event(tree: Tree, reporter_field: str) -> Iterator[Cause]:
    """What is asked of every Event: of one without eventTime only that it is in the namespace of its object."""
    namespace = (tree.get("regarding") or {}).get("namespace", "")
    own = tree["metadata"].get("namespace", "")
    if not tree.get("eventTime"):
        if own != namespace and (namespace or own != "default"):
            yield invalid_value("involvedObject.namespace", namespace, "does not match event.namespace")
        return
    if not namespace and own not in {"default", "kube-system"}:
        yield invalid_value("involvedObject.namespace", namespace, "does not match event.namespace")
    reporter = tree.get("reportingController", "")
    if not reporter:
        yield required(reporter_field)
    yield from (invalid_value(reporter_field, reporter, text) for text in names.qualified_name(reporter))
    for field in ("reportingInstance", "action", "reason"):
        if not tree.get(field):
            yield required(field)
        if len(tree.get(field, "").encode()) > 128:
            yield invalid_value(field, "", "can have at most 128 characters")
    if len(tree.get("note", "").encode()) > 1024:
        yield invalid_value("message", "", "can have at most 1024 characters")


_EVENT_UNSET: Final[dict[str, str]] = {
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "deprecatedSource": "source",
}
_EVENT_FIXED: Final[dict[str, str]] = {
    "regarding": "involvedObject",
    "reason": "reason",
    "note": "message",
    "type": "type",
    "eventTime": "eventTime",
    "reportingController": "reportingController",
    "reportingInstance": "reportingInstance",
    "action": "action",
    **_EVENT_UNSET,
}


def validate_event_update(old: Tree, new: Tree, *, core: bool) -> Iterator[Cause]:
    """Through events.k8s.io only the series of an Event changes; through v1 everything may."""
    yield from _validate_old_event(new, "reportingComponent" if core else "reportingController")
    if core:
        return
    for field, shown in _EVENT_FIXED.items():
        if old.get(field) != new.get(field):
            yield invalid_value(shown, new.get(field), "field is immutable")


# --- two views of one Event -------------------------------------------------------------------------------------------

_EVENT_NAMES: Final[dict[str, str]] = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}


def modern_event(tree: Tree) -> Tree:
    """An Event as events.k8s.io/v1 shows it, from either view."""
    back = {old: new for new, old in _EVENT_NAMES.items()}
    found: dict[str, Any] = {back.get(key, key): value for key, value in tree.items()}
    empty: Tree = {"deprecatedSource": {}, "deprecatedFirstTimestamp": None, "deprecatedLastTimestamp": None}
    return {**empty, "eventTime": None, **found, "apiVersion": "events.k8s.io/v1"}


def core_event(tree: Tree) -> Tree:
    """The same as v1."""
    return {_EVENT_NAMES.get(key, key): value for key, value in tree.items()} | {"apiVersion": "v1"}
