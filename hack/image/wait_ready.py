"""The static program `wait-ready`, compiled as the cluster's programs are: once, and the same bytes everywhere.

Its go.mod names the version of Go, and with it every byte. Where there is no Go the image is made without the program,
and that is said: an upgrade needs none of it.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from hack.cluster import build
from hack.image.tree import Tree
from hack.image.wheels import ROOT
from inplace import __version__

SOURCES = ROOT / "wait-ready"
PROGRAM = "opt/inplace/bin/wait-ready"
NAME = "wait-ready"
#: The Go linker leaves these before what a binary says of itself (runtime/debug, buildinfo.go).
_MAGIC = b"\xff Go buildinf:"
_HEADER = 32


def recipe() -> build.Recipe:
    """For the image's machine, by the version of Go that go.mod names."""
    (toolchain,) = re.findall(r"^toolchain (\S+)$", (SOURCES / "go.mod").read_text(), re.MULTILINE)
    sources = tuple(sorted(path for path in SOURCES.iterdir() if path.suffix in {".go", ".mod"}))
    settings = {"GOTOOLCHAIN": toolchain, "GOOS": "linux", "GOARCH": "amd64", "GOAMD64": "v1"}
    return build.Recipe(NAME, __version__, sources, {NAME: "."}, environment=settings)


def program() -> Path | None:
    """The program, compiled now if it is not there; None without Go, which is said. Raises ClusterError."""
    wanted = recipe()
    if not wanted.folder().is_dir() and shutil.which("go") is None:
        print("WARNING: no Go here, so the image lacks the program wait-ready: install Go 1.21+", file=sys.stderr)
        return None
    return build.ensure(wanted) / NAME


def tree() -> Tree:
    """What the image has of it; nothing without Go."""
    made = Tree()
    if (found := program()) is not None:
        made.write(PROGRAM, found.read_bytes(), 0o755)
    return made


def made_with(content: bytes) -> str:
    """The version of Go that compiled a program, as `1.26.0`; empty if it is none of Go's."""
    at = content.find(_MAGIC)
    if at < 0:
        return ""
    length = content[at + _HEADER]
    return content[at + _HEADER + 1 : at + _HEADER + 1 + length].decode().removeprefix("go")
