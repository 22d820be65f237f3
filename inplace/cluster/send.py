"""An action of the core, sent: the only way from `core.actions` to the API server, for everybody."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec

from inplace.cluster.tries import words
from inplace.core import kinds
from inplace.core.actions import patches
from inplace.core.actions.actions import DryRunPatch
from inplace.core.actions.patches import PDB, Creation, Patch, Removal, Request
from inplace.core.objects.model import Meta, Pod
from inplace.core.objects.reasons import Reason
from inplace.core.rollout import dry_runs
from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.kube.errors import AlreadyExists, Denied, Rejected
from inplace.kube.resource import Resource

T = TypeVar("T")


class Written(msgspec.Struct, rename="camel"):
    """The only part of an answer that is used: what a cache has to catch up with."""

    metadata: Meta


async def send(client: Client, request: Request, *, timeout: float | None = None, dry_run: bool = False) -> str:
    """Send it; returns the version that the object has now, empty if there is none to wait for.

    Raises what the client raises; that a pull Pod exists already is no failure, for its name says what it pulls.
    """
    where = resource_of(request)
    match request:
        case Creation(namespace=namespace, body=body):
            try:
                await client.create(where, namespace, body, type=Written, timeout=timeout, dry_run=dry_run)
            except AlreadyExists:
                if request.kind:
                    raise
            return ""
        case Removal(namespace=namespace, name=name, uid=uid):
            await client.delete(where, name, namespace, uid=uid, timeout=timeout, dry_run=dry_run)
            return ""
        case Patch():
            written = await _patch(client, request, Written, timeout=timeout, dry_run=dry_run)
            return written.metadata.resource_version


async def try_out(client: Client, request: Request, type: type[T], *, timeout: float | None = None) -> T:
    """What the server would make of a patch: a dry run, nothing is stored. Raises what the client raises."""
    assert isinstance(request, Patch)
    return await _patch(client, request, type, timeout=timeout, dry_run=True)


async def ask(client: Client, action: DryRunPatch, now: datetime, *, timeout: float | None = None) -> Reason | None:
    """Why the API server would not store this patch as it is; None if it would.

    Raises what the client raises if that is no answer: a lost race, a denial by RBAC, a server that is away.
    """
    try:
        stored = await try_out(client, patches.build(action, now), Pod, timeout=timeout)
    except Denied:
        raise
    except Rejected as error:
        if action.sizes:
            return dry_runs.resize_refusal(action.pod.name, action.sizes, words(error))
        return dry_runs.refusal(action.pod.name, action.images, words(error))
    return dry_runs.rewritten(stored, action.images) or dry_runs.unheeded(stored, action.sizes)


async def _patch(client: Client, request: Patch, type: type[T], *, timeout: float | None, dry_run: bool) -> T:
    return await client.patch(
        resource_of(request),
        request.name,
        request.namespace,
        list(request.ops),
        patch_type=PatchType.JSON,
        subresource=request.subresource,
        type=type,
        timeout=timeout,
        dry_run=dry_run,
    )


def resource_of(request: Request) -> Resource:
    """What the request is about."""
    if not request.kind:
        return resources.PODS
    if request.kind == PDB:
        return resources.PODDISRUPTIONBUDGETS
    kind = kinds.BY_NAME[request.kind]
    return resources.find(kind.group, kind.plural)
