"""What `inplace check` looks at of a cluster: the server, the user's rights, the policies, and who leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from msgspec import Struct

import inplace
from inplace.cli.rights import NEEDS, Right, rule
from inplace.controller import about, installed_policies
from inplace.controller.about import About
from inplace.core import kinds
from inplace.core.objects import names
from inplace.core.objects.nodes import Node
from inplace.core.objects.plural import counted
from inplace.core.objects.times import Time
from inplace.core.pod.evidence import GENERATION_SINCE, kubelet_version
from inplace.core.views.checkup import Finding, Level
from inplace.kube import discovery
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.errors import ApiError, Denied, NotFound

#: The versions of Kubernetes that are tested, as docs/reference/support.md.
TESTED: Final = ((1, 33), (1, 36))
#: How long a lease and a cache may be silent: twice as long as each may be while all is well.
LEASE_SILENCE: Final = timedelta(seconds=30)
CACHE_SILENCE: Final = timedelta(seconds=50)
#: So many nodes are named.
_NAMED: Final = 3
#: How many questions are asked at a time.
_AT_ONCE: Final = 8
_OF_NO_NAMESPACE: Final = frozenset(one.plural for one in resources.ALL if not one.namespaced)
_KINDS: Final = frozenset(kind.plural for kind in kinds.ALL)
#: Who cannot use these cannot see an upgrade at all: that is a problem. What else is missing may be meant.
_LOOKS: Final = frozenset({"list", "plan", "status", "explain"})
_READS: Final = frozenset({"get", "list", "watch"})
_FEATURES: Final = (
    ("v1", "pods/resize", "cpu and memory change in place", "upgrade the API server to 1.33"),
    (
        "admissionregistration.k8s.io/v1",
        "validatingadmissionpolicies",
        "policies refuse malformed settings and fence the controller's account",
        "upgrade the API server to 1.30",
    ),
    (
        "admissionregistration.k8s.io/v1",
        "mutatingadmissionpolicies",
        "policies keep the freeze and give the readiness gate",
        "upgrade the API server to 1.36, or do without: the controller restores the freeze itself",
    ),
)


class _Spec(Struct, frozen=True, rename="camel"):
    holder_identity: str = ""
    renew_time: Time | None = None


class _Meta(Struct, frozen=True):
    annotations: dict[str, str] | None = None


class _Lease(Struct, frozen=True):
    metadata: _Meta = _Meta()
    spec: _Spec = _Spec()


async def cluster(client: Client, namespace: str | None, lease_namespace: str) -> AsyncIterator[Finding]:
    """All findings about the cluster; `namespace`: where rights are asked for, None for all."""
    looks = (
        partial(_server, client),
        partial(_features, client),
        partial(_kubelets, client),
        partial(_rights, client, namespace),
        partial(_policies, client),
        partial(_leader, client, lease_namespace),
    )
    for look in looks:
        for one in await look():
            yield one


async def _server(client: Client) -> list[Finding]:
    found = await discovery.version(client)
    said = f"Kubernetes {found.git_version or 'of an unknown version'} at {client.connection.address}"
    digits = ("".join(filter(str.isdecimal, text)) for text in (found.major, found.minor))
    version = tuple(int(text) for text in digits if text)
    oldest, newest = TESTED
    if len(version) == 2 and oldest <= version <= newest:
        return [Finding("server", Level.OK, said)]
    tested = f"{oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}"
    return [Finding("server", Level.NOTE, f"{said}, which is not among the tested ones: {tested}")]


async def _features(client: Client) -> list[Finding]:
    groups = {group: await discovery.served(client, group) for group, *_ in _FEATURES}
    lacking = [one for one in _FEATURES if one[1] not in groups[one[0]]]
    if not lacking:
        return [Finding("features", Level.OK, "the API server has all that inplace can use")]
    return [
        Finding("features", Level.NOTE, f"the API server has no {name}, by which {what}", remedy)
        for _, name, what, remedy in lacking
    ]


async def _kubelets(client: Client) -> list[Finding]:
    try:
        nodes = (await client.list(resources.NODES, type=Node)).items
    except Denied as error:
        return [Finding("kubelets", Level.UNKNOWN, str(error))]
    versions = sorted(version for node in nodes if (version := kubelet_version(node)) is not None)
    if not versions:
        return [Finding("kubelets", Level.UNKNOWN, "no node names a version of its kubelet")]
    span = " to ".join(dict.fromkeys(f"{major}.{minor}" for major, minor in (versions[0], versions[-1])))
    said = f"{counted(len(nodes), 'node')} with kubelets of {span}"
    silent = [node.metadata.name for node in nodes if not node.ready]
    if silent:
        named = ", ".join(silent[:_NAMED]) + (f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else "")
        level = Level.PROBLEM if len(silent) == len(nodes) else Level.NOTE
        why = f"{said}, of which {len(silent)} {'are' if len(silent) > 1 else 'is'} not Ready ({named})"
        return [Finding("kubelets", level, f"{why}: no Pod begins there (NodeNotReady)", "kubectl describe node")]
    if versions[0] < GENERATION_SINCE:
        slow = "of the same bytes under another name the evidence takes 30 s and more on those before 1.34"
        return [Finding("kubelets", Level.NOTE, f"{said}: {slow}")]
    return [Finding("kubelets", Level.OK, said)]


async def _rights(client: Client, namespace: str | None) -> list[Finding]:
    asked = sorted({right for needs in NEEDS.values() for right in needs})
    try:
        held = await _held(client, asked, namespace)
    except ApiError as error:
        return [Finding("rights", Level.UNKNOWN, str(error))]
    findings = list(_lacking(held, namespace))
    return findings or [Finding("rights", Level.OK, f"every command may be used {_in(namespace)}")]


async def _held(client: Client, asked: list[Right], namespace: str | None) -> dict[Right, bool]:
    """Which of these the user has. Raises the first failure."""
    left, held = iter(asked), dict[Right, bool]()

    async def ask() -> None:
        for right in left:
            held[right] = await _allowed(client, right, namespace)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(ask())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return {right: held[right] for right in asked}


async def _allowed(client: Client, right: Right, namespace: str | None) -> bool:
    resource, _, below = right.resource.partition("/")
    attributes = {"group": right.group, "resource": resource, "verb": right.verb}
    attributes |= {"subresource": below} if below else {}
    attributes |= {"namespace": namespace} if namespace and right.resource not in _OF_NO_NAMESPACE else {}
    body = {
        "apiVersion": resources.SELFSUBJECTACCESSREVIEWS.api_version,
        "kind": resources.SELFSUBJECTACCESSREVIEWS.kind,
        "spec": {"resourceAttributes": attributes},
    }
    answer: dict[str, Any] = await client.create(resources.SELFSUBJECTACCESSREVIEWS, None, body, type=dict)
    return bool((answer.get("status") or {}).get("allowed"))


def _lacking(held: dict[Right, bool], namespace: str | None) -> Iterator[Finding]:
    """One finding for all rights that the same commands lack."""
    together: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Right]] = {}
    for right in (right for right, allowed in held.items() if not allowed):
        ends = tuple(command for command, needs in NEEDS.items() if right in needs.required)
        omits = tuple(command for command, needs in NEEDS.items() if right in needs.optional)
        together.setdefault((ends, omits), []).append(right)
    for (ends, omits), rights in together.items():
        some = " for all kinds" if any(right.resource.partition("/")[0] in _KINDS for right in rights) else ""
        told = [f"{', '.join(ends)} cannot be used{some}"] if ends else []
        told += [f"{', '.join(omits)} cannot show or do all"] if omits else []
        reads = set(ends) & _LOOKS and any(right.verb in _READS for right in rights)
        yield Finding(
            "rights",
            Level.PROBLEM if reads else Level.NOTE,
            f"you cannot {', '.join(map(str, rights))}: {'; '.join(told)}",
            f"add to {_role(rights, namespace)}:\n{rule(rights)}",
        )


def _role(rights: Iterable[Right], namespace: str | None) -> str:
    whole = any(right.resource in _OF_NO_NAMESPACE for right in rights)
    return f"a Role of namespace {namespace}" if namespace and not whole else "a ClusterRole"


def _in(namespace: str | None) -> str:
    return f"in namespace {namespace}" if namespace else "in all namespaces"


async def _policies(client: Client) -> list[Finding]:
    try:
        state = await installed_policies.installed(client)
    except ApiError as error:
        return [Finding("policies", Level.UNKNOWN, str(error))]
    missing = [name for name, exists in state.items() if not exists]
    count = f"{len(state) - len(missing)} of {len(state)} policies are in force"
    if not missing:
        return [Finding("policies", Level.OK, count)]
    meaning = {**installed_policies.MUTATING, **installed_policies.VALIDATING}
    remedy = "kubectl apply -k manifests/policies"
    if len(missing) == len(state):
        return [Finding("policies", Level.NOTE, f"{count}: inplace works without them", remedy)]
    return [Finding("policies", Level.NOTE, count)] + [
        Finding("policies", Level.NOTE, f"no {name}: {meaning[name]}", remedy) for name in missing
    ]


async def _leader(client: Client, namespace: str) -> list[Finding]:
    where = f"Lease {namespace}/{names.LEASE}"
    start = "is inplace installed, or its namespace another (--lease-namespace)?"
    try:
        lease = await client.get(resources.LEASES, names.LEASE, namespace, type=_Lease)
    except NotFound:
        return [Finding("leader", Level.PROBLEM, f"no controller runs here: there is no {where}", start)]
    except Denied as error:
        own = rule([Right("coordination.k8s.io", "leases", "get", names.LEASE)])
        return [Finding("leader", Level.UNKNOWN, str(error), f"add to a Role of namespace {namespace}:\n{own}")]
    holder, renewed, now = lease.spec.holder_identity, lease.spec.renew_time, client.clock.now()
    if not holder:
        return [Finding("leader", Level.PROBLEM, f"no controller leads: {where} was released", "start one, or wait")]
    age = now - renewed if renewed is not None else LEASE_SILENCE
    if age >= LEASE_SILENCE:
        since = f"not renewed for {_seconds(age)}" if renewed is not None else "never renewed"
        return [Finding("leader", Level.PROBLEM, f"{holder} has the {where}, {since}: no controller runs", start)]
    said = about.decode((lease.metadata.annotations or {}).get(names.ABOUT, ""))
    leads = Finding("leader", Level.OK, f"{holder} leads, and has renewed its Lease {_seconds(age)} ago")
    return [leads, *_itself(said, now)]


def _itself(said: About | None, now: datetime) -> Iterator[Finding]:
    """What the leader says of itself."""
    if said is None:
        yield Finding("version", Level.UNKNOWN, "the leader's Lease does not say its version: it is an older release")
        return
    own = inplace.__version__
    if said.version == own:
        yield Finding("version", Level.OK, f"command and controller are of version {own}")
    else:
        yield Finding(
            "version",
            Level.NOTE if _minor(said.version) == _minor(own) else Level.PROBLEM,
            f"the command is of version {own}, the controller of {said.version}: they may foretell different things",
            f"install the command of version {said.version}",
        )
    silent = now - said.heard_at.astimezone(UTC)
    fine = silent < CACHE_SILENCE
    heard = f"the cache that has been silent for the longest was heard of {_seconds(silent)} ago"
    yield Finding("caches", Level.OK if fine else Level.PROBLEM, heard, "" if fine else "see the controller's log")
    if said.fence:
        whole = said.fence == "in force for this account"
        yield Finding("fence", Level.OK if whole else Level.NOTE, f"the controller found the fence {said.fence}")


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _seconds(age: timedelta) -> str:
    return f"{max(0, round(age.total_seconds()))} s"
