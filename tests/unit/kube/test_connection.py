"""Credentials: each kind of kubeconfig, and each way in which one can be wrong, in one line."""

from __future__ import annotations

import json
import sys

import pytest
import yaml

from inplace.kube.connection import connect
from inplace.kube.errors import ConfigError
from inplace.runtime.clock import SystemClock


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


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https://127.0.0.1:6443", "https://127.0.0.1:6443-1", "port can't be converted to integer"),
        ("https://127.0.0.1:6443", "nothing", "clusters: server 'nothing' is no address: expected https://HOST"),
        ("namespace: n", "namespace: [n]", "contexts: namespace ['n'] is no name"),
    ],
)
async def test_what_the_library_takes_as_it_comes_is_checked(tmp_path, old, new, said):
    text = """
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: k, cluster: {server: "https://127.0.0.1:6443", insecure-skip-tls-verify: true}}]
contexts: [{name: c, context: {cluster: k, user: u, namespace: n}}]
users: [{name: u, user: {token: t}}]
"""
    assert old in text
    path = tmp_path / "config"
    path.write_text(text.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        await connect(user_agent="test", kubeconfig=str(path), in_cluster=False, clock=SystemClock())
    assert str(caught.value).startswith(f"kubeconfig {path} cannot be used: ")
    assert said in str(caught.value)
