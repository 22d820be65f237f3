"""Debian's half of the image: Python and the libraries that it needs, from packages; no shell, no package manager.

`debian.lock` has their versions and hashes. A version leaves the archive when a security update comes: then the newest
is taken, and that is said loudly.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

from hack.cluster.settings import ClusterError
from hack.image.tree import Tree, merged

LOCK = Path(__file__).with_name("debian.lock")
PACKAGES = (
    "base-files", "netbase", "tzdata", "media-types", "ca-certificates", "libc6", "libgcc-s1", "libssl3", "zlib1g",
    "libexpat1", "libffi8", "libbz2-1.0", "liblzma5", "libuuid1", "libcrypt1", "libpython3.11-minimal",
    "python3.11-minimal", "libpython3.11-stdlib", "libsqlite3-0",
)  # fmt: skip
#: The packages that are in the image, a file for each where dpkg has one for all; and, as dpkg has them, their files.
STATUS = "var/lib/dpkg/status.d"
LISTS = "var/lib/dpkg/info"
#: What no server needs of them.
_DROPPED = (
    "usr/share/man", "usr/share/lintian", "usr/share/info", "usr/share/bug", "usr/share/base-files", "usr/lib/mime",
    "usr/share/binfmts", "usr/lib/python3.11/idlelib", "usr/lib/python3.11/pydoc_data", "usr/lib/python3.11/test",
    "usr/lib/python3.11/tkinter", "usr/lib/python3.11/ensurepip", "usr/lib/python3.11/turtledemo", "etc/update-motd.d",
    "usr/sbin", "etc/profile.d",
)  # fmt: skip
_PASSWD = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
_GROUP = "root:x:0:\nnonroot:x:65532:\n"


class Locked(NamedTuple):
    """One package; the hash is of its .deb."""

    name: str
    version: str
    sha256: str


def locked() -> list[Locked]:
    """What `debian.lock` says."""
    lines = LOCK.read_text().splitlines()
    return [Locked(*line.split()) for line in lines if line and not line.startswith("#")]


def lock() -> str:
    """The text of a new `debian.lock`: the newest that this machine's archive offers."""
    lines = ["# The Debian packages of the image: name, version, SHA-256 of the .deb; refresh with: make lock"]
    for name in PACKAGES:
        fields = dict(line.split(": ", 1) for line in _apt_cache(name).splitlines() if ": " in line)
        lines.append(f"{name} {fields['Version']} {fields['SHA256']}")
    return "\n".join(lines) + "\n"


def tree(cache: Path) -> tuple[Tree, bool]:
    """The packages' files, as a system of today has them, and whether all are the locked ones; `.deb` files are kept in
    `cache`.
    """
    made, exact = Tree(), True
    for package in locked():
        archive = fetch(package, cache)
        exact = exact and _hash(archive) == package.sha256
        with tarfile.open(fileobj=io.BytesIO(_dpkg("--fsys-tarfile", archive))) as files:
            made.unpack(files, _is_kept)
            own = [
                path for member in files.getmembers() if _is_kept(path := merged(member.name)) and not member.isdir()
            ]
            made.write(f"{LISTS}/{package.name}.list", "".join(f"/{path}\n" for path in own))
        with tarfile.open(fileobj=io.BytesIO(_dpkg("--ctrl-tarfile", archive))) as control:
            _record(made, package.name, control)
    for name in ("bin", "lib", "lib64", "sbin"):
        made.link(name, f"usr/{name}")
    certificates = [path for path in made.paths() if path.startswith("usr/share/ca-certificates/")]
    bundle = b"".join(made.read(path).rstrip() + b"\n" for path in certificates if path.endswith(".crt"))
    made.write("etc/ssl/certs/ca-certificates.crt", bundle)
    made.write("etc/passwd", _PASSWD)
    made.write("etc/group", _GROUP)
    made.write("etc/nsswitch.conf", "hosts: files dns\n")
    made.folder("tmp", 0o1777)
    return made, exact


def _record(made: Tree, name: str, control: tarfile.TarFile) -> None:
    """Where scanners look in an image without a package manager: what the package is, and the sums of its files."""
    for member, target in (("./control", name), ("./md5sums", f"{name}.md5sums")):
        found = control.extractfile(member)
        assert found is not None
        made.write(f"{STATUS}/{target}", found.read())


def _is_kept(path: str) -> bool:
    """Of the documentation the licenses."""
    if path.startswith("usr/share/doc/"):
        return path.endswith("/copyright")
    return bool(path) and not any(path == one or path.startswith(f"{one}/") for one in _DROPPED)


def fetch(package: Locked, cache: Path) -> Path:
    """The package's .deb, kept in `cache`: the locked one, else the newest. Raises ClusterError."""
    target = cache / f"{package.name}_{package.sha256[:16]}.deb"
    if target.is_file() and _hash(target) == package.sha256:
        return target
    cache.mkdir(parents=True, exist_ok=True)
    if _download(f"{package.name}={package.version}", cache, target):
        if _hash(target) != package.sha256:
            target.unlink()
            raise ClusterError(f"{package.name} {package.version}: its SHA-256 is not the one in {LOCK.name}")
        return target
    newest = cache / f"{package.name}_newest.deb"
    if not _download(package.name, cache, newest):
        raise ClusterError(f"apt-get offers no {package.name}; run apt-get update first")
    print(
        f"WARNING: {package.name} {package.version} of {LOCK.name} is no longer offered; the newest is in the image,"
        " and its digest is another one. Refresh the lock: make lock",
        file=sys.stderr,
    )
    return newest


def _download(wanted: str, folder: Path, target: Path) -> bool:
    """Into `target`; False if it is not offered."""
    before = set(folder.glob("*.deb"))
    command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", wanted]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ClusterError(
            "the image is made of Debian packages, and there is no apt-get here: use the Dockerfile"
        ) from error
    found = [path for path in folder.glob(f"{wanted.partition('=')[0]}_*.deb") if path not in before]
    if done.returncode or not found:
        return False
    found[0].rename(target)
    return True


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _dpkg(option: str, archive: Path) -> bytes:
    return subprocess.run(["dpkg-deb", option, str(archive)], capture_output=True, check=True).stdout


def _apt_cache(name: str) -> str:
    command = ["apt-cache", "show", "--no-all-versions", name]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout
