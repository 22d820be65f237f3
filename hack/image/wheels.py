"""The other half: the dependencies by the hashes of their wheels, and inplace itself; with bytecode, written by the
image's own Python, for nothing can be written later.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hack.cluster.settings import ClusterError
from hack.image.tree import Tree

ROOT = Path(__file__).parents[2]
LOCK = Path(__file__).with_name("requirements.lock")
SITE = "opt/inplace/lib/python3.11/site-packages"
_TARGET = ("--python-version", "3.11", "--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64")
#: Of kubernetes_asyncio the credentials are used, and nothing else of it (inplace.kube.loaders).
_UNUSED = ("client/models", "client/api", "dynamic", "stream", "watch", "leaderelection", "utils")
_LOADER = "lib64/ld-linux-x86-64.so.2"
_LIBRARIES = "usr/lib/x86_64-linux-gnu"


def lock() -> str:
    """The text of a new `requirements.lock`: what the image runs with, at the versions that make test runs with."""
    report = _pip("install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-", *_TARGET, *_ONLY, str(ROOT))
    lines = ["# The wheels of the image, with their hashes; refresh with: make lock"]
    for one in json.loads(report)["install"]:
        if "dir_info" in one["download_info"]:
            continue
        name, version = one["metadata"]["name"], one["metadata"]["version"]
        lines.append(f"{name}=={version} --hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}")
    return "\n".join([lines[0], *sorted(lines[1:], key=str.lower)]) + "\n"


_ONLY = ("--only-binary", ":all:", "--target", "unused", "--constraint", str(ROOT / "constraints.txt"))


def dependencies(time: int) -> Tree:
    """The wheels of the lock."""
    made = Tree()
    with tempfile.TemporaryDirectory() as folder:
        options = ("--require-hashes", "--no-deps", "--no-compile", "--only-binary", ":all:", *_TARGET)
        _pip("install", "--quiet", *options, "--target", folder, "--requirement", str(LOCK), time=time)
        site = Path(folder)
        shutil.rmtree(site / "bin", ignore_errors=True)
        for name in _UNUSED:
            shutil.rmtree(site / "kubernetes_asyncio" / name, ignore_errors=True)
        made.take(site, SITE)
    return made


def ours() -> Tree:
    """inplace without the models of a cluster, which only tests and the demo use."""
    made = Tree()
    for path in sorted((ROOT / "inplace").rglob("*")):
        if path.suffix == ".py" or path.name == "py.typed":
            made.write(f"{SITE}/{path.relative_to(ROOT)}", path.read_bytes())
    made.write("opt/inplace/LICENSE", (ROOT / "LICENSE").read_bytes())
    made.write(
        "opt/inplace/bin/inplace", "#!/usr/bin/python3.11 -P\nfrom inplace.cli.app import main\n\nmain()\n", 0o755
    )
    return made


def compiled(tree: Tree, root: Path) -> None:
    """Add the bytecode to a tree; `root`: a folder with the image's Python, which writes it."""
    with tempfile.TemporaryDirectory() as folder:
        tree.place(Path(folder))
        program = [str(root / _LOADER), "--library-path", str(root / _LIBRARIES), str(root / "usr/bin/python3.11")]
        options = ["-S", "-m", "compileall", "-q", "-s", folder, "-p", "/", "--invalidation-mode", "unchecked-hash"]
        environment = {"PYTHONHOME": str(root / "usr"), "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}
        folders = [path for name in ("usr/lib/python3.11", SITE) if (path := Path(folder) / name).is_dir()]
        command = [*program, *options, *map(str, folders)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        written = sorted(Path(folder).rglob("*.pyc"))
        if not written:
            raise ClusterError(f"the image's Python cannot compile: {(done.stdout + done.stderr)[-500:]}")
        for path in written:
            tree.write(str(path.relative_to(folder)), path.read_bytes())


def _pip(*arguments: str, time: int | None = None) -> str:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if time is not None:
        environment["SOURCE_DATE_EPOCH"] = str(time)
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"pip {arguments[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout
