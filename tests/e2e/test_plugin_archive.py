"""The plugin's archive runs where there is nothing but a Python."""

from __future__ import annotations

import subprocess
import sys
import tarfile

import pytest

import inplace
from hack.release import distributions, plugin

pytestmark = pytest.mark.long  # it fetches wheels

THIS = "{}.{}".format(*sys.version_info[:2])


def test_unpacked_it_runs_from_wherever_it_is_linked_to(tmp_path):
    wheel = distributions.wheel(tmp_path)
    made = plugin.archive(tmp_path, wheel, "linux-amd64", 7, (THIS,))
    with tarfile.open(made) as archive:
        archive.extractall(tmp_path / "store", filter="data")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubectl-inplace").symlink_to("../store/kubectl-inplace")
    (tmp_path / "bin/python3").symlink_to(sys.executable)

    def run(*arguments):
        # -I -S: no packages of the machine, no folder of the user.
        command = [sys.executable, "-I", "-S", str(tmp_path / "bin/kubectl-inplace"), *arguments]
        return subprocess.run(command, env={}, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert run("version") == f"inplace {inplace.__version__}\n"
    assert "Usage: kubectl inplace [OPTIONS] COMMAND" in run("--help")
    pod = tmp_path / "pod.yaml"
    pod.write_text("{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: [{name: a, image: b}]}}")
    assert run("diff", str(pod), str(pod))


def test_for_another_python_it_says_which_it_needs(tmp_path):
    wheel = distributions.wheel(tmp_path)
    made = plugin.archive(tmp_path, wheel, "linux-amd64", 7, ("3.12",) if THIS != "3.12" else ("3.11",))
    with tarfile.open(made) as archive:
        archive.extractall(tmp_path / "store", filter="data")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "store/kubectl-inplace")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: kubectl inplace runs with Python 3.1")
    assert done.stderr.endswith(f"and python3 is {THIS}\n")
