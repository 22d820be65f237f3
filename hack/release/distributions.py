"""The wheel and the sdist, by the locked build backend: nothing is fetched, and the same tree gives the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hack.cluster.settings import ClusterError
from inplace import __version__

ROOT = Path(__file__).parents[2]
#: Every file's time, in seconds since 1970, unless SOURCE_DATE_EPOCH says another.
TIME = 1767225600
_NAME = f"kubectl_inplace-{__version__}"


def wheel(folder: Path, time: int = TIME, root: Path = ROOT) -> Path:
    """Built into `folder` from the project below `root`. Raises ClusterError."""
    return _build("wheel", f"{_NAME}-py3-none-any.whl", folder, time, root)


def sdist(folder: Path, time: int = TIME, root: Path = ROOT) -> Path:
    """Built into `folder` from the project below `root`. Raises ClusterError."""
    return _build("sdist", f"{_NAME}.tar.gz", folder, time, root)


def _build(target: str, name: str, folder: Path, time: int, root: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder.absolute())]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(time)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or not (folder / name).is_file():
        raise ClusterError(f"hatchling could not build {name}: {(done.stdout + done.stderr).strip()[-500:]}")
    return folder / name
