"""The other half: the dependencies by the hashes of their wheels, and inplace itself; with bytecode, written by the
image's own Python, for nothing can be written later.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hack.cluster.settings import ClusterError
from hack.image.tree import Tree
from hack.release import distributions

ROOT = distributions.ROOT
LOCK = Path(__file__).with_name("requirements.lock")
#: The build backend and what it needs, which make our own wheel: of pure Python, so one wheel each.
BACKEND_LOCK = LOCK.with_name("backend.lock")
BACKEND = "hatchling"
SITE = "opt/inplace/lib/python3.11/site-packages"
_PROGRAM = "opt/inplace/bin/inplace"
#: As pip writes it down: where it is, seen from SITE.
_PROGRAM_RECORD = "../../../bin/inplace,,\n"
#: The image's first.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "linux-amd64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64"),
    "linux-arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64"),
    "darwin-amd64": ("macosx_14_0_x86_64",),
    "darwin-arm64": ("macosx_14_0_arm64",),
}
#: Of kubernetes_asyncio the credentials are used, and nothing else of it (inplace.kube.loaders).
_UNUSED = ("client/models", "client/api", "dynamic", "stream", "watch", "leaderelection", "utils")
_LOADER = "lib64/ld-linux-x86-64.so.2"
_LIBRARIES = "usr/lib/x86_64-linux-gnu"


class Locked(NamedTuple):
    """One dependency; the hash is of the wheel that the image has."""

    name: str
    version: str
    sha256: str


def locked() -> list[Locked]:
    """What `requirements.lock` says."""
    found = re.findall(r"^(\S+)==(\S+) \\\n    --hash=sha256:(\w+)", LOCK.read_text(), re.MULTILINE)
    return [Locked(*one) for one in found]


def lock() -> str:
    """The text of a new `requirements.lock`: what the image runs with, at the versions that make test runs with."""
    wheels: dict[str, list[str]] = {}
    for platform in PLATFORMS:
        for python in PYTHONS:
            for requirement, sha256 in _offered(python, platform):
                hashes = wheels.setdefault(requirement, [])
                hashes.extend([sha256] if sha256 not in hashes else [])
    lines = [
        "# The dependencies, by the hashes of their wheels for each Python and platform; the first is of the image's.",
        "# Refresh with: make lock",
    ]
    for requirement in sorted(wheels, key=str.lower):
        lines.append(" \\\n".join([requirement, *(f"    --hash=sha256:{one}" for one in wheels[requirement])]))
    return "\n".join(lines) + "\n"


def lock_backend() -> str:
    """The text of a new `backend.lock`, at the versions of constraints.txt."""
    lines = ["# The build backend, by the hashes of its wheels. Refresh with: make lock"]
    found = {one for python in PYTHONS for one in _offered(python, "linux-amd64", BACKEND)}
    lines += [f"{requirement} \\\n    --hash=sha256:{sha256}" for requirement, sha256 in sorted(found)]
    return "\n".join(lines) + "\n"


def _offered(python: str, platform: str, what: str = str(ROOT)) -> Iterator[tuple[str, str]]:
    """Requirement and hash of each wheel that is chosen there."""
    constraints = ("--constraint", str(ROOT / "constraints.txt"))
    options = ("--dry-run", "--ignore-installed", "--quiet", "--report", "-", "--target", "unused")
    report = _pip("install", *options, *target(python, platform), *constraints, what)
    for one in json.loads(report)["install"]:
        if "dir_info" not in one["download_info"]:
            requirement = f"{one['metadata']['name']}=={one['metadata']['version']}"
            yield requirement, one["download_info"]["archive_info"]["hashes"]["sha256"]


def target(python: str, platform: str) -> tuple[str, ...]:
    """pip's options for wheels of another Python and machine. Markers are evaluated for this Python all the same."""
    tags = [word for tag in PLATFORMS[platform] for word in ("--platform", tag)]
    return ("--python-version", python, *tags, "--only-binary", ":all:")


def dependencies(time: int) -> Tree:
    """The wheels of the lock."""
    made = Tree()
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder), PYTHONS[0], "linux-amd64", time)
        made.take(Path(folder), SITE)
    return made


def install(folder: Path, python: str, platform: str, time: int) -> None:
    """The dependencies for this Python and platform, into a folder. Raises ClusterError."""
    options = ("--quiet", "--require-hashes", "--no-deps", "--no-compile", "--target", str(folder))
    _pip("install", *options, *target(python, platform), "--requirement", str(LOCK), time=time)
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for name in _UNUSED:
        shutil.rmtree(folder / "kubernetes_asyncio" / name, ignore_errors=True)
    for record in folder.glob("*.dist-info/RECORD"):
        record.write_text(_recorded(record.read_text(encoding="utf-8"), folder), encoding="utf-8")


def _recorded(record: str, folder: Path) -> str:
    """The lines of a RECORD about files that are there. Programs are not, and their hashes differ from machine to
    machine, with the path of the Python that was to run them.
    """
    rows = (row for row in csv.reader(io.StringIO(record)) if not row[0].startswith("../"))
    found = io.StringIO()
    csv.writer(found, lineterminator="\n").writerows(row for row in rows if (folder / row[0]).exists())
    return found.getvalue()


def ours(time: int) -> Tree:
    """inplace, from its wheel, without the models of a cluster, which only tests and the demo use."""
    made = Tree()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(distributions.wheel(Path(folder), time)) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith(".dist-info/RECORD"):
                lines = content.decode().splitlines(keepends=True)
                content = "".join([line for line in lines if not _is_model(line)] + [_PROGRAM_RECORD]).encode()
            if not _is_model(name):
                made.write(f"{SITE}/{name}", content)
    made.write(_PROGRAM, "#!/usr/bin/python3.11 -P\nfrom inplace.cli.app import main\n\nmain()\n", 0o755)
    return made


def _is_model(name: str) -> bool:
    return name.startswith("kubesim/")


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
