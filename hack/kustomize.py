"""What `kubectl kustomize` makes of an overlay upon the manifests of this checkout."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from hack.cluster.settings import ClusterError

ROOT: Final = Path(__file__).parents[1]


def rendered(overlay: Mapping[str, Any]) -> str:
    """The objects, as YAML. Paths in it start with `../../`: the overlay is two folders below the root.

    Raises ClusterError.
    """
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(dict(overlay)))
        try:
            done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise ClusterError("the manifests are made by kubectl kustomize, and there is no kubectl here") from error
    if done.returncode:
        raise ClusterError(f"kubectl kustomize failed: {done.stderr.strip()[-500:]}")
    return done.stdout
