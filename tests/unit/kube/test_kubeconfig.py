"""Which cluster, user and credential a kubeconfig means: by client-go's rules.

Tests of tests/kubectl/test_connections.py compare with the real kubectl.
"""

from __future__ import annotations

import os

import pytest
import yaml

from inplace.kube.connection import connect
from inplace.kube.entries import Cluster, User
from inplace.kube.errors import ConfigError
from inplace.kube.kubeconfig import Flags, choose
from inplace.runtime.clock import SystemClock

SECRET = "s3cr3t-value"
SEEN = ("Authorization", "Impersonate-User", "Impersonate-Uid", "Impersonate-Group", "Impersonate-Extra-why%2Fso")


def _config(server, user, *, name="x", **context):
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, **context}}],
    }


async def _ours(**options):
    async with await connect(user_agent="test", in_cluster=False, clock=SystemClock(), **options) as connection:
        headers = await connection.headers()
        return connection.host, {name: headers.getall(name) for name in SEEN if name in headers}


async def test_of_two_files_the_first_wins_and_paths_are_relative_to_their_own(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "token").write_text("of below")
    first = _config("https://127.0.0.1:1", {"tokenFile": "token"})
    second = _config("https://127.0.0.1:2", {"token": "other"}) | {"current-context": "other"}
    (tmp_path / "below" / "a").write_text(yaml.safe_dump(first))
    (tmp_path / "b").write_text(yaml.safe_dump(second))
    (tmp_path / "empty").write_text("")
    listed = [tmp_path / "none", tmp_path / "empty", tmp_path / "below" / "a", tmp_path / "b"]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, listed)))
    assert await _ours() == ("https://127.0.0.1:1", {"Authorization": ["Bearer of below"]})


async def test_the_pods_own_credentials_are_for_when_there_is_no_kubeconfig(tmp_path, monkeypatch):
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(yaml.safe_dump(_config("http://127.0.0.1:1", {"token": "abc"})))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    connection = await connect(user_agent="test", in_cluster=True, clock=SystemClock())
    assert connection.host == "http://127.0.0.1:1"


async def test_https_in_capitals_is_verified(tmp_path):
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(_config("HTTPS://127.0.0.1:1", {"token": "abc"})))
    async with await connect(kubeconfig=str(path), user_agent="test", clock=SystemClock()) as connection:
        assert connection.tls is not None
        assert connection.tls.check_hostname


async def test_a_path_with_a_colon_and_json_with_tabs(tmp_path):
    (tmp_path / "a:b").mkdir()
    path = tmp_path / "a:b" / "config"
    path.write_text(
        '{\n\t"current-context": "x",\n\t"clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:1"}}],'
        '\n\t"users": [],\n\t"contexts": [{"name": "x", "context": {"cluster": "x"}}]\n}'
    )
    assert await _ours(kubeconfig=str(path)) == ("http://127.0.0.1:1", {})


async def test_the_command_line_takes_the_place_of_the_file_field_by_field(tmp_path):
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(_config("http://127.0.0.1:1", {"as": "jane", "as-groups": ["a"], "as-uid": "7"})))
    _, headers = await _ours(kubeconfig=str(path), as_user="joe", as_groups=("b", "c"))
    assert headers == {"Impersonate-User": ["joe"], "Impersonate-Group": ["b", "c"], "Impersonate-Uid": ["7"]}


async def test_extra_of_the_command_line_takes_the_place_of_that_of_the_file(tmp_path):
    path = tmp_path / "config"
    entry = {"as": "jane", "as-user-extra": {"scopes": ["all"], "acme.com/id": ["1"]}}
    path.write_text(yaml.safe_dump(_config("http://127.0.0.1:1", entry)))
    async with await connect(
        user_agent="test",
        kubeconfig=str(path),
        as_extra=(("scopes", ("view", "list")),),
        in_cluster=False,
        clock=SystemClock(),
    ) as connection:
        headers = await connection.headers()
    assert headers.getall("Impersonate-Extra-scopes") == ["view", "list"]
    assert not [name for name in headers if "acme" in name.lower()]
    path.write_text(yaml.safe_dump(_config("http://127.0.0.1:1", {})))
    with pytest.raises(ConfigError, match="--as-user-extra say more of the user of --as: expected --as USER as well"):
        await _ours(kubeconfig=str(path), as_extra=(("scopes", ("view",)),))


async def test_groups_without_a_user_are_refused(tmp_path):
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(_config("http://127.0.0.1:1", {})))
    with pytest.raises(ConfigError, match="expected --as USER"):
        await _ours(kubeconfig=str(path), as_groups=("b",))


@pytest.mark.parametrize(
    "user",
    [
        {"auth-provider": {"name": "oidc", "config": {"id-token": SECRET, "refresh-token": SECRET}}},
        {"auth-provider": {"name": "oidc", "config": {"refresh-token": SECRET, "client-id": SECRET}}},
        {"exec": {"command": "/none", "args": [SECRET]}},
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "args": [SECRET]}},
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "x", "args": SECRET}},
        {"token": SECRET, "username": "u", "password": SECRET},
        {"client-certificate-data": SECRET, "client-key-data": SECRET},
    ],
)
async def test_no_message_shows_a_credential(tmp_path, user):
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(_config("https://127.0.0.1:1", user)))
    with pytest.raises(ConfigError) as caught:
        await _ours(kubeconfig=str(path))
    assert str(path) in str(caught.value) or "127.0.0.1:1" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("{as: jane, as-groups: admins}", "users.0..user.as-groups: expected a list, got text"),
        ("{as: jane, as-user-extra: [a]}", "as-user-extra: expected a mapping, got a list"),
        ("{as: jane, as-user-extra: {a: b}}", "as-user-extra.....: expected a list, got text"),
        ("&a {exec: *a}", "nested more than 100 levels deep"),
    ],
)
async def test_what_is_malformed_is_named(tmp_path, user, said):
    path = tmp_path / "config"
    text = yaml.safe_dump(_config("http://127.0.0.1:1", {"token": "REPLACED"}))
    path.write_text(text.replace("\n    token: REPLACED", f" {user}"))
    with pytest.raises(ConfigError, match=said):
        await _ours(kubeconfig=str(path))


def _chosen(tmp_path, on_cluster, on_user, /, **flags):
    config = _config("https://a:1", on_user)
    config["clusters"][0]["cluster"] |= on_cluster
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    return choose(str(tmp_path / "config"), None, Flags(**flags))


def test_an_authority_given_is_the_only_one_and_is_verified_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = {"insecure-skip-tls-verify": True, "certificate-authority-data": "Zm9v"}
    chosen = _chosen(tmp_path, written, {}, certificate_authority="ca.crt")
    assert chosen.cluster == Cluster(server="https://a:1", certificate_authority=str(tmp_path / "ca.crt"))


def test_who_does_not_want_to_verify_needs_no_authority(tmp_path):
    chosen = _chosen(tmp_path, {"certificate-authority": "/none"}, {}, insecure_skip_tls_verify=True)
    assert chosen.cluster == Cluster(server="https://a:1", insecure_skip_tls_verify=True)
    with pytest.raises(ConfigError, match="expected one of them"):
        _chosen(tmp_path, {}, {}, insecure_skip_tls_verify=True, certificate_authority="ca.crt")


def test_another_server_does_not_have_the_name_of_the_files(tmp_path):
    assert not _chosen(tmp_path, {"tls-server-name": "a"}, {}, server="https://b:1").cluster.tls_server_name
    assert _chosen(tmp_path, {"tls-server-name": "a"}, {}, tls_server_name="b").cluster.tls_server_name == "b"


def test_a_client_certificate_given_takes_the_place_of_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = {"client-certificate-data": "Zm9v", "client-key-data": "Zm9v"}
    chosen = _chosen(tmp_path, {}, written, client_certificate="a.crt", client_key="a.key")
    assert chosen.user == User(client_certificate=str(tmp_path / "a.crt"), client_key=str(tmp_path / "a.key"))


@pytest.mark.parametrize("flag", ["cluster", "user"])
def test_a_name_given_that_is_not_there_is_said(tmp_path, flag):
    with pytest.raises(ConfigError, match=f"--{flag} names .none., which is not there"):
        _chosen(tmp_path, {}, {}, **{flag: "none"})


def test_a_token_given_does_not_go_with_a_password(tmp_path):
    with pytest.raises(ConfigError, match="a token and a password"):
        _chosen(tmp_path, {}, {"username": "u", "password": "p"}, token="given")


def test_a_token_given_that_kubectl_would_ignore_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="--token: the user has a tokenFile"):
        _chosen(tmp_path, {}, {"tokenFile": "token"}, token="given")


@pytest.mark.parametrize(
    ("context", "said"),
    [({"user": ""}, "the context x names no user"), ({}, "the context x the user x has no credential")],
)
async def test_nobody_is_refused(tmp_path, context, said):
    config = _config("https://127.0.0.1:1", {})
    config["contexts"][0]["context"] |= context
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigError, match=said):
        await _ours(kubeconfig=str(tmp_path / "config"))


def test_the_first_current_context_counts(tmp_path, monkeypatch):
    for name, user in (("a", "first"), ("b", "second")):
        path = tmp_path / name
        path.write_text(yaml.safe_dump(_config("https://a:1", {"token": user}, name=f"of-{name}")))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}")
    assert choose(None, None).context == "of-a"


async def test_in_a_pod_a_kubeconfig_that_says_nothing_does_not_count(tmp_path, monkeypatch):
    (tmp_path / "config").write_text("apiVersion: v1\nkind: Config\nclusters: null\n")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(ConfigError, match="the Pod's own credentials cannot be used"):
        await connect(user_agent="test", in_cluster=True, clock=SystemClock())
