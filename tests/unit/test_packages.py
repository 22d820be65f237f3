"""Debian packages that the cluster needs: their programs are wanted, and none of their services."""

from __future__ import annotations

import pytest

from hack.cluster import packages
from hack.cluster.settings import ClusterError


@pytest.fixture
def policy(monkeypatch, tmp_path):
    path = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", path)
    return path


@pytest.fixture
def installs(monkeypatch, policy):
    """What stood in the policy while apt installed."""
    seen = []

    def apt(*arguments):
        if arguments[0] == "install":
            seen.append((policy.read_text(), policy.stat().st_mode & 0o777))
            raise ClusterError("the archive does not answer")

    monkeypatch.setattr(packages, "_apt", apt)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(packages, "find", lambda program: None)
    monkeypatch.setattr("shutil.which", lambda *_, **__: "apt-get")
    return seen


def test_no_service_starts_while_packages_are_installed(policy, installs):
    with pytest.raises(ClusterError, match="does not answer"):
        packages.ensure({"prometheus": "promtool"})
    assert installs == [("#!/bin/sh\nexit 101\n", 0o755)]
    assert not policy.exists(), "not even after an error"


def test_whoever_has_a_policy_keeps_it(policy, installs):
    policy.write_text("#!/bin/sh\nexit 104\n")
    policy.chmod(0o700)
    with pytest.raises(ClusterError, match="does not answer"):
        packages.ensure({"prometheus": "promtool"})
    assert installs == [("#!/bin/sh\nexit 104\n", 0o700)]
    assert policy.exists()
