"""promtool's word on the alerts: the file is sound, and each of them fires when it is to, and not before."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from hack.cluster import packages
from hack.monitoring import rules
from tests.unit.monitoring import cases


@pytest.fixture(scope="module")
def promtool():
    packages.ensure(packages.PROMETHEUS)
    program = packages.find("promtool")
    assert program is not None

    def run(*arguments):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def test_prometheus_accepts_the_file(promtool):
    code, said = promtool("check", "rules", "--lint=all", "--lint-fatal", str(rules.SOURCE))
    assert code == 0, said
    assert f"{len(rules.alerts())} rules found" in said


def test_every_alert_fires_when_it_is_to_and_not_before(promtool, tmp_path):
    path = tmp_path / "cases.yaml"
    path.write_text(yaml.safe_dump(cases.promtool()))
    code, said = promtool("test", "rules", str(path))
    assert code == 0, said


def test_a_wrong_expectation_is_found(promtool, tmp_path):
    """Or the test above would say nothing."""
    made = cases.promtool()
    made["tests"] = made["tests"][:1]
    made["tests"][0]["alert_rule_test"][1]["exp_alerts"] = []
    path = tmp_path / "cases.yaml"
    path.write_text(yaml.safe_dump(made))
    code, said = promtool("test", "rules", str(path))
    assert code != 0
    assert cases.CASES[0].alert in said
