"""Layers -> an image as the OCI writes it down, in a folder (an OCI layout) that skopeo, podman and others read.

What belongs to an image without being in it, such as its bill of materials, is an artifact that names the image as its
subject: a referrer. Registries that know referrers list them; for the others an index of them has the image's digest as
its tag, as the specification of distribution says.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
#: The configuration of what needs none.
_EMPTY, _NOTHING = "application/vnd.oci.empty.v1+json", b"{}"
_WHITEOUT = ".wh."
_NAME = "org.opencontainers.image.ref.name"


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
    """Everything that a registry is given: the manifest, and the blobs that it names, the configuration last."""

    manifest: bytes
    blobs: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        """The image's digest."""
        return digest(self.manifest)

    @property
    def kind(self) -> str:
        """The media type of the manifest."""
        kind: str = json.loads(self.manifest)["mediaType"]
        return kind

    @property
    def size(self) -> int:
        """Bytes to pull."""
        return sum(map(len, self.blobs))

    @property
    def configuration(self) -> dict[str, Any]:
        """User, entry point, labels and so on."""
        found: dict[str, Any] = json.loads(self.blobs[-1])["config"]
        return found

    def files(self) -> dict[str, File]:
        """What a container of it sees, by path, without folders."""
        found: dict[str, File] = {}
        for packed in self.blobs[:-1]:
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                for member in archive:
                    path = PurePosixPath(member.name)
                    if path.name.startswith(_WHITEOUT):
                        gone = str(path.with_name(path.name.removeprefix(_WHITEOUT)))
                        found = {
                            one: file for one, file in found.items() if not PurePosixPath(one).is_relative_to(gone)
                        }
                    elif member.issym():
                        found[str(path)] = File(link=member.linkname)
                    elif member.islnk():
                        found[str(path)] = found[str(PurePosixPath(member.linkname))]
                    elif source := archive.extractfile(member):
                        found[str(path)] = File(source.read())
        return found


class File(NamedTuple):
    """A file's content, or a link's target."""

    content: bytes = b""
    link: str = ""


def image(layers: Sequence[Layer], configuration: Mapping[str, Any], time: int) -> Image:
    """`configuration`: user, entry point and so on, its labels being the image's annotations too; `time` in seconds
    since 1970.
    """
    created = timestamp(time)
    config = encoded(
        {
            "created": created,
            "architecture": "amd64",
            "os": "linux",
            "config": configuration,
            "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in layers]},
            "history": [{"created": created, "created_by": one.by} for one in layers],
        }
    )
    manifest = encoded(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _described(_CONFIG, config),
            "layers": [_described(_LAYER, one.packed) for one in layers],
            "annotations": configuration.get("Labels", {}),
        }
    )
    return Image(manifest, (*(one.packed for one in layers), config))


def referrer(subject: Image, kind: str, content: bytes, annotations: Mapping[str, str]) -> Image:
    """An artifact of this media type that belongs to an image."""
    manifest = encoded(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": _described(_EMPTY, _NOTHING),
            "layers": [_described(kind, content)],
            "subject": _described(subject.kind, subject.manifest),
            "annotations": annotations,
        }
    )
    return Image(manifest, (content, _NOTHING))


def referrers_tag(of: str) -> str:
    """The tag below which a registry that does not know referrers has those of the image of this digest."""
    return of.replace(":", "-")


def write(made: Image, folder: Path, tag: str, referrers: Sequence[Image] = ()) -> None:
    """The layout; what was there before is replaced."""
    index = encoded({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [_listed(one) for one in referrers]})
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for old in blobs.iterdir():
        old.unlink()
    for one in (made, *referrers):
        for blob in (*one.blobs, one.manifest):
            _blob(folder, digest(blob)).write_bytes(blob)
    named = [{**_described(MANIFEST, made.manifest), "annotations": {_NAME: tag}}]
    if referrers:
        _blob(folder, digest(index)).write_bytes(index)
        named.append({**_described(_INDEX, index), "annotations": {_NAME: referrers_tag(made.digest)}})
    (folder / "index.json").write_bytes(encoded({"schemaVersion": 2, "mediaType": _INDEX, "manifests": named}))
    (folder / "oci-layout").write_bytes(encoded({"imageLayoutVersion": "1.0.0"}))


def read(folder: Path) -> Image:
    """The image of a layout, the first if there are several. Raises FileNotFoundError."""
    return _read(folder, _named(folder)[0]["digest"])


def referrers(folder: Path) -> list[Image]:
    """What the indexes of a layout list."""
    indexes = [
        json.loads(_blob(folder, one["digest"]).read_bytes()) for one in _named(folder) if one["mediaType"] == _INDEX
    ]
    return [_read(folder, one["digest"]) for index in indexes for one in index["manifests"]]


def _named(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "index.json").read_bytes())["manifests"]
    return found


def _read(folder: Path, name: str) -> Image:
    manifest = _blob(folder, name).read_bytes()
    named = json.loads(manifest)
    return Image(
        manifest, tuple(_blob(folder, one["digest"]).read_bytes() for one in (*named["layers"], named["config"]))
    )


def timestamp(time: int) -> str:
    """As the OCI writes it; `time` in seconds since 1970."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest(content: bytes) -> str:
    """As the OCI writes it."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def encoded(content: object) -> bytes:
    """JSON, the same for the same content."""
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def _blob(folder: Path, name: str) -> Path:
    return folder / "blobs/sha256" / name.removeprefix("sha256:")


def _listed(one: Image) -> dict[str, Any]:
    manifest = json.loads(one.manifest)
    shown = {key: manifest[key] for key in ("artifactType", "annotations") if key in manifest}
    return {**_described(one.kind, one.manifest), **shown}


def _described(kind: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(content), "size": len(content)}
