"""What the pages and the README show would work: commands are there with their options, settings are accepted."""

from __future__ import annotations

import re
import shlex

import click
import pytest
import yaml

from hack.pages import examples
from inplace.cli import errors, select
from inplace.cli.app import main
from inplace.cli.commands import COMMANDS
from inplace.cli.options import connection
from inplace.cli.render.document import API_VERSION
from inplace.core.objects import names
from inplace.core.objects.model import Meta
from inplace.core.settings import annotations as table
from inplace.core.settings.annotations import Native

#: What stands for something of the reader's.
PLACEHOLDERS = {"NAMESPACE": "shop", "TYPE/NAME": "sts/web"}
#: What a shell and other programs have; kubectl is asked in tests/kubectl.
OTHERS = {
    "cat", "cd", "docker", "echo", "export", "git", "grep", "helm", "kubectl", "kustomize", "mkdir", "ssh", "test",
}  # fmt: skip
MAKEFILE = (examples.ROOT / "Makefile").read_text()
KEYS = {f"{names.PREFIX}{name}" for name in table._SETTINGS} | {
    value for value in vars(names).values() if isinstance(value, str) and value.startswith(names.PREFIX)
}
#: Written by the user on namespaces; manifests/overlays/namespaced/unwatched reads it.
KEYS |= {f"{names.PREFIX}watched"}
#: What the documents of `-o json` begin with.
KEYS |= {API_VERSION}


def test_every_command_of_the_pages_is_taken_by_the_program():
    shown = [example for example in examples.commands() if _ours(example.words)]
    assert len(shown) > 30
    for example in shown:
        _parse(_ours(example.words), example)


def test_every_command_in_running_text_exists_with_its_options():
    shown = [example for example in examples.mentions() if _ours(example.words)]
    assert len(shown) > 30
    for example in shown:
        name, *rest = _ours(example.words)
        if name == "-n":
            _parse((name, *rest), example)
            continue
        assert name in COMMANDS, example
        known = {spelled for one in _command(name).params for spelled in (*one.opts, *one.secondary_opts)}
        for word in rest:
            assert not word.startswith("-") or word.partition("=")[0] in known, example


def test_other_commands_of_the_pages_are_those_of_a_machine_or_of_the_makefile():
    for example in examples.commands():
        program = example.words[0]
        if program == "make":
            for word in example.words[1:]:
                assert "=" in word or re.search(rf"^{word}:", MAKEFILE, re.MULTILINE), example
        else:
            assert program in OTHERS | {"inplace"} or "=" in program, example
    for page in examples.pages():
        for target in re.findall(r"`make ([a-z0-9-]+)", page.read_text()):
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"{page}: make {target}"


def test_a_wrong_command_would_be_found():
    for text in (
        "inplace upgrade sts/web",
        "inplace plan sts/web --imagee a=b",
        "inplace status",
        "inplace run --watch x",
    ):
        with pytest.raises(AssertionError):
            _parse(tuple(shlex.split(text)[1:]), text)


def test_yaml_of_the_pages_is_valid_and_its_settings_are_accepted():
    shown = [*examples.blocks("yaml")]
    assert shown
    for page, text in shown:
        for document in yaml.safe_load_all(text):
            assert isinstance(document, dict), page
            metadata = document.get("metadata") or {}
            assert _errors(metadata.get("labels"), metadata.get("annotations")) == [], page


def test_settings_that_commands_of_the_pages_set_are_accepted():
    shown = [
        (example, word.removeprefix(names.PREFIX).split("=", 1))
        for example in examples.commands()
        for word in example.words
        if word.startswith(names.PREFIX) and "=" in word
    ]
    assert shown
    for example, (name, value) in shown:
        if "annotate" in example.words:
            assert _errors(None, {names.PREFIX + name: value}) == [], example
        else:
            assert name == "watched" or _errors({names.PREFIX + name: value}, None) == [], example


def test_every_key_that_a_page_names_is_one_of_ours():
    for page in examples.pages():
        named = set(re.findall(r"(?<![\w./])inplace\.dev/[a-z0-9-]*[a-z0-9]", page.read_text()))
        assert named <= KEYS, f"{page}: {named - KEYS}"


def test_every_path_of_manifests_that_a_page_names_is_there():
    for page in examples.pages():
        for path in re.findall(r"(?<![\w/])manifests/[\w/.-]*[\w/]", page.read_text()):
            assert (examples.ROOT / path).exists(), f"{page}: {path}"


def _ours(words):
    if words[:2] == ("kubectl", "inplace"):
        return words[2:]
    return words[1:] if words[0] == "inplace" else ()


def _command(name):
    found = main.get_command(click.Context(main), name)
    assert found is not None, name
    return found


def _parse(words, example):
    """As the program would, without running the command."""
    try:
        group = main.make_context("inplace", [PLACEHOLDERS.get(word, word) for word in words])
        name, command, rest = main.resolve_command(group, [*group._protected_args, *group.args])
        context = command.make_context(name, rest, parent=group)
        chosen = connection(context)
        if "workloads" in context.params and name not in {"check", "plan"} and not chosen.filenames:
            select.parse(context.params["workloads"], chosen)
    except click.ClickException as problem:
        raise AssertionError(f"{example}: {problem.format_message()}") from problem
    except errors.InputError as problem:
        raise AssertionError(f"{example}: {problem}") from problem


def _errors(labels, given):
    return [str(error) for error in table.parse(Meta(labels=labels, annotations=given), Native()).errors]
