"""Pushing images to a registry, over plain HTTP.

Knows the registry's API, version 2. Plain HTTP is what registries on loopback speak, ours and kind's.
"""

from __future__ import annotations

import http.client
from contextlib import closing
from urllib.parse import urlsplit

from hack.cluster.images import CATALOGUE, MANIFEST_TYPE, digest, image
from hack.cluster.settings import ClusterError
from hack.image import oci


def push_all(registry: str) -> None:
    """Every image; `registry` is HOST:PORT, or HOST:PORT/prefix."""
    host, _, prefix = registry.rstrip("/").partition("/")
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        for repository, tags in CATALOGUE.items():
            for tag in tags:
                made, path = image(repository, tag), f"{prefix}/{repository}" if prefix else repository
                _push(connection, path, tag, made)
    except OSError as problem:
        raise ClusterError(f"cannot push images to {registry}: {problem}") from problem
    finally:
        connection.close()


def push(registry: str, repository: str, tag: str, made: oci.Image) -> str:
    """One image, and its reference. Raises ClusterError."""
    host, _, prefix = registry.rstrip("/").partition("/")
    with closing(http.client.HTTPConnection(host, timeout=30)) as connection:
        try:
            path = f"{prefix}/{repository}" if prefix else repository
            _push(connection, path, tag, made)
        except OSError as problem:
            raise ClusterError(f"cannot push {repository}:{tag} to {registry}: {problem}") from problem
    return f"{registry}/{repository}:{tag}"


def answers(registry: str) -> bool:
    """Something that speaks the API is there."""
    connection = http.client.HTTPConnection(registry.partition("/")[0], timeout=2)
    try:
        return _ask(connection, "GET", "/v2/")[0] in {200, 401}
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def lacks(registry: str) -> list[str]:
    """The references of the test images that the registry does not have, or has otherwise."""
    host, _, prefix = registry.rstrip("/").partition("/")
    connection = http.client.HTTPConnection(host, timeout=30)
    absent = []
    try:
        for repository, tags in CATALOGUE.items():
            for tag in tags:
                path = f"{prefix}/{repository}" if prefix else repository
                headers = _ask(connection, "HEAD", f"/v2/{path}/manifests/{tag}", accept=MANIFEST_TYPE)[1]
                if headers.get("docker-content-digest") != digest(repository, tag):
                    absent.append(f"{registry}/{repository}:{tag}")
    finally:
        connection.close()
    return absent


def _push(connection: http.client.HTTPConnection, repository: str, tag: str, made: oci.Image) -> None:
    for blob in made.blobs:
        _push_blob(connection, repository, blob)
    status, _ = _ask(connection, "PUT", f"/v2/{repository}/manifests/{tag}", made.manifest, made.kind)
    if status != 201:
        raise ClusterError(f"the registry refused {repository}:{tag} with {status}")


def _push_blob(connection: http.client.HTTPConnection, repository: str, blob: bytes) -> None:
    name = oci.digest(blob)
    if _ask(connection, "HEAD", f"/v2/{repository}/blobs/{name}")[0] == 200:
        return
    status, headers = _ask(connection, "POST", f"/v2/{repository}/blobs/uploads/", b"")
    if status != 202:
        raise ClusterError(f"the registry refused an upload to {repository} with {status}")
    place = urlsplit(headers["location"])
    target = f"{place.path}?{place.query}&digest={name}" if place.query else f"{place.path}?digest={name}"
    status, _ = _ask(connection, "PUT", target, blob, "application/octet-stream")
    if status != 201:
        raise ClusterError(f"the registry refused a blob of {repository} with {status}")


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    kind: str = "application/octet-stream",
    accept: str = "*/*",
) -> tuple[int, dict[str, str]]:
    headers = {"Accept": accept, **({"Content-Type": kind} if body is not None else {})}
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}
