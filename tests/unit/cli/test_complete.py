"""What kubectl is told when the arguments of `kubectl inplace …` are to be completed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from inplace.cli import complete
from inplace.cli.app import main
from inplace.cli.commands import COMMANDS

NO_FILES, FILES_TOO = ":4", ":0"
FORMATS = ("text", "wide", "name", "json", "yaml", "jsonpath=")


@pytest.fixture
def proposed(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["kubectl_complete-inplace", *words])
        complete.main()
        *lines, directive = capsys.readouterr().out.splitlines()
        return {value: about for value, _, about in (line.partition("\t") for line in lines)}, directive

    return call


def test_the_first_word_is_a_command(proposed):
    assert proposed("") == ({name: short for name, (_, short) in COMMANDS.items()}, NO_FILES)
    assert proposed() == proposed("")
    assert list(proposed("pl")[0]) == ["plan"]
    assert proposed("nosuch") == ({}, NO_FILES)


def test_options_and_their_choices(proposed):
    assert proposed("status", "-o", "") == (dict.fromkeys(FORMATS, ""), NO_FILES)
    assert proposed("status", "--output=j") == ({"json": "", "jsonpath=": ""}, NO_FILES)
    assert "--namespace" in proposed("--")[0]
    assert {"--watch", "--namespace"} <= set(proposed("status", "--")[0])
    assert list(proposed("-n", "shop", "pro")[0]) == ["promote"]


def test_where_a_file_stands_the_shell_proposes_files(proposed):
    assert proposed("plan", "sts/web", "-f", "") == ({}, FILES_TOO)
    assert proposed("diff", "old.y") == ({}, FILES_TOO)


def test_only_words_are_proposed(proposed, tmp_path, monkeypatch):
    """A kubeconfig may be a stranger's, and the shell types what it is told."""
    names = [
        "good",
        "arn:aws:eks:eu-west-1:1:cluster/a_b",
        "c$(touch here)",
        "c\x1b[2J",
        "two words",
        "two\nlines",
        "c;ls",
    ]
    contexts = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in names]
    (tmp_path / "config").write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "contexts": contexts}))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert proposed("--context", "") == (dict.fromkeys([names[1], "good"], ""), NO_FILES)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "kubectl"])
def test_every_shell_has_a_script(shell):
    done = CliRunner().invoke(main, ["completion", shell])
    assert (done.exit_code, done.stderr) == (0, "")
    assert ("kubectl-inplace" if shell == "kubectl" else "_INPLACE_COMPLETE") in done.output


def test_bash_takes_its_script():
    script = CliRunner().invoke(main, ["completion", "bash"]).output
    done = subprocess.run(["bash", "-c", f"{script}\ncomplete -p inplace"], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(" inplace\n")


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")
def test_the_real_kubectl_completes_the_plugin(tmp_path):
    """kubectl finds the completion as a program of its own beside the plugin."""
    for name, module in (("kubectl-inplace", "app"), ("kubectl_complete-inplace", "complete")):
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\nfrom inplace.cli.{module} import main\nmain()\n")
        program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["kubectl", "__complete", "inplace", "status", "--output", "j"],
        env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"json\njsonpath=\n{NO_FILES}\n"
