"""Images of other releases of the controller, in the cluster's registry."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hack.cluster import api
from hack.image import oci
from hack.image.build import build
from tests.scenarios.in_cluster import building, pushed
from tests.scenarios.real import ROOT

#: The oldest release whose state, image and manifests are read: the first that builds its image by itself.
OLDER = "4f2ac87"
_VERSION = "org.opencontainers.image.version"


@functools.cache
def next_release(cluster: api.Cluster) -> str:
    """This checkout under another version: other bytes, another digest, the same code."""
    with building(cluster):
        return pushed(cluster, _renamed(build(), "0.0.0-next"))


@functools.cache
def older_release(cluster: api.Cluster) -> str:
    """The image of `OLDER`, by its own builder."""
    with building(cluster):
        folder = older()
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        subprocess.run([sys.executable, "-m", "hack.image", "build"], cwd=folder, env=environment, check=True)
        return pushed(cluster, oci.read(folder / "build/image"))


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
    own = oci.encoded(config)
    manifest["config"] |= {"digest": oci.digest(own), "size": len(own)}
    return oci.Image(oci.encoded(manifest), (*layers, own))
