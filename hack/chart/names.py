"""The names of one installation, wherever they stand in an object, as expressions: objects, account, namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hack.chart.nodes import Splice, Text, literal

FULLNAME = '{{ include "inplace.fullname" . }}'
ACCOUNT = '{{ include "inplace.serviceAccountName" . }}'
NAMESPACE = "{{ .Release.Namespace }}"
#: Nothing in an installation for the whole cluster; in one for a namespace, what tells it from the others.
SUFFIX = '{{ include "inplace.suffix" . }}'
LABELS, SELECTOR = Splice('include "inplace.labels" .'), Splice('include "inplace.selectorLabels" .')

_NAME, _PART_OF = "app.kubernetes.io/name", "app.kubernetes.io/part-of"
#: The controller and RBAC know their names: they do not follow the release's.
POLICIES = frozenset(f"{kind}AdmissionPolicy{end}" for kind in ("Mutating", "Validating") for end in ("", "Binding"))
#: One for all installations of a cluster.
_SHARED = "inplace-unwatched"
CLUSTER_SCOPED = POLICIES | {"ClusterRole", "ClusterRoleBinding", "FlowSchema", "PriorityClass"}
#: The kind of object whose name stands under a key.
_REFERENCES = {
    "policyName": "ValidatingAdmissionPolicy",
    "serviceAccountName": "ServiceAccount",
    "priorityClassName": "PriorityClass",
}
#: The keys under which a namespace's name stands.
_NAMESPACES = frozenset({"namespace", "namespaces", "kubernetes.io/metadata.name"})


@dataclass(frozen=True)
class Installation:
    """What kustomize was told: the namespace, and the suffix of the policies' names."""

    namespace: str
    suffix: str = ""

    def templated(self, one: dict[str, Any]) -> dict[str, Any]:
        """The object for any release."""
        found: dict[str, Any] = self._node(one, (one["kind"],))
        meta = found["metadata"]
        labels = {key: value for key, value in meta.get("labels", {}).items() if key not in {SELECTOR, _PART_OF}}
        meta["labels"] = {LABELS: None, **labels}
        if one["kind"] in CLUSTER_SCOPED:
            meta.pop("namespace", None)  # kustomize does not know of every kind that it has none
        return found

    def _node(self, node: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(node, list):
            return [self._value({}, path[-1], one, (*path, number)) for number, one in enumerate(node)]
        if isinstance(node, dict):
            made = {key: self._value(node, key, value, (*path, key)) for key, value in node.items()}
            return made if made.pop(_NAME, None) is None else {SELECTOR: None, **made}
        return node

    def _value(self, parent: dict[str, Any], key: Any, value: Any, path: tuple[Any, ...]) -> Any:
        if not isinstance(value, str):
            return self._node(value, path)
        if key in _NAMESPACES and value == self.namespace:
            return Text(NAMESPACE)
        kind = self._named(parent, key, path)
        return self._string(value) if kind is None else self._name(kind, value)

    def _named(self, parent: dict[str, Any], key: Any, path: tuple[Any, ...]) -> str | None:
        """The kind of the object whose name this is; None for anything else."""
        if path[1:] == ("metadata", "name"):
            return str(path[0])
        if key != "name":
            return _REFERENCES.get(key)
        if "kind" in parent and {"subjects", "roleRef"} & set(path):
            return str(parent["kind"])
        return "ServiceAccount" if path[-2] == "serviceAccount" else None

    def _name(self, kind: str, name: str) -> Any:
        if name != "inplace" and not name.startswith("inplace-"):
            return name  # somebody else's
        own = name.removesuffix(self.suffix)
        if kind in POLICIES:
            return Text(own if own == _SHARED else own + SUFFIX)
        more = own.removeprefix("inplace")
        if kind == "ServiceAccount":
            return Text(ACCOUNT + more)
        return Text(FULLNAME + more + (SUFFIX if kind in CLUSTER_SCOPED else ""))

    def _string(self, text: str) -> Any:
        account = f"system:serviceaccount:{self.namespace}:inplace"
        if account not in text:
            return text
        return Text(literal(text).replace(account, f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"))
