"""The image from its halves: its layers, the configuration, and what names and explains it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from hack.cluster.settings import cache_root
from hack.image import debian, oci, tree, wait_ready, wheels
from hack.release.distributions import TIME
from inplace import __version__

#: What decides on the bytes of the layers below ours.
_DECIDES = [Path(str(module.__file__)) for module in (debian, oci, tree, wheels)] + [debian.LOCK, wheels.LOCK]


def build(time: int = TIME) -> oci.Image:
    """The image, from the lock files and the tree as it is. Raises ClusterError."""
    root, layers = _foundation(time)
    ours = wheels.ours(time)
    wheels.compiled(ours, root)
    own = [oci.Layer.of("inplace", ours.layer(time))]
    if any((tools := wait_ready.tree()).paths()):
        own.insert(0, oci.Layer.of("wait-ready", tools.layer(time)))
    return oci.image([*layers, *own], _configuration(time), time)


def _foundation(time: int) -> tuple[Path, list[oci.Layer]]:
    """The image's Python as a folder, and the layers below ours; kept until a lock file or this code changes."""
    content = hashlib.sha256(str(time).encode())
    for source in _DECIDES:
        content.update(source.read_bytes())
    place = cache_root() / f"image-{content.hexdigest()[:8]}"
    if place.is_dir():
        return place / "root", [oci.Layer(*msgspec.msgpack.decode(path.read_bytes())) for path in _kept(place)]
    base, exact = debian.tree(cache_root() / "debian")
    dependencies = wheels.dependencies(time)
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".image-", dir=place.parent))
    # What is not the locked is made anew, and said, each time.
    place = place if exact else place.with_name("image-newest")
    try:
        base.place(draft / "root")
        for half in (base, dependencies):
            wheels.compiled(half, draft / "root")
        layers = [
            oci.Layer.of("Debian: Python and what it needs", base.layer(time)),
            oci.Layer.of("dependencies", dependencies.layer(time)),
        ]
        for path, layer in zip(_kept(draft), layers, strict=True):
            path.write_bytes(msgspec.msgpack.encode(tuple(layer)))
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place / "root", layers


def _kept(place: Path) -> list[Path]:
    return [place / "base.layer", place / "dependencies.layer"]


def _configuration(time: int) -> dict[str, Any]:
    environment = {
        "PATH": "/opt/inplace/bin:/usr/bin",
        "PYTHONPATH": f"/{wheels.SITE}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
        "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
    }
    return {
        "User": "65532:65532",
        "Env": [f"{key}={value}" for key, value in environment.items()],
        "Entrypoint": ["/opt/inplace/bin/inplace"],
        "Cmd": ["run", "--listen", "0.0.0.0:8080"],
        "ExposedPorts": {"8080/tcp": {}},
        "WorkingDir": "/",
        "Labels": {f"org.opencontainers.image.{key}": value for key, value in labels(time).items()},
    }


def labels(time: int) -> dict[str, str]:
    """What the image says of itself. Where the source is published is known to whoever publishes it: SOURCE_URL."""
    found = {
        "title": "inplace",
        "description": "Upgrades the Pods of stock Kubernetes workloads in place",
        "version": __version__,
        "licenses": "Apache-2.0",
        "created": oci.timestamp(time),
    }
    if revision := os.environ.get("SOURCE_REVISION") or _revision():
        found["revision"] = revision
    if url := os.environ.get("SOURCE_URL", "").rstrip("/"):
        found |= {"source": url, "url": url, "documentation": f"{url}#readme"}
    return found


def _revision() -> str:
    """The commit of the checkout, marked if something in it has changed since; empty outside of one, and said."""
    command = ["git", "-C", str(wheels.ROOT), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        print("WARNING: no git checkout, so the image does not name its revision: SOURCE_REVISION", file=sys.stderr)
        return ""
    return done.stdout.strip()
