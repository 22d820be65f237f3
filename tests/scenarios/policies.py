"""manifests/policies in a test: on the API server, each bound to one namespace and no other."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml

POLICIES = Path(__file__).parents[2] / "manifests" / "policies"
#: What a scenario installs together, and the policies that it stands for.
KEEP_FREEZE, HONEST_STATUS, GATE = "keep-freeze", "honest-status", "gate"


@cache
def manifests() -> tuple[dict[str, Any], ...]:
    """Every policy and binding, as kubectl would apply them."""
    built = [
        subprocess.run(["kubectl", "kustomize", str(one)], check=True, capture_output=True, text=True).stdout
        for one in (POLICIES, POLICIES / "gate")
    ]
    return tuple(one for text in built for one in yaml.safe_load_all(text))


def named(*groups: str) -> tuple[str, ...]:
    """The policies of these groups."""
    every = [one["metadata"]["name"] for one in manifests() if not one["kind"].endswith("Binding")]
    return tuple(name for name in every if any(name.startswith(f"inplace-{group}") for group in groups))


@contextmanager
def bound(kubeconfig: Path, namespace: str, *policies: str) -> Iterator[None]:
    """Bind policies to a namespace while the block runs; the policies themselves stay."""
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
    _kubectl(kubeconfig, "apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all([*chosen, *bindings]))
    try:
        yield
    finally:
        _kubectl(kubeconfig, "delete", "--ignore-not-found", "-f", "-", stdin=yaml.safe_dump_all(bindings))


def _kubectl(kubeconfig: Path, *arguments: str, stdin: str) -> None:
    subprocess.run(
        ["kubectl", "--kubeconfig", str(kubeconfig), *arguments],
        input=stdin,
        check=True,
        capture_output=True,
        text=True,
    )
