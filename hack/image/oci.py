"""Layers -> an image as the OCI writes it down, in a folder (an OCI layout) that skopeo, podman and others read."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class Layer(NamedTuple):
    """What made it, its bytes as they travel, and the digest of its tar."""

    by: str
    packed: bytes
    diff_id: str

    @classmethod
    def of(cls, by: str, tar: bytes) -> Layer:
        """A layer of this tar."""
        return cls(by, gzip.compress(tar, 9, mtime=0), digest(tar))


class Image(NamedTuple):
    """Everything that a registry is given: the blobs, and the manifest that names them."""

    manifest: bytes
    blobs: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        """The image's digest."""
        return digest(self.manifest)

    @property
    def size(self) -> int:
        """Bytes to pull."""
        return sum(map(len, self.blobs))


def image(layers: Sequence[Layer], configuration: Mapping[str, Any], time: int) -> Image:
    """`configuration`: user, entry point and so on; `time` in seconds since 1970."""
    created = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = _json(
        {
            "created": created,
            "architecture": "amd64",
            "os": "linux",
            "config": configuration,
            "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in layers]},
            "history": [{"created": created, "created_by": one.by} for one in layers],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _described(_CONFIG, config),
            "layers": [_described(_LAYER, one.packed) for one in layers],
        }
    )
    return Image(manifest, (*(one.packed for one in layers), config))


def write(made: Image, folder: Path, tag: str) -> None:
    """The layout; what was there before is replaced."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for old in blobs.iterdir():
        old.unlink()
    for blob in (*made.blobs, made.manifest):
        (blobs / digest(blob).removeprefix("sha256:")).write_bytes(blob)
    named = {**_described(MANIFEST, made.manifest), "annotations": {"org.opencontainers.image.ref.name": tag}}
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [named]}))
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))


def read(folder: Path) -> Image:
    """The image of a layout. Raises FileNotFoundError."""

    def blob(described: dict[str, str]) -> bytes:
        return (folder / "blobs/sha256" / described["digest"].removeprefix("sha256:")).read_bytes()

    manifest = blob(json.loads((folder / "index.json").read_bytes())["manifests"][0])
    named = json.loads(manifest)
    return Image(manifest, (*(blob(one) for one in named["layers"]), blob(named["config"])))


def digest(content: bytes) -> str:
    """As the OCI writes it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _described(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(content), "size": len(content)}


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
