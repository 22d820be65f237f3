"""Commands that the pages and the README show have only options that the real kubectl has."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess

import pytest

from hack.pages import examples

#: Commands that have commands.
GROUPS = {"auth", "config", "create", "rollout", "set"}
#: Our own, and one that a page compares ours with: neither is kubectl's.
PLUGINS = {"inplace", "argo"}


@functools.cache
def _options(command):
    asked = [*command] if command == ("options",) else [*command, "--help"]
    done = subprocess.run(["kubectl", *asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"kubectl {' '.join(command)}: {done.stderr}"
    return set(re.findall(r"(?<![\w-])(--[a-z-]+|-[A-Za-z])(?=[,=\s'])", done.stdout))


def _shown():
    found = [*examples.commands(), *examples.mentions()]
    return [one for one in found if one.words[0] == "kubectl" and one.words[1] not in PLUGINS]


def test_every_option_is_one_of_kubectl():
    if shutil.which("kubectl") is None:
        assert "CI" not in os.environ, "kubectl is missing in CI"
        pytest.skip("kubectl is not installed: it is asked which options it has")
    assert len(_shown()) > 20
    everywhere = _options(("options",))
    for example in _shown():
        words = [word for word in example.words[1:] if not word.startswith("-")]
        if example.words[1].startswith("-"):  # its value stands before the command
            words = words[1:]
        command = tuple(words[: 2 if words[0] in GROUPS and len(words) > 1 else 1])
        allowed = everywhere | _options(command)
        for word in example.words[1:]:
            assert not re.match(r"--?[a-zA-Z]", word) or word.partition("=")[0] in allowed, f"{example}: {word}"
