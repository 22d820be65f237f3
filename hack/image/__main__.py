"""`python -m hack.image build | push HOST/NAME:TAG | lock`."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from hack.cluster import registry
from hack.cluster.settings import ClusterError, cache_root
from hack.image import debian, oci, wheels
from inplace import __version__

LAYOUT = wheels.ROOT / "build/image"
#: Every file's time, in seconds since 1970, unless SOURCE_DATE_EPOCH says another.
TIME = 1767225600


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m hack.image", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help=f"write the image to {LAYOUT.relative_to(wheels.ROOT)}, an OCI layout")
    push = commands.add_parser("push", help="push it, with skopeo and its credentials; to loopback over plain HTTP")
    push.add_argument("reference", metavar="HOST/NAME:TAG")
    commands.add_parser("lock", help="write the newest versions and their hashes to the lock files")
    options = parser.parse_args()
    try:
        {"build": _build, "push": _push, "lock": _lock}[options.command](options)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build(time: int = TIME) -> oci.Image:
    """The image, from the lock files and the tree as it is. Raises ClusterError."""
    root, layers = _foundation(time)
    ours = wheels.ours()
    wheels.compiled(ours, root)
    return oci.image([*layers, oci.Layer.of("inplace", ours.layer(time))], _configuration(), time)


def _foundation(time: int) -> tuple[Path, list[oci.Layer]]:
    """The image's Python as a folder, and the layers below ours; kept until a lock file or this code changes."""
    content = hashlib.sha256(str(time).encode())
    for source in sorted(Path(__file__).parent.iterdir()):
        if source.suffix in {".py", ".lock"}:
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
        for tree in (base, dependencies):
            wheels.compiled(tree, draft / "root")
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


def _configuration() -> dict[str, Any]:
    labels = {
        "title": "inplace",
        "description": "Upgrades the Pods of stock Kubernetes workloads in place",
        "version": __version__,
        "licenses": "Apache-2.0",
    }
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
        "Labels": {f"org.opencontainers.image.{key}": value for key, value in labels.items()},
    }


def _build(_: argparse.Namespace) -> None:
    made = build(int(os.environ.get("SOURCE_DATE_EPOCH", TIME)))
    oci.write(made, LAYOUT, __version__)
    print(f"{LAYOUT.relative_to(wheels.ROOT)}: {made.size / 1e6:.1f} MB, {made.digest}")


def _push(options: argparse.Namespace) -> None:
    if not (LAYOUT / "index.json").is_file():
        raise ClusterError("there is no image yet: make image")
    host, _, place = options.reference.partition("/")
    if host.partition(":")[0] in {"127.0.0.1", "localhost"}:
        name, _, tag = place.rpartition(":")
        made = build(int(os.environ.get("SOURCE_DATE_EPOCH", TIME)))
        print(f"pushed {registry.push(host, name, tag, made.manifest, made.blobs, oci.MANIFEST)}")
        return
    program = shutil.which("skopeo")
    if program is None:
        raise ClusterError("skopeo pushes images, and is not here: install the package skopeo")
    command = [program, "copy", f"oci:{LAYOUT}:{__version__}", f"docker://{options.reference}"]
    if subprocess.run(command, check=False).returncode:
        raise ClusterError(f"skopeo could not push to {options.reference}")


def _lock(_: argparse.Namespace) -> None:
    for module in (debian, wheels):
        text = module.lock()
        Path(module.LOCK).write_text(text)


if __name__ == "__main__":
    sys.exit(main())
