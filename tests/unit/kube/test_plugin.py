"""What an exec plugin is told, what it may do meanwhile, and what of its answer counts."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
from pathlib import Path

import pytest

from inplace.kube import plugin
from inplace.kube.entries import Exec, User, Variable
from inplace.kube.errors import ConfigError
from inplace.kube.kubeconfig import V1, V1BETA1, choose

ANSWER = json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": {"token": "t"}})
CLUSTER = {"server": "https://127.0.0.1:6443"}


def _plugin(body, **fields):
    code = f"import os, sys, json\n{body}\nprint({ANSWER!r})"
    return Exec(
        **{"command": sys.executable, "args": ("-c", code), "api_version": V1, "interactive_mode": "Never"} | fields
    )


async def test_what_it_says_is_seen_at_once(capfd):
    asking = asyncio.create_task(
        plugin.ask(_plugin("print('sign in', file=sys.stderr, flush=True); import time; time.sleep(2)"), None)
    )
    said = ""
    async with asyncio.timeout(20):
        while "sign in" not in said:
            await asyncio.sleep(0.05)
            said += capfd.readouterr().err
    assert not asking.done()
    assert (await asking).token == "t"


@pytest.mark.parametrize(("wants", "told"), [(True, CLUSTER), (False, None)])
async def test_it_is_told_of_the_cluster_if_it_wants_to_know(tmp_path, wants, told):
    at = tmp_path / "told"
    body = f"open({str(at)!r}, 'w').write(os.environ['KUBERNETES_EXEC_INFO'])"
    await plugin.ask(_plugin(body, provide_cluster_info=wants), CLUSTER)
    found = json.loads(at.read_text())
    assert found["spec"].get("cluster") == told
    assert found["spec"]["interactive"] is False
    assert (found["apiVersion"], found["kind"]) == (V1, "ExecCredential")


async def test_what_is_piped_to_the_command_is_not_its(tmp_path, monkeypatch):
    given = tmp_path / "piped"
    given.write_text("a manifest")
    at = tmp_path / "read"
    before = os.dup(0)
    with given.open() as file:
        os.dup2(file.fileno(), 0)
    try:
        await plugin.ask(
            _plugin(f"open({str(at)!r}, 'w').write(sys.stdin.read())", interactive_mode="IfAvailable"), None
        )
    finally:
        os.dup2(before, 0)
        os.close(before)
    assert not at.read_text()


async def test_who_sits_at_a_terminal_can_be_asked(tmp_path):
    ours, its = pty.openpty()
    before = os.dup(0)
    os.dup2(its, 0)
    at = tmp_path / "read"
    try:
        os.write(ours, b"my code\n")
        body = f"open({str(at)!r}, 'w').write(sys.stdin.readline() + os.environ['KUBERNETES_EXEC_INFO'])"
        await plugin.ask(_plugin(body, interactive_mode="Always"), None)
    finally:
        os.dup2(before, 0)
        for one in (before, ours, its):
            os.close(one)
    assert at.read_text().startswith("my code\n")
    assert '"interactive":true' in at.read_text()


async def test_one_that_needs_a_terminal_is_not_run_without(monkeypatch):
    monkeypatch.setattr(plugin, "_is_terminal", lambda _: False)
    with pytest.raises(ConfigError, match="interactiveMode Always: standard input is no terminal"):
        await plugin.ask(_plugin("", interactive_mode="Always"), None)


async def test_variables_are_added():
    body = "assert (os.environ['A'], os.environ['B'], bool(os.environ['PATH'])) == ('1', '', True)"
    found = await plugin.ask(_plugin(body, env=(Variable("A", "1"), Variable("B"))), None)
    assert found.token == "t"


async def test_one_that_is_not_there_says_how_to_get_it():
    hint = "get it at\nhttps://x.test \x1b[31mnow"
    with pytest.raises(ConfigError) as caught:
        await plugin.ask(_plugin("", command="no-such-plugin", install_hint=hint), None)
    assert str(caught.value) == (
        "exec plugin no-such-plugin is not installed, or cannot be run: get it at https://x.test [31mnow"
    )


async def test_one_that_fails_is_one_line():
    with pytest.raises(ConfigError, match="ended with 7: what it said stands above") as caught:
        await plugin.ask(_plugin("sys.exit(7)"), None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({}, "prints no credential: expected a token"),
        ({"token": None}, "prints no credential"),
        ({"token": 7}, "prints something else: status.token: expected text, got a number"),
        ({"token": "t", "clientCertificateData": "x"}, "expected both"),
        (
            {"token": "t", "expirationTimestamp": "tomorrow"},
            "prints something else: status.expirationTimestamp: invalid",
        ),
    ],
)
async def test_answers_that_do_not_count(status, said):
    answer = json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": status})
    with pytest.raises(ConfigError, match=said):
        await plugin.ask(_plugin(f"print({answer!r}); sys.exit()"), None)


async def test_nulls_in_an_answer_are_absent():
    nulls = dict.fromkeys(("clientCertificateData", "clientKeyData", "expirationTimestamp"))
    answer = json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": {"token": "t", **nulls}})
    assert await plugin.ask(_plugin(f"print({answer!r}); sys.exit()"), None) == plugin.Status("t")


async def test_another_version_than_asked_for_is_refused():
    with pytest.raises(ConfigError, match=f"expected an ExecCredential of {V1BETA1}"):
        await plugin.ask(_plugin("", api_version=V1BETA1), None)


def _user(tmp_path, **entry):
    context = {"cluster": "x", "user": "x"}
    config = {
        "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:6443"}}],
        "users": [{"name": "x", "user": entry}],
        "contexts": [{"name": "x", "context": context}],
    }
    path = Path(tmp_path) / "config"
    path.write_text(json.dumps(config))
    return choose(str(path), None).user


@pytest.mark.parametrize(
    "first", [{"token": "t"}, {"tokenFile": "t"}, {"username": "u"}, {"client-certificate": "a", "client-key": "b"}]
)
def test_another_credential_comes_before_it(tmp_path, first):
    entry = {"apiVersion": V1, "command": "x", "interactiveMode": "Never"}
    assert _user(tmp_path, exec=entry, **first).exec is None
    assert _user(tmp_path, exec=entry) == User(exec=Exec(command="x", api_version=V1, interactive_mode="Never"))


def test_one_beside_the_kubeconfig_is_found_there(tmp_path):
    entry = {"apiVersion": V1BETA1, "command": "./x"}
    found = _user(tmp_path, exec=entry).exec
    assert found == Exec(command=str(tmp_path / "x"), api_version=V1BETA1, interactive_mode="IfAvailable")
