"""Credentials: each kind of kubeconfig, and each way in which one can be wrong, in one line."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from inplace.kube import plugin as plugin_module
from inplace.kube.connection import connect
from inplace.kube.errors import ConfigError
from inplace.runtime.clock import SystemClock
from tests.unit.kube.clocks import Hand


def _write(path, user=None, **changes):
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443/", **changes}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "games"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(config))
    return str(path)


async def _connect(path, **options):
    return await connect(kubeconfig=path, user_agent="test", clock=SystemClock(), **options)


async def test_a_token_and_the_contexts_namespace(tmp_path):
    async with await _connect(_write(tmp_path / "c", {"token": "abc"})) as connection:
        headers = await connection.headers()
        assert headers["Authorization"] == "Bearer abc"
        assert connection.namespace == "games"
        assert str(connection.url("/api/v1/pods?x=a%2Fb")) == "https://127.0.0.1:6443/api/v1/pods?x=a%2Fb"


async def test_a_token_file_with_a_newline(tmp_path):
    (tmp_path / "token").write_text("abc\n")
    async with await _connect(_write(tmp_path / "c", {"tokenFile": str(tmp_path / "token")})) as connection:
        assert (await connection.headers())["Authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    ("user", "content"),
    [({"token": "s3cret\n"}, ""), ({"tokenFile": "token"}, "s3cret\nmore\n")],
    ids=["a block in the kubeconfig", "two lines in a file"],
)
async def test_a_token_that_no_header_may_have_is_an_error_without_it(tmp_path, user, content):
    (tmp_path / "token").write_text(content)
    with pytest.raises(ConfigError) as caught:
        async with await _connect(_write(tmp_path / "c", user)) as connection:
            await connection.headers()
    assert "the token or password" in str(caught.value)
    assert "has the control character U+000A: expected text in one line" in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_impersonation(tmp_path):
    async with await _connect(_write(tmp_path / "c", {"token": "abc"}), as_user="jane") as connection:
        assert (await connection.headers())["Impersonate-User"] == "jane"


async def test_an_exec_plugin_is_asked_again_when_its_token_expires(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("")
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    script = (
        f"import json; f = open({str(counter)!r}, 'a'); f.write('x'); f.close(); "
        f"n = len(open({str(counter)!r}).read()); "
        f"print(json.dumps({{**{json.dumps(credential)}, "
        "'status': {'token': f't{n}', 'expirationTimestamp': '2020-01-01T00:00:00Z'}}))"
    )
    plugin = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": ["-c", script],
            "interactiveMode": "Never",
        }
    }
    async with await _connect(_write(tmp_path / "c", plugin)) as connection:
        assert (await connection.headers())["Authorization"] != "Bearer t1"


async def test_the_files_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "empty").write_text("")
    (tmp_path / "broken").write_text("{")
    (tmp_path / "list").write_text("[]")
    for name in ("empty", "broken", "list", "absent"):
        with pytest.raises(ConfigError, match=name) as caught:
            await _connect(str(tmp_path / name))
        assert "\n" not in str(caught.value)


async def test_a_password_in_the_address_is_refused_and_not_shown(tmp_path):
    path = _write(tmp_path / "c", {"token": "abc"}, server="https://me:secret@127.0.0.1:6443")
    with pytest.raises(ConfigError, match=r"https://127\.0\.0\.1:6443 has a user or password in it") as caught:
        await _connect(path)
    assert "secret" not in str(caught.value)


async def test_an_unknown_context(tmp_path):
    with pytest.raises(ConfigError, match="no context 'nope'"):
        await _connect(_write(tmp_path / "c", {"token": "a"}), context="nope")


async def test_a_certificate_that_cannot_be_read(tmp_path):
    (tmp_path / "ca").write_text("no certificate")
    connection = await _connect(
        _write(tmp_path / "c", {"token": "a"}, **{"certificate-authority": str(tmp_path / "ca")})
    )
    with pytest.raises(ConfigError, match="certificates of https://127"):
        async with connection:
            pass


async def test_a_certificate_that_does_not_exist(tmp_path):
    with pytest.raises(ConfigError, match="gone"):
        await _connect(_write(tmp_path / "c", {"token": "a"}, **{"certificate-authority": str(tmp_path / "gone")}))


# --- credentials are renewed, or not


def _plugin(folder, body):
    """A kubeconfig whose plugin runs this code; `n` counts its runs, `print_token(token, seconds)` answers."""
    runs = folder / "runs"
    runs.write_text("")
    program = folder / "plugin.py"
    program.write_text(
        f"import json, sys, time, datetime\n"
        f"open({str(runs)!r}, 'a').write('x')\n"
        f"n = len(open({str(runs)!r}).read())\n"
        f"def print_token(token, seconds):\n"
        f"    at = datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=seconds)\n"
        f"    status = {{'token': token, 'expirationTimestamp': at.isoformat() + 'Z'}}\n"
        f"    print(json.dumps({{'apiVersion': 'client.authentication.k8s.io/v1', "
        f"'kind': 'ExecCredential', 'status': status}}))\n{body}\n"
    )
    run = {"command": sys.executable, "args": [str(program)], "interactiveMode": "Never"}
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", **run}}
    return _write(folder / "c", user), lambda: len(runs.read_text())


async def _asked(connection):
    """Until whatever was asked for in the background has been answered, or given up."""
    if connection._renewing is not None:
        await asyncio.wait([connection._renewing], timeout=20)


async def _opened(path, clock):
    return await connect(kubeconfig=path, user_agent="test", clock=clock)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            "sys.exit('denied by the provider') if n > 1 else print_token('t1', 100)",
            "ended with 1: what it said stands above",
        ),
        ("print('a: b: c') if n > 1 else print_token('t1', 100)", "prints what is neither JSON nor YAML"),
        ("print('[]') if n > 1 else print_token('t1', 100)", "prints something else"),
        ("print('x' * 3_000_000) if n > 1 else print_token('t1', 100)", "more than 1048576 bytes"),
        ("time.sleep(15) if n > 1 else print_token('t1', 100)", "no answer within"),
    ],
    ids=["fails", "talks", "answers another question", "talks without end", "hangs"],
)
async def test_a_plugin_that_does_not_answer_ends_nothing_and_its_token_is_used_until_it_expires(
    tmp_path, monkeypatch, body, why
):
    monkeypatch.setattr(plugin_module, "SECONDS", 2.0)
    path, runs = _plugin(tmp_path, body)
    clock = Hand()
    async with await _opened(path, clock) as connection:
        clock.at = 50.0  # it is to be renewed, and is good for a while
        for _ in range(3):
            assert (await connection.headers())["Authorization"] == "Bearer t1", "and nobody waits for it"
            await _asked(connection)
        assert runs() == 2, "nobody asks again at once"
        clock.at = 101.0
        with pytest.raises(ConfigError, match=why) as caught:
            await connection.headers()
        assert "\n" not in str(caught.value)
        assert runs() == 3


async def test_what_a_plugin_says_beside_its_answer_holds_nothing_up(tmp_path):
    """It writes more to stderr than a pipe holds before it answers."""
    path, _ = _plugin(tmp_path, "sys.stderr.write('talk ' * 100_000); print_token(f't{n}', 100)")
    async with asyncio.timeout(20), await _opened(path, Hand()) as connection:
        assert (await connection.headers())["Authorization"] == "Bearer t1"


async def test_a_plugin_that_hangs_is_not_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(plugin_module, "SECONDS", 1.0)
    mark = tmp_path / "pid"
    hang = f"(open({str(mark)!r}, 'w').write(str(__import__('os').getpid())), time.sleep(60))"
    body = f"print_token('t1', 100) if n == 1 else {hang}"
    path, _ = _plugin(tmp_path, body)
    clock = Hand()
    async with await _opened(path, clock) as connection:
        clock.at = 50.0
        await connection.headers()
        await _asked(connection)
        assert not Path(f"/proc/{mark.read_text()}/cmdline").exists()


async def test_many_that_are_refused_at_once_ask_the_plugin_once(tmp_path):
    path, runs = _plugin(tmp_path, "print_token(f't{n}', 1000)")
    async with await _opened(path, Hand()) as connection:
        await asyncio.gather(*(connection.renew("Bearer t1") for _ in range(48)))
        assert runs() == 2
        assert (await connection.headers())["Authorization"] == "Bearer t2"
        await connection.renew("Bearer t2")
        assert runs() == 2, "and not again so soon"


@pytest.mark.parametrize(
    ("server", "sent"),
    [("https://10.0.0.1", True), ("http://10.0.0.1", False), ("http://127.0.0.1:8001", False), ("10.0.0.1:80", False)],
)
async def test_no_credential_is_sent_over_plain_http(tmp_path, server, sent):
    async with await _connect(_write(tmp_path / "c", {"token": "abc"}, server=server)) as connection:
        assert ("Authorization" in await connection.headers()) is sent


def _certificate(folder, name):
    key, cert = folder / "key.pem", folder / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    subprocess.run([*make, "-subj", f"/CN={name}", "-keyout", key, "-out", cert], check=True, capture_output=True)
    return {"client-certificate": str(cert), "client-key": str(key)}


async def test_a_client_certificate_that_is_replaced_is_used_for_new_connections(tmp_path):
    path, clock = _write(tmp_path / "c", _certificate(tmp_path, "first")), Hand()
    async with await _opened(path, clock) as connection:
        await connection.renew(None)
        before = connection.calls
        _certificate(tmp_path, "second")
        clock.at = 100.0
        await connection.renew(None)
        assert connection.calls is not before
        assert not before.closed, "what is under way goes on"
        clock.at = 200.0
        (tmp_path / "cert.pem").write_text("half of a fi")
        with pytest.raises(ConfigError, match="cannot be renewed"):
            await connection.renew(None)
        _certificate(tmp_path, "third")
        clock.at = 300.0
        await connection.renew(None)
        assert before.closed


async def test_the_token_of_the_pod_is_read_again_when_it_is_refused_and_kept_while_its_file_is_not_there(
    tmp_path, monkeypatch
):
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("first")
    (folder / "ca.crt").write_text("not used before a connection is opened")
    library = import_module("kubernetes_asyncio.config.incluster_config")
    monkeypatch.setattr(library, "SERVICE_TOKEN_FILENAME", str(folder / "token"))
    monkeypatch.setattr(library, "SERVICE_CERT_FILENAME", str(folder / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    clock = Hand()
    connection = await connect(user_agent="test", clock=clock)
    (folder / "token").write_text("")
    with pytest.raises(ConfigError, match="cannot be renewed"):
        await connection.renew("Bearer first")
    assert (await connection.headers())["Authorization"] == "Bearer first"
    (folder / "token").write_text("second")
    clock.at = 100.0
    await connection.renew("Bearer first")
    assert (await connection.headers())["Authorization"] == "Bearer second"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https://127.0.0.1:6443", "https://127.0.0.1:6443-1", "port can't be converted to integer"),
        (
            "https://127.0.0.1:6443",
            "ftp://nothing",
            "clusters: server 'ftp://nothing' is no address: expected https://HOST",
        ),
        ("namespace: games", "namespace: n", "contexts[0].context.namespace: expected text, got true or false"),
    ],
)
async def test_what_is_no_address_or_no_name_is_said(tmp_path, old, new, said):
    text = """
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: k, cluster: {server: "https://127.0.0.1:6443", insecure-skip-tls-verify: true}}]
contexts: [{name: c, context: {cluster: k, user: u, namespace: games}}]
users: [{name: u, user: {token: t}}]
"""
    assert old in text
    path = tmp_path / "config"
    path.write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        await connect(user_agent="test", kubeconfig=str(path), in_cluster=False, clock=SystemClock())
    assert str(caught.value).startswith(f"kubeconfig {path}")
    assert said in str(caught.value)
