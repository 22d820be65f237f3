"""Images of other releases of the controller, in the cluster's registry."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hack.cluster import api, registry
from hack.image import oci
from hack.image.build import build
from tests.scenarios.real import ROOT

#: The oldest release whose state, image and manifests are read: the first that builds its image by itself.
OLDER = "4f2ac87"
_VERSION = "org.opencontainers.image.version"


@functools.cache
def next_release(cluster: api.Cluster) -> str:
    """This checkout under another version: other bytes, another digest, the same code."""
    with _alone(cluster):
        return _push(cluster, _renamed(build(), "0.0.0-next"))


@functools.cache
def older_release(cluster: api.Cluster) -> str:
    """The image of `OLDER`, by its own builder."""
    with _alone(cluster):
        folder = older()
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        subprocess.run([sys.executable, "-m", "hack.image", "build"], cwd=folder, env=environment, check=True)
        return _push(cluster, oci.read(folder / "build/image"))


@functools.cache
def older() -> Path:
    """The tree of `OLDER`, in the build folder; skips in a clone without its history."""
    known = subprocess.run(["git", "cat-file", "-e", f"{OLDER}^{{commit}}"], cwd=ROOT, capture_output=True, check=False)
    if known.returncode:
        pytest.skip(f"the commit {OLDER} is not in this clone: fetch its history")
    folder = ROOT / "build/releases" / OLDER
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent))
        archive = subprocess.run(["git", "archive", OLDER], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x"], cwd=draft, input=archive.stdout, check=True)
        draft.rename(folder)
    return folder


def _renamed(made: oci.Image, version: str) -> oci.Image:
    """The same layers under another version's label."""
    *layers, packed = made.blobs
    config, manifest = json.loads(packed), json.loads(made.manifest)
    config["config"]["Labels"][_VERSION] = version
    own = json.dumps(config, separators=(",", ":"), sort_keys=True).encode()
    manifest["config"] |= {"digest": oci.digest(own), "size": len(own)}
    return oci.Image(json.dumps(manifest, separators=(",", ":"), sort_keys=True).encode(), (*layers, own))


def _push(cluster: api.Cluster, made: oci.Image) -> str:
    tag = made.digest.removeprefix("sha256:")[:12]
    return registry.push(cluster.registry, "inplace", tag, made)


@contextmanager
def _alone(cluster: api.Cluster) -> Iterator[None]:
    """The builders of several tests write the same files (tests/scenarios/in_cluster.py)."""
    with (cluster.state / "image.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
