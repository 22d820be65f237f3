"""What a release gives out beside the package: krew's manifest, k9s' plugins, the manifests as one file; its CI."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import inplace
from hack.cluster.settings import ClusterError
from hack.image.wheels import PLATFORMS, PYTHONS
from hack.release import __main__ as release
from hack.release import distributions, manifests, plugin
from inplace.cli.commands import COMMANDS
from inplace.core import kinds

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:" + "0" * 64


def test_krews_manifest_names_each_archive_and_its_sum(tmp_path):
    archives = {}
    for platform in PLATFORMS:
        archives[platform] = tmp_path / f"{platform}.tar.gz"
        archives[platform].write_text(platform)
    made = yaml.safe_load(plugin.manifest(archives, "https://example.org/o/inplace/releases/download/v1/"))
    assert made["metadata"]["name"] == "inplace"
    assert made["spec"]["version"] == f"v{inplace.__version__}"
    assert made["spec"]["homepage"] == "https://example.org/o/inplace"
    found = {"{os}-{arch}".format(**one["selector"]["matchLabels"]): one for one in made["spec"]["platforms"]}
    assert set(found) == set(PLATFORMS)
    for platform, one in found.items():
        assert one["uri"] == f"https://example.org/o/inplace/releases/download/v1/{platform}.tar.gz"
        assert one["sha256"] == hashlib.sha256(platform.encode()).hexdigest()
        assert one["bin"] == "kubectl-inplace"


def test_the_plugin_is_made_for_each_python_that_the_package_supports():
    classifiers = (ROOT / "pyproject.toml").read_text()
    assert set(re.findall(r"Python :: (3\.\d+)", classifiers)) <= set(PYTHONS)
    assert f'requires-python = ">={PYTHONS[0]}"' in classifiers


def test_the_commands_and_options_of_the_k9s_plugins_exist():
    """And they are offered where they work."""
    workloads = [kind.plural for kind in kinds.ALL]
    plugins = yaml.safe_load((ROOT / "packaging/k9s/plugins.yaml").read_text())["plugins"]
    assert len({(one["shortCut"], scope) for one in plugins.values() for scope in one["scopes"]}) == sum(
        len(one["scopes"]) for one in plugins.values()
    ), "one key for one thing"
    for one in plugins.values():
        words = [one["command"], *one["args"]]
        if words[:2] == ["sh", "-c"]:
            words = shlex.split(words[2].partition("|")[0])
        program, name, command, *rest = words
        assert (program, name) == ("kubectl", "inplace")
        assert one["scopes"] == (["pods"] if command == "explain" else workloads)
        known = {
            flag for option in getattr(import_module(COMMANDS[command][0]), command).params for flag in option.opts
        }
        assert {word for word in rest if word.startswith("--")} <= known


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")
@pytest.mark.parametrize("image", [f"r.example:5000/inplace@{DIGEST}", "r.example:5000/inplace:v1"])
def test_the_manifests_as_one_file_name_the_image(image):
    objects = [one for one in yaml.safe_load_all(manifests.install(image)) if one]
    (deployment,) = [one for one in objects if one["kind"] == "Deployment"]
    assert {one["image"] for one in deployment["spec"]["template"]["spec"]["containers"]} == {image}
    assert {"Namespace", "ServiceAccount", "ClusterRole"} <= {one["kind"] for one in objects}


@pytest.mark.parametrize("image", ["", "inplace", "inplace@sha256:0", "inplace:v1@x"])
def test_an_image_without_tag_or_digest_is_refused(image):
    with pytest.raises(ClusterError, match="is no image: give NAME:TAG or NAME@sha256:DIGEST"):
        manifests.install(image)


def test_the_sums_are_those_that_sha256sum_checks(tmp_path, monkeypatch):
    monkeypatch.setattr(distributions, "ROOT", tmp_path)
    (tmp_path / "a").write_text("a")
    for _ in range(2):  # its own file is not among them
        release.write_sums(tmp_path)
        assert (tmp_path / "SHA256SUMS").read_text() == f"{hashlib.sha256(b'a').hexdigest()}  a\n"


def test_the_dockerfile_builds_this_version_from_the_lock():
    text = (ROOT / "Dockerfile").read_text()
    assert f"ARG VERSION={inplace.__version__} " in text
    assert "--require-hashes" in text
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"!hack/image/requirements.lock", "!dist/*.whl"} <= set(ignored)


def test_the_workflow_calls_targets_that_exist():
    steps = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]["release"]["steps"]
    wanted = {target for step in steps for target in re.findall(r"^make ([a-z-]+)", step.get("run", ""), re.MULTILINE)}
    there = set(re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"test", "image", "release"} <= wanted <= there
