"""What each command needs of RBAC, and what it can do without; `inplace check` asks the server for exactly this.

`docs/reference/rbac.md` shows it; tests hold it to what the commands ask of a server, in both directions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from msgspec import Struct

from inplace.core import kinds


class Right(NamedTuple):
    """A verb on a resource, with its subresource; `name`: on this object alone."""

    group: str
    resource: str
    verb: str
    name: str = ""

    def __str__(self) -> str:
        """As kubectl says it: `patch statefulsets.apps/status`."""
        plural, slash, below = self.resource.partition("/")
        return f"{self.verb} {plural}{f'.{self.group}' if self.group else ''}{slash}{below}"


class Needs(Struct, frozen=True):
    """Of a command: without `required` it ends with an error, without `optional` it says what it leaves out."""

    required: tuple[Right, ...]
    optional: tuple[Right, ...] = ()

    def __iter__(self) -> Iterator[Right]:
        return iter((*self.required, *self.optional))


def _on(resources: Iterable[str], *verbs: str, group: str = "") -> tuple[Right, ...]:
    return tuple(Right(group, resource, verb) for resource in resources for verb in verbs)


_KINDS: Final = tuple(kind.plural for kind in kinds.ALL)


def _workloads(*verbs: str, below: str = "") -> tuple[Right, ...]:
    return _on((plural + below for plural in _KINDS), *verbs, group="apps")


_REVISIONS: Final = Right("apps", "controllerrevisions", "list")
_SEEN: Final = (
    _REVISIONS,
    Right("discovery.k8s.io", "endpointslices", "list"),
    Right("policy", "poddisruptionbudgets", "list"),
)
#: A Deployment's ReplicaSets stand between it and its Pods.
_ONE: Final = (*_workloads("get"), Right("apps", "replicasets", "list"), Right("", "pods", "list"))
_AROUND: Final = (*_SEEN, Right("", "nodes", "get"))
_WATCHED: Final = (*_workloads("list", "watch"), *_on(["pods"], "list", "watch"))
_WATCHED_AROUND: Final = tuple(
    Right(group, resource, verb) for group, resource, _, _ in _AROUND for verb in ("list", "watch")
)
_CHANGE: Final = _workloads("get", "patch")
_DRY_RUNS: Final = _on(["pods", "pods/resize"], "patch")
_PODS_CHANGED: Final = (*_on(["pods"], "patch"), *_on(["pods/status"], "patch"))

#: What `check` looks at of the cluster; that it may ask for reviews everybody may (system:basic-user).
_CHECK: Final = (
    Right("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
    Right("coordination.k8s.io", "leases", "get"),
    *_on(
        ("mutatingadmissionpolicybindings", "validatingadmissionpolicybindings"),
        "get",
        group="admissionregistration.k8s.io",
    ),
)
#: By command, as it is typed. Several workloads, by -l or -A, also need `list` on them.
NEEDS: Final[dict[str, Needs]] = {
    "list": Needs(_workloads("list")),
    "list --watch": Needs(_workloads("list", "watch")),
    "plan": Needs(_ONE, (*_AROUND, *_DRY_RUNS)),
    "status": Needs(_workloads("get"), tuple(one for one in (*_ONE, *_AROUND) if one.verb == "list")),
    "status -o": Needs(_ONE, _AROUND),
    "status --watch": Needs((*_workloads("get"), *_WATCHED), _WATCHED_AROUND),
    "explain": Needs((Right("", "pods", "get"), *_ONE), (*_AROUND, Right("", "events", "list"))),
    "events": Needs((*_ONE, Right("", "events", "list")), _AROUND),
    "logs": Needs((*_ONE, Right("", "pods/log", "get")), _AROUND),
    "report": Needs(
        _ONE,
        (
            *_AROUND,
            *_on(["pods", "pods/log"], "get"),
            *_on(["events", "nodes"], "list"),
            Right("apps", "controllerrevisions", "get"),
            Right("policy", "poddisruptionbudgets", "get"),
            *_CHECK,
        ),
    ),
    "dashboard": Needs(
        _on(["pods"], "list", "watch"),
        (*_workloads("list", "watch"), *_WATCHED_AROUND, *_on(["events"], "list", "watch")),
    ),
    "check": Needs((), (Right("", "nodes", "list"), *_CHECK)),
    "check TYPE/NAME": Needs(_ONE, _AROUND),
    "history": Needs(_ONE, _AROUND),
    "diff -f": Needs(_workloads("get")),
    "diff --revision": Needs((*_ONE, _REVISIONS), tuple(one for one in _AROUND if one != _REVISIONS)),
    "enable": Needs((*_ONE, *_workloads("patch")), _AROUND),
    "set image": Needs(_CHANGE),
    "pause": Needs(_CHANGE),
    "resume": Needs(_CHANGE),
    "promote": Needs(_CHANGE),
    "retry": Needs(_CHANGE),
    "undo": Needs((*_ONE, _REVISIONS, *_workloads("patch")), tuple(one for one in _AROUND if one != _REVISIONS)),
    "restart TYPE/NAME": Needs(_CHANGE),
    "restart pod/NAME": Needs(
        (*_on(["pods"], "get", "list", "patch"), *_workloads("get")), (*_AROUND, *_on(["pods/status"], "patch"))
    ),
    "disable": Needs(
        (*_WATCHED, *_workloads("patch"), *_workloads("patch", below="/status")),
        (*_WATCHED_AROUND, *_PODS_CHANGED, Right("", "pods", "delete")),
    ),
}


def rule(rights: Iterable[Right]) -> str:
    """The rules of a Role that give these, in one line of YAML each, with resources of the same verbs together."""
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for right in sorted(set(rights)):
        verbs.setdefault((right.group, right.resource, right.name), []).append(right.verb)
    together: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for (group, resource, name), found in verbs.items():
        together.setdefault((group, tuple(found), name), []).append(resource)
    return "\n".join(_line(*key, resources) for key, resources in together.items())


def _line(group: str, verbs: tuple[str, ...], name: str, resources: list[str]) -> str:
    only = f", resourceNames: [{name}]" if name else ""
    of = f"resources: [{', '.join(resources)}]{only}"
    return f"""- {{apiGroups: [{group or '""'}], {of}, verbs: [{", ".join(verbs)}]}}"""
