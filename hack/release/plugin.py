"""The kubectl plugin as an archive that needs nothing but a Python: for krew, and for whoever unpacks it into PATH.

Parts of the dependencies are compiled for one version of Python, and which one a laptop has is not known: the archive
has them for each, `lib/3.11` to `lib/3.14`, and what is the same for all in `lib/any`. krew unpacks archives, so that
nothing has to unpack itself.
"""

from __future__ import annotations

import gzip
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from hack.image.oci import digest
from hack.image.tree import Tree
from hack.image.wheels import PYTHONS, install
from hack.release.distributions import ROOT
from inplace import __version__

_PROGRAM = '''\
#!/usr/bin/env python3
"""inplace from the folder of this file: what is compiled for this Python, and what serves all."""

import os
import sys

home = os.path.join(os.path.dirname(os.path.realpath(__file__)), "lib")
version = "%d.%d" % sys.version_info[:2]
if not os.path.isdir(os.path.join(home, version)):
    sys.exit("error: kubectl inplace runs with Python {first} to {last}, and python3 is " + version)
sys.path[:0] = [os.path.join(home, version), os.path.join(home, "any")]

from {module} import main

main()
'''
#: Every program of the archive, and the module that it runs.
_PROGRAMS = {"kubectl-inplace": "inplace.cli.app", "kubectl_complete-inplace": "inplace.cli.complete"}


def archive(folder: Path, wheel: Path, platform: str, time: int, pythons: tuple[str, ...] = PYTHONS) -> Path:
    """Written into `folder` for one platform (`wheels.PLATFORMS`). Raises ClusterError."""
    made = Tree()
    for name, module in _PROGRAMS.items():
        text = _PROGRAM.format(first=pythons[0], last=pythons[-1], module=module)
        made.write(name, text, 0o755)
    made.write("LICENSE", (ROOT / "LICENSE").read_bytes())
    with zipfile.ZipFile(wheel) as files:
        for name in files.namelist():
            made.write(f"lib/any/{name}", files.read(name))
    for path, content in _dependencies(platform, pythons, time):
        made.write(f"lib/{path}", content)
    target = folder / f"kubectl-inplace_{__version__}_{platform.replace('-', '_')}.tar.gz"
    target.write_bytes(gzip.compress(made.layer(time), 9, mtime=0))
    return target


def _dependencies(platform: str, pythons: tuple[str, ...], time: int) -> Iterator[tuple[str, bytes]]:
    """Each distribution where it belongs: with the others of its Python if it is compiled, else once for all."""
    for python in pythons:
        with tempfile.TemporaryDirectory() as folder:
            install(Path(folder), python, platform, time)
            for record in sorted(Path(folder).glob("*.dist-info/RECORD")):
                pure = "Root-Is-Purelib: true" in record.with_name("WHEEL").read_text()
                for name in _recorded(record):
                    if (path := Path(folder) / name).is_file():  # a part that is never used has been left out
                        yield f"{'any' if pure else python}/{name}", path.read_bytes()


def _recorded(record: Path) -> list[str]:
    names = [line.rsplit(",", 2)[0].strip('"') for line in record.read_text().splitlines()]
    return [name for name in names if not name.startswith("..") and "__pycache__" not in name]


def manifest(archives: Mapping[str, Path], url: str) -> str:
    """krew's, for archives that will be found below `url`."""
    platforms = [
        {
            "selector": {"matchLabels": dict(zip(("os", "arch"), platform.split("-"), strict=True))},
            "uri": f"{url.rstrip('/')}/{path.name}",
            "sha256": digest(path.read_bytes()).removeprefix("sha256:"),
            "bin": "kubectl-inplace",
        }
        for platform, path in archives.items()
    ]
    made = {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "inplace"},
        "spec": {
            "version": f"v{__version__}",
            "homepage": url.partition("/releases/")[0],
            "shortDescription": "Upgrade Pods in place and watch it",
            "description": "Plans, watches and explains upgrades in place: Pods keep name, UID, IP and volumes.\n",
            "caveats": f"It needs python3, version {PYTHONS[0]} to {PYTHONS[-1]}, and the controller in the cluster.\n",
            "platforms": platforms,
        },
    }
    return yaml.safe_dump(made, sort_keys=False)
