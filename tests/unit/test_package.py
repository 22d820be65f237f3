"""The distribution `kubectl-inplace`: what is in it, what it says of itself, and that it runs where it is installed."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile

import pytest
from packaging.metadata import Metadata
from readme_renderer import markdown

import inplace
from hack.release import distributions


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return distributions.wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Metadata.from_email(archive.read(path), validate=True)


def test_the_index_takes_its_metadata_and_shows_the_readme(metadata):
    """`from_email` has refused what a package index would refuse."""
    assert (metadata.name, str(metadata.version)) == ("kubectl-inplace", inplace.__version__)
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.description_content_type == "text/markdown"
    shown = markdown.render(metadata.description)
    assert shown is not None
    assert "</h1>" in shown


def test_it_has_the_program_the_demos_cluster_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {
        "inplace", "kubesim", f"kubectl_inplace-{inplace.__version__}.dist-info",
    }  # fmt: skip
    assert "inplace/py.typed" in names
    assert not [name for name in names if "__pycache__" in name]


def test_the_sdist_builds_the_same_wheel(wheel, tmp_path):
    sdist = distributions.sdist(tmp_path)
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / sdist.name.removesuffix(".tar.gz")
    assert (source / "tests").is_dir()
    assert distributions.wheel(tmp_path, root=source).read_bytes() == wheel.read_bytes()


def test_installed_it_runs_under_each_of_its_names(wheel, tmp_path):
    """The dependencies are those of the tests; the program is that of the wheel."""
    venv.create(tmp_path, with_pip=False, symlinks=True)
    site = tmp_path / sysconfig.get_path("purelib", vars={"base": ""}).lstrip("/")
    pip = [sys.executable, "-m", "pip", "--python", str(tmp_path / "bin/python"), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", "--no-compile", str(wheel)], check=True)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(program, *arguments):
        command = [str(tmp_path / "bin" / program), *arguments]
        return subprocess.run(command, env={}, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    said = f"inplace {inplace.__version__}\n"
    assert run("inplace", "version") == run("kubectl-inplace", "version") == said
    assert "Usage: inplace [OPTIONS] COMMAND" in run("inplace", "--help")
    assert run("kubectl_complete-inplace", "pl").splitlines()[-1] == ":4"
    where = "import inplace, kubesim; print(inplace.__file__, kubesim.__file__)"
    assert all(path.startswith(str(site)) for path in run("python", "-c", where).split())
