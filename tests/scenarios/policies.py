"""manifests/policies in a test: on the API server, whichever, each bound to one namespace and no other."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from inplace.kube.client import Client
from inplace.kube.errors import Rejected
from inplace.kube.resource import Resource

POLICIES = Path(__file__).parents[2] / "manifests" / "policies"
#: Whom the policies take for the controller.
ACCOUNT = "system:serviceaccount:inplace-system:inplace"
_API = "admissionregistration.k8s.io"
_PLURALS = {"AdmissionPolicy": "admissionpolicies", "AdmissionPolicyBinding": "admissionpolicybindings"}
#: What a scenario installs together, and the policies that it stands for.
KEEP_FREEZE, HONEST_STATUS, GATE = "keep-freeze", "honest-status", "gate"

#: A name that the canaries look for, of a ConfigMap, and what they add to it or refuse.
CANARY = "policies-in-force"
_ON_CONFIGMAPS = {
    "matchConstraints": {
        "resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
        ]
    },
    "matchConditions": [{"name": "canary", "expression": f"object.metadata.name == '{CANARY}'"}],
    "failurePolicy": "Fail",
}
#: Servers take over policies some seconds after they are made, each sort by itself: what is made last tells.
_CANARIES: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": f"{_API}/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "canary"},
        "spec": {
            **_ON_CONFIGMAPS,
            "reinvocationPolicy": "Never",
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {"expression": "Object{data: {'mutated': 'true'}}"},
                }
            ],
        },
    },
    {
        "apiVersion": f"{_API}/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "canary"},
        "spec": {**_ON_CONFIGMAPS, "validations": [{"expression": "!has(object.data)", "message": "mutated, refused"}]},
    },
)
#: Where no policy mutates, as with servers that cannot (before 1.36).
_CANARY_ALONE: dict[str, Any] = {
    "apiVersion": f"{_API}/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "canary-alone"},
    "spec": {**_ON_CONFIGMAPS, "validations": [{"expression": "false", "message": "alone, refused"}]},
}


@cache
def manifests() -> tuple[dict[str, Any], ...]:
    """Every policy and binding in manifests/policies; their kustomizations change nothing of them."""
    found = [one for path in sorted(POLICIES.rglob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]
    return tuple(one for one in found if one["kind"] != "Kustomization")


def named(*groups: str) -> tuple[str, ...]:
    """The policies of these groups."""
    every = [one["metadata"]["name"] for one in manifests() if not one["kind"].endswith("Binding")]
    return tuple(name for name in every if any(name.startswith(f"inplace-{group}") for group in groups))


def scoped(namespace: str, *policies: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """These policies with what must stay beside them, and their bindings to one namespace."""
    chosen = [one for one in manifests() if not one["kind"].endswith("Binding") and one["metadata"]["name"] in policies]
    assert len(chosen) == len(policies), policies
    bindings = []
    for one in manifests():
        if not one["kind"].endswith("Binding") or one["spec"]["policyName"] not in policies:
            continue
        if one["metadata"]["name"].endswith("-idle"):
            chosen.append(one)  # it keeps the server watching parameters, whoever binds the policy (gate.yaml)
        else:
            selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
            meta = {"name": f"{one['metadata']['name']}-{namespace}"}
            spec = {**one["spec"], "matchResources": {"namespaceSelector": selector}}
            bindings.append({**one, "metadata": meta, "spec": spec})
    return chosen, bindings


def everywhere(suffix: str, *policies: str) -> list[dict[str, Any]]:
    """These policies and their bindings to all namespaces, by names of their own: no test takes them for its own."""
    chosen, bindings = copy.deepcopy(scoped(suffix, *policies))
    for one in chosen:
        one["metadata"]["name"] += f"-{suffix}"
    for one in bindings:
        one["spec"]["policyName"] += f"-{suffix}"
        del one["spec"]["matchResources"]
    return [*chosen, *bindings]


@contextmanager
def bound(kubeconfig: Path, namespace: str, *policies: str) -> Iterator[None]:
    """Bind policies to a namespace while the block runs; the policies themselves stay. `in_force` tells when."""
    chosen, bindings = scoped(namespace, *policies)
    mutates = any(one["kind"] == "MutatingAdmissionPolicy" for one in chosen)
    canaries = _CANARIES if mutates else (_CANARY_ALONE,)
    bindings += [_canary_binding(one, namespace) for one in canaries]
    chosen += canaries
    _kubectl(kubeconfig, "apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all([*chosen, *bindings]))
    try:
        yield
    finally:
        _kubectl(kubeconfig, "delete", "--ignore-not-found", "-f", "-", stdin=yaml.safe_dump_all(bindings))


async def in_force(client: Client, namespace: str) -> bool:
    """Whether what `bound` has bound to a namespace is in force: a canary of either sort has sung."""
    body = {"metadata": {"name": CANARY}}
    try:
        await client.create(Resource("", "v1", "configmaps", "ConfigMap"), namespace, body, type=dict, dry_run=True)
    except Rejected as error:
        return any(sung in str(error) for sung in ("mutated, refused", "alone, refused"))
    return False


def _canary_binding(canary: dict[str, Any], namespace: str) -> dict[str, Any]:
    kind, name = canary["kind"], canary["metadata"]["name"]
    spec: dict[str, Any] = {
        "policyName": name,
        "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
    }
    if kind == "ValidatingAdmissionPolicy":
        spec["validationActions"] = ["Deny"]
    meta = {"name": f"{name}-{namespace}"}
    return {"apiVersion": f"{_API}/v1", "kind": f"{kind}Binding", "metadata": meta, "spec": spec}


@asynccontextmanager
async def installed(client: Client, namespace: str, *policies: str) -> AsyncIterator[None]:
    """The same with a client and without kubectl; nothing of it stays."""
    chosen, bindings = scoped(namespace, *policies)
    objects = [*chosen, *bindings]
    for one in objects:
        await client.create(_resource(one["kind"]), None, one, type=dict)
    try:
        yield
    finally:
        for one in reversed(objects):
            await client.delete(_resource(one["kind"]), one["metadata"]["name"])


def _resource(kind: str) -> Resource:
    ending = next(ending for ending in _PLURALS if kind.endswith(ending))
    plural = kind.removesuffix(ending).lower() + _PLURALS[ending]
    return Resource(_API, "v1", plural, kind, namespaced=False)


def _kubectl(kubeconfig: Path, *arguments: str, stdin: str) -> None:
    done = subprocess.run(
        ["kubectl", "--kubeconfig", str(kubeconfig), *arguments],
        input=stdin,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
