"""The Debian packages a cluster needs: which are missing, and their installation.

Knows apt and nothing else. A machine of another distribution can have the same programs by other means: only
what is missing is asked for, by the file that is needed and not by the package's name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from hack.cluster.settings import ClusterError

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CNI_PLUGINS = Path("/usr/lib/cni")
# package -> the file or program it is needed for
CONTROL_PLANE = {"openssl": "openssl"}
IMAGES = {"busybox-static": "busybox"}
NODE = {
    "runc": "runc",
    "containernetworking-plugins": str(CNI_PLUGINS / "ptp"),
    "docker-registry": "docker-registry",
    "iproute2": "ip",
    "nftables": "nft",
    "mount": "umount",
}
CONTAINERD_16 = {"containerd": "containerd"}
# Of no cluster: the tests on one scrape the controller with it.
PROMETHEUS = {"prometheus": "promtool"}
#: Asked by every Debian package before it starts a service; 101 forbids it (invoke-rc.d's policy layer).
POLICY = Path("/usr/sbin/policy-rc.d")


def find(program: str) -> str | None:
    """A program of the system; root's PATH may lack the sbin folders when sudo or a service set it."""
    return shutil.which(program, path=SYSTEM_PATH)


def missing(needs: dict[str, str]) -> list[str]:
    """The packages of `needs` whose program is not here."""
    return [package for package, program in needs.items() if find(program) is None]


def ensure(needs: dict[str, str]) -> None:
    """Install what is missing."""
    packages = missing(needs)
    if not packages:
        return
    if os.geteuid() != 0:
        raise ClusterError(f"missing: {', '.join(packages)}; run as root, or install the packages first")
    if shutil.which("apt-get", path=SYSTEM_PATH) is None:
        raise ClusterError(f"missing: {', '.join(packages)} (the names are Debian's), and there is no apt-get here")
    if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        _apt("update")
    print(f"installing {', '.join(packages)}", flush=True)
    with _no_service_starts():
        _apt("install", "--yes", "--no-install-recommends", *packages)
    if left := missing(needs):
        raise ClusterError(f"apt-get installed {', '.join(left)}, but the programs are still not found")


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    """Only programs are wanted here; who has a policy keeps it."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _apt(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["apt-get", "-q", *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        raise ClusterError(f"apt-get {' '.join(arguments)} failed: {' | '.join(lines[-3:])}")
