"""`kubectl apply -f install.yaml`: the manifests as one file, for the image of the release."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

from hack.cluster.settings import ClusterError
from hack.release.distributions import ROOT

_REFERENCE = re.compile(r"(?P<name>[^@\s]+?)(?:@(?P<digest>sha256:[0-9a-f]{64})|:(?P<tag>[\w][\w.-]{0,127}))")


def install(image: str) -> str:
    """What `kubectl apply -k manifests` sends, with this image: NAME:TAG or NAME@DIGEST. Raises ClusterError."""
    found = _REFERENCE.fullmatch(image)
    if found is None:
        raise ClusterError(f"--image {image!r} is no image: give NAME:TAG or NAME@sha256:DIGEST")
    program = shutil.which("kubectl")
    if program is None:
        raise ClusterError("install.yaml is made by kubectl kustomize, and there is no kubectl here")
    named = {"name": "inplace", "newName": found["name"]}
    named |= {"digest": found["digest"]} if found["digest"] else {"newTag": found["tag"]}
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        overlay = {"resources": ["../../manifests"], "images": [named]}
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        done = subprocess.run([program, "kustomize", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"kubectl kustomize failed: {done.stderr.strip()[-500:]}")
    return done.stdout
