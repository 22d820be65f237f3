"""The Dockerfile, which is for whoever builds with docker, podman or buildah: the same thing as our own image."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import inplace
from hack.cluster import packages
from hack.image import oci, sbom, wait_ready
from hack.image.build import build
from hack.release import distributions

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]  # it makes a Debian, and fetches wheels

#: What the build needs to reach the package index as this machine does.
_MACHINES = ("/etc/ssl/certs", "/etc/pip.conf")
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")


class Buildah:
    """With its images in a folder of the test; no daemon."""

    def __init__(self, folder):
        self._own = ["--root", str(folder / "storage"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]

    def __call__(self, *arguments, cwd=None):
        done = subprocess.run(["buildah", *self._own, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"buildah {arguments[0]}: {done.stderr[-2000:]}"
        return done.stdout.strip()


@pytest.fixture
def buildah(tmp_path):
    packages.ensure({"buildah": "buildah", "mmdebstrap": "mmdebstrap"})
    return Buildah(tmp_path)


def based_on_debian(buildah, folder):
    """The name of a base with Python and pip: there is no registry to pull one from."""
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    archive, own = str(folder / "base.tar"), [str(SOURCES)] if SOURCES.is_file() else []
    include = "--include=python3,python3-venv,ca-certificates"
    command = ["mmdebstrap", "--mode=root", "--variant=essential", include, release["VERSION_CODENAME"], archive, *own]
    subprocess.run(command, check=True, capture_output=True)
    container = buildah("from", "scratch")
    buildah("add", container, archive, "/")
    (Path(buildah("mount", container)) / "usr/bin/python").symlink_to("python3")
    buildah("umount", container)
    buildah("commit", "-q", "--rm", container, "localhost/base:1")
    return "localhost/base:1"


def test_it_builds_what_make_image_builds(buildah, tmp_path):
    context = tmp_path / "context"
    shutil.copytree(distributions.ROOT / "hack/image", context / "hack/image")
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(distributions.ROOT / name, context)
    (context / "dist").mkdir()
    distributions.wheel(context / "dist")
    if (program := wait_ready.program()) is not None:
        shutil.copy(program, context / "dist")
    given = ("--build-arg", f"BASE={based_on_debian(buildah, tmp_path)}", "--build-arg", "REVISION=0123abc")
    volumes = [word for path in _MACHINES if Path(path).exists() for word in ("--volume", f"{path}:{path}:ro")]
    how = ("--isolation", "chroot", "--network", "host", "--pull-never", *volumes)
    buildah(
        "bud", *how, *given, "--timestamp", str(distributions.TIME), "--tag", "localhost/inplace:1", ".", cwd=context
    )
    buildah("push", "localhost/inplace:1", f"oci:{tmp_path / 'layout'}:1")
    compare(oci.read(tmp_path / "layout"), build())


def compare(theirs, ours):
    """Base and Python may be others; what is ours and what it depends on are the same, and so is how it runs."""
    for key in ("User", "Entrypoint", "Cmd", "ExposedPorts", "WorkingDir"):
        assert theirs.configuration[key] == ours.configuration[key]
    labels = theirs.configuration["Labels"]
    for key in ("title", "description", "licenses", "version"):
        name = f"org.opencontainers.image.{key}"
        assert labels[name] == ours.configuration["Labels"][name]
    assert labels["org.opencontainers.image.revision"] == "0123abc"

    files, own_files = theirs.files(), ours.files()
    assert files.get(wait_ready.PROGRAM) == own_files.get(wait_ready.PROGRAM)
    assert _depends_on(files) == _depends_on(own_files)
    assert {"kubectl-inplace", "aiohttp"} <= set(_depends_on(files))
    assert _modules(files) == _modules(own_files)
    assert not [path for path in files if "site-packages/kubesim" in path or path.startswith("opt/inplace/bin/pip")]
    bill = sbom.bill(theirs, distributions.TIME)
    assert b'"name": "kubectl-inplace"' in bill
    assert inplace.__version__.encode() in bill


def _depends_on(files):
    """The distributions below /opt/inplace, and their versions."""
    where = {path: file for path, file in files.items() if path.startswith("opt/inplace/")}
    return {one.name: one.version for one in sbom.packages(where)}


def _modules(files):
    """inplace's own files and its metadata, wherever the site is; pip adds its own remarks."""
    found = {}
    for path, file in files.items():
        _, _, name = path.partition("/site-packages/")
        if (name.startswith("inplace/") and "__pycache__" not in name) or (
            name.endswith("dist-info/METADATA") and "inplace" in name
        ):
            found[name] = file.content
    assert f"kubectl_inplace-{inplace.__version__}.dist-info/METADATA" in found
    return found
