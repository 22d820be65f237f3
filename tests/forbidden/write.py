"""A write as a test sends it, and what the server says against it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from inplace.kube.client import Client, PatchType
from inplace.kube.errors import ApiError
from inplace.kube.resource import Resource

Tree = dict[str, Any]


class Write(Struct, frozen=True):
    """One write: a JSON patch of what is there, else the object to be created (`ops` empty), else a deletion.

    `stored`: not a dry run, because of a dry run something is allowed that may not be stored.
    """

    what: str
    resource: Resource
    name: str
    subresource: str = ""
    ops: tuple[Tree, ...] = ()
    body: Tree | None = None
    stored: bool = False

    def __str__(self) -> str:
        verb = "patch" if self.ops else "create" if self.body is not None else "delete"
        below = f"/{self.subresource}" if self.subresource else ""
        return f"{verb} {self.resource.plural}{below} {self.name}: {self.what}"


async def refused(client: Client, namespace: str, write: Write) -> str:
    """Send it; what the server says against it, empty if it would do it."""
    dry_run = not write.stored
    try:
        if write.ops:
            await client.patch(
                write.resource,
                write.name,
                namespace,
                list(write.ops),
                patch_type=PatchType.JSON,
                subresource=write.subresource,
                dry_run=dry_run,
                type=dict,
            )
        elif write.body is not None:
            await client.create(write.resource, namespace, write.body, dry_run=dry_run, type=dict)
        else:
            await client.delete(write.resource, write.name, namespace, dry_run=dry_run)
    except ApiError as error:
        return str(error)
    return ""


def put(what: str, resource: Resource, name: str, path: str, value: object, **more: Any) -> Write:
    """Something set, whether it is there or not."""
    return Write(what, resource, name, ops=({"op": "add", "path": path, "value": value},), **more)


def drop(what: str, resource: Resource, name: str, path: str, **more: Any) -> Write:
    """Something removed."""
    return Write(what, resource, name, ops=({"op": "remove", "path": path},), **more)


def pointer(key: str) -> str:
    """RFC 6901."""
    return key.replace("~", "~0").replace("/", "~1")
