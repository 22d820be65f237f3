"""What a server is and serves."""

from __future__ import annotations

from msgspec import Struct

from inplace.kube.client import Client
from inplace.kube.errors import NotFound


class ServerVersion(Struct, frozen=True, rename="camel"):
    """`/version`."""

    major: str = ""
    minor: str = ""
    git_version: str = ""


class _Named(Struct, frozen=True):
    name: str = ""


class _Served(Struct, frozen=True):
    """APIResourceList."""

    resources: tuple[_Named, ...] | None = None


async def version(client: Client) -> ServerVersion:
    """The version of the server."""
    return await client.read("/version", type=ServerVersion)


async def served(client: Client, api_version: str) -> frozenset[str]:
    """The resources and subresources of a group in a version (`apps/v1`, or `v1`); none if there is no such group."""
    try:
        found = await client.read(f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}", type=_Served)
    except NotFound:
        return frozenset()
    return frozenset(one.name for one in found.resources or ())
