"""What kubectl sends for the commands of an owner, as far as a story uses them. Refuses as kubectl does.

Simplified: the last applied configuration is kept whole in its annotation, as kubectl's, and lists are not compared.
"""

from __future__ import annotations

import json
from typing import Any

from inplace.core.objects import names
from inplace.core.template import trees
from inplace.kube.client import PatchType
from inplace.kube.errors import Conflict, NotFound
from kubesim.api import kinds
from kubesim.controllers import revisions
from tests.campaign.ledger import Tree, annotation, is_owned, tag
from tests.campaign.stage import Stage
from tests.campaign.story import Intent
from tests.scenarios.manifests import workload

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
REVISION = "deployment.kubernetes.io/revision"
#: What the server says of a field that is ours.
CONFLICT = f'conflict with "{names.FIELD_MANAGER}"'
#: What `kubectl rollout undo` leaves of a Deployment's annotations (annotationsToSkip).
_KEPT = (
    LAST_APPLIED,
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
)
_ROLLING = {"type": "RollingUpdate"}
STRATEGIES: dict[str, dict[str, Tree]] = {
    "StatefulSet": {
        "one": {**_ROLLING, "rollingUpdate": {"partition": 0}},
        "canary": {**_ROLLING, "rollingUpdate": {"partition": 1}},
        "ondelete": {"type": "OnDelete"},
    },
    "DaemonSet": {
        "one": {**_ROLLING, "rollingUpdate": {"maxUnavailable": 1}},
        "two": {**_ROLLING, "rollingUpdate": {"maxUnavailable": 2}},
        "ondelete": {"type": "OnDelete"},
    },
    "Deployment": {
        "one": {**_ROLLING, "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        "two": {**_ROLLING, "rollingUpdate": {"maxUnavailable": 2, "maxSurge": 0}},
        "recreate": {"type": "Recreate"},
    },
    "ReplicaSet": {"one": {}},
}


class Refused(Exception):
    """kubectl, or the server, says no."""


def manifest(stage: Stage, intent: Intent) -> Tree:
    """The owner's file; with the strategy `default` it has none."""
    commit = intent.commit
    body = workload(
        stage.flavour,
        "web",
        stage.app(commit.tag),
        replicas=intent.replicas,
        gate=intent.gate,
        annotations=commit.settings,
        mode=intent.mode,
        strategy=STRATEGIES[intent.kind].get(commit.strategy) or None,
        pod_labels={"role": "replica", **({"tier": commit.label} if commit.label else {})},
        sidecar=stage.image("sidecar", commit.sidecar) if commit.sidecar else None,
    )
    body["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": commit.cpu}}
    if commit.whole:
        body["spec"]["template"]["spec"]["resources"] = {"requests": {"cpu": commit.whole}}
    if commit.env:
        body["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "LEVEL", "value": commit.env}]
    if stage.flavour.name == "DaemonSet":
        body = stage.placed(body)
    body["metadata"]["namespace"] = stage.namespace
    if commit.strategy == "default" and stage.flavour.strategy:
        del body["spec"][stage.flavour.strategy]
    return body


async def create(stage: Stage, body: Tree) -> None:
    """The owner's file reaches the server for the first time."""
    if stage.tool == "server-side-apply":
        await _apply_server_side(stage, body)
    else:
        first = _noted(body) if stage.tool == "apply" else body
        await stage.client.create(stage.flavour.resource, stage.namespace, first, type=dict)


async def write(stage: Stage, body: Tree) -> None:
    """The owner's file reaches the server again, by the owner's tool."""
    if stage.tool == "server-side-apply":
        await _apply_server_side(stage, body)
    elif stage.tool == "replace":
        await replace(stage, body)
    else:
        await _apply(stage, body)


async def _apply(stage: Stage, body: Tree) -> None:
    """`kubectl apply`: what the last configuration had and this one has not goes, everything else is merged."""
    live = await stage.raw()
    before = json.loads(annotation(live, LAST_APPLIED) or "{}")
    await stage.patch(_merged(_removed(before, body), _noted(body)))


async def _apply_server_side(stage: Stage, body: Tree) -> None:
    """`kubectl apply --server-side`; with `--force-conflicts` only against what the owner did by other commands."""
    where = (stage.flavour.resource, "web", stage.namespace)
    options: Any = {"patch_type": PatchType.APPLY, "type": dict, "field_manager": "kubectl"}
    try:
        await stage.client.patch(*where, body, **options)
    except Conflict as error:
        if CONFLICT in str(error):
            raise Refused(str(error)) from error
        await stage.client.patch(*where, body, **options, force=True)


async def replace(stage: Stage, body: Tree) -> None:
    """`kubectl replace`, as Argo CD with Replace=true does."""
    await stage.client.replace(stage.flavour.resource, "web", stage.namespace, body, type=dict)


async def patch(stage: Stage, body: Tree) -> None:
    """`kubectl patch --type strategic`."""
    await stage.patch(body)


async def metadata(stage: Stage, field: str, key: str, value: str | None) -> None:
    """`kubectl label` or `kubectl annotate`, of the workload."""
    await stage.patch({"metadata": {field: {key: value}}})


async def patch_pod(stage: Stage, name: str, body: Tree, *, subresource: str = "") -> None:
    """Change a Pod by hand."""
    await stage.client.patch(
        kinds.PODS.resource,
        name,
        stage.namespace,
        body,
        patch_type=PatchType.STRATEGIC,
        subresource=subresource,
        type=dict,
        field_manager="hand",
    )


async def pause(stage: Stage, paused: bool) -> None:
    """`kubectl rollout pause` and `resume`."""
    now = bool((await stage.raw())["spec"].get("paused"))
    if now is paused:
        raise Refused("deployment/web is already paused" if paused else "deployment/web is not paused")
    await stage.patch({"spec": {"paused": paused or None}})


def history(stage: Stage) -> list[Tree]:
    """The templates that can be gone back to, oldest first: without the present one."""
    live = stage.workload_tree()
    if live is None or stage.flavour.name == "ReplicaSet":
        return []
    uid = live["metadata"]["uid"]
    if stage.flavour.name == "Deployment":
        sets = [one for one in stage.ledger.objects(kinds.REPLICASETS) if is_owned(one, uid)]
        sets.sort(key=lambda one: int(annotation(one, REVISION) or 0))
        found = [trees.bare(one["spec"]["template"]) for one in sets]
    else:
        kept = [one for one in stage.ledger.objects(kinds.REVISIONS) if is_owned(one, uid)]
        found = [revisions.template_of(one) for one in revisions.in_order(kept)]
    return [one for one in found if one != live["spec"]["template"]]


async def undo(stage: Stage, to: str = "") -> None:
    """`kubectl rollout undo`, to the newest revision with a tag; without one to the one before the present.

    Of a Deployment the annotations change as well (DeploymentRollbacker); our settings are the owner's in both runs.
    """
    live = await stage.raw()
    if live["spec"].get("paused"):
        raise Refused("you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume'")
    found = [one for one in history(stage) if not to or tag(one) == to]
    if not found:
        raise Refused("no rollout history found" if not to else "unable to find specified revision in history")
    body: list[Tree] = [{"op": "replace", "path": "/spec/template", "value": found[-1]}]
    if stage.flavour.name == "Deployment":
        body.append({"op": "replace", "path": "/metadata/annotations", "value": _restored(stage, live, found[-1])})
    where = (stage.flavour.resource, "web", stage.namespace)
    await stage.client.patch(*where, body, patch_type=PatchType.JSON, type=dict, field_manager="user")


def _restored(stage: Stage, live: Tree, template: Tree) -> Tree:
    """A Deployment's annotations after an undo; without us nobody puts the settings back, so it is done here."""
    sets = [one for one in stage.ledger.objects(kinds.REPLICASETS) if is_owned(one, live["metadata"]["uid"])]
    old = next(one for one in sets if trees.bare(one["spec"]["template"]) == template)
    now = live["metadata"].get("annotations") or {}
    kept = {key: text for key, text in now.items() if key in _KEPT or (not stage.ours and key.startswith(names.PREFIX))}
    taken = {
        key: text
        for key, text in (old["metadata"].get("annotations") or {}).items()
        if key not in _KEPT and (stage.ours or not key.startswith(names.PREFIX))
    }
    return {**taken, **kept}


async def delete_with_orphans(stage: Stage) -> None:
    """`kubectl delete --cascade=orphan`: the finalizer `orphan` lets go of what it owned first."""
    where = (stage.flavour.resource, "web", stage.namespace)
    body: Tree = {"metadata": {"finalizers": ["orphan"]}}
    made = await stage.client.patch(*where, body, patch_type=PatchType.MERGE, type=dict)
    await stage.client.delete(*where)
    for kind in (kinds.PODS, kinds.REPLICASETS, kinds.REVISIONS):
        for one in stage.ledger.objects(kind):
            if is_owned(one, made["metadata"]["uid"]):
                free = [each for each in one["metadata"]["ownerReferences"] if each["uid"] != made["metadata"]["uid"]]
                alone: Tree = {"metadata": {"ownerReferences": free or None}}
                place = (kind.resource, one["metadata"]["name"], stage.namespace)
                await stage.client.patch(*place, alone, patch_type=PatchType.MERGE, type=dict)
    await stage.client.patch(*where, {"metadata": {"finalizers": None}}, patch_type=PatchType.MERGE, type=dict)


async def delete(stage: Stage, kind: kinds.Kind, name: str) -> None:
    """`kubectl delete`."""
    try:
        await stage.client.delete(kind.resource, name, stage.namespace)
    except NotFound as error:
        raise Refused(str(error)) from error


def _noted(body: Tree) -> Tree:
    own = {**body["metadata"].get("annotations", {}), LAST_APPLIED: json.dumps(body, sort_keys=True)}
    return {**body, "metadata": {**body["metadata"], "annotations": own}}


def _removed(before: Any, now: Any) -> Tree:
    """A patch that removes what only the last configuration has."""
    found: Tree = {}
    for key, value in before.items():
        if key not in now:
            found[key] = None
        elif isinstance(value, dict) and isinstance(now[key], dict):
            below = _removed(value, now[key])
            found |= {key: below} if below else {}
        elif isinstance(value, list) and isinstance(now[key], list) and key == "containers":
            pairs = zip(value, now[key], strict=True)
            below_each = [{"name": new["name"], **_removed(old, new)} for old, new in pairs]
            found |= {key: below_each} if any(len(one) > 1 for one in below_each) else {}
    return found


def _merged(removed: Tree, body: Tree) -> Tree:
    """A patch with what goes and what comes."""
    made = dict(body)
    for key, value in removed.items():
        if isinstance(value, dict) and isinstance(made.get(key), dict):
            made[key] = _merged(value, made[key])
        elif isinstance(value, list) and isinstance(made.get(key), list):
            made[key] = [_merged(gone, new) for gone, new in zip(value, made[key], strict=True)]
        else:
            made[key] = value
    return made
