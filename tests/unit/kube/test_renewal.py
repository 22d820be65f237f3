"""What changes while a connection lasts: tokens, certificates, the authority, the kubeconfig itself."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from inplace.kube import access, connection, trust
from inplace.kube.client import Client
from inplace.kube.connection import connect
from inplace.kube.errors import ConfigError, NotFound, Unreachable
from inplace.kube.kubeconfig import V1
from inplace.runtime.observe import NullObserver
from tests.kubectl.recording import recording
from tests.unit.kube.clocks import NOW, Hand


class Restless(Hand):
    """Its pauses take no time."""

    async def sleep(self, seconds):
        """Not at all."""


def _config(folder, user, *, server="https://127.0.0.1:1", name="x", **cluster):
    path = folder / "config"
    config = {
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server, **cluster}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    path.write_text(json.dumps(config))
    return str(path)


@asynccontextmanager
async def _opened(path, clock):
    async with await connect(kubeconfig=path, user_agent="test", in_cluster=False, clock=clock) as opened:
        yield opened


async def _authorization(opened):
    return (await opened.headers()).get("Authorization")


def _script(folder, body):
    """A plugin that runs this code: `n` counts its runs, `give` prints a status."""
    runs = folder / "runs"
    runs.write_text("")
    code = (
        "import json, sys, time\n"
        f"open({str(runs)!r}, 'a').write('x')\nn = len(open({str(runs)!r}).read())\n"
        f"about = dict(apiVersion={V1!r}, kind='ExecCredential')\n"
        f"def give(**status): print(json.dumps(dict(about, status=status)))\n{body}\n"
    )
    (folder / "plugin.py").write_text(code)
    entry = {
        "apiVersion": V1,
        "interactiveMode": "Never",
        "command": sys.executable,
        "args": [str(folder / "plugin.py")],
    }
    return {"exec": entry}, lambda: len(runs.read_text())


# --- files


async def test_a_token_is_read_again_each_minute_and_kept_while_its_file_is_away(tmp_path):
    token, clock = tmp_path / "token", Restless()
    token.write_text("first\n")
    async with _opened(_config(tmp_path, {"token": "beside", "tokenFile": "token"}), clock) as opened:
        token.write_text("second")
        clock.at = 30.0
        assert await _authorization(opened) == "Bearer first"
        clock.at = 61.0
        assert await _authorization(opened) == "Bearer second"
        token.unlink()
        clock.at = 122.0
        assert await _authorization(opened) == "Bearer beside", "the one that stands beside the file, as kubectl does"


async def test_a_token_that_is_alone_is_kept_while_its_file_is_away(tmp_path):
    token, clock = tmp_path / "token", Restless()
    token.write_text("first")
    async with _opened(_config(tmp_path, {"tokenFile": "token"}), clock) as opened:
        token.unlink()
        clock.at = 61.0
        assert await _authorization(opened) == "Bearer first"


async def test_what_is_written_into_the_kubeconfig_counts_for_its_context_alone(tmp_path):
    clock = Restless()
    path = _config(tmp_path, {"token": "first"})
    async with _opened(path, clock) as opened:
        config = json.loads(Path(path).read_text())
        config["users"] = [{"name": "x", "user": {"token": "second"}}, {"name": "y", "user": {"token": "other"}}]
        config["contexts"].append({"name": "y", "context": {"cluster": "x", "user": "y"}})
        config["current-context"] = "y"
        Path(path).write_text(json.dumps(config))
        clock.at = 61.0
        assert await _authorization(opened) == "Bearer second"


async def test_no_credential_of_another_server_is_sent(tmp_path):
    clock = Restless()
    path = _config(tmp_path, {"token": "first"})
    async with _opened(path, clock) as opened:
        _config(tmp_path, {"token": "of another"}, server="https://127.0.0.1:2222")
        clock.at = 61.0
        assert await _authorization(opened) == "Bearer first"
        with pytest.raises(ConfigError, match="x is another server now: start again"):
            await opened.renew("Bearer first")


# --- id-tokens


def _user_of_oidc(expires, **more):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expires.timestamp()}).encode()).decode().rstrip("=")
    config = {"id-token": f"e30.{claims}.x", "refresh-token": "once", **more}
    return {"auth-provider": {"name": "oidc", "config": config}}


async def test_an_id_token_is_used_until_it_expires_and_the_refresh_token_is_left_to_kubectl(tmp_path):
    clock = Restless()
    path = _config(tmp_path, _user_of_oidc(NOW + timedelta(seconds=1000)))
    async with _opened(path, clock) as opened:
        first = await _authorization(opened)
        clock.at = 1000.0
        with pytest.raises(ConfigError, match=r"id-token has expired.*log in again, or let kubectl renew it") as caught:
            await opened.headers()
        assert "once" not in str(caught.value)
        assert "refresh-token" in Path(path).read_text()
        _config(tmp_path, _user_of_oidc(NOW + timedelta(seconds=3000)))  # kubectl has renewed it
        clock.at = 1020.0
        assert await _authorization(opened) not in {None, first}


async def test_an_id_token_that_has_expired_is_not_sent(tmp_path):
    with pytest.raises(ConfigError, match="id-token has expired, at 2025-12-31T23:59:00"):
        async with _opened(_config(tmp_path, _user_of_oidc(NOW - timedelta(seconds=60))), Restless()):
            pass


# --- plugins


async def test_who_gives_up_leaves_the_sign_in_to_the_others(tmp_path):
    clock = Restless()
    user, runs = _script(tmp_path, "time.sleep(0 if n == 1 else 1.0); give(token=f't{n}')")
    async with _opened(_config(tmp_path, user), clock) as opened:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await opened.renew("Bearer t1")
        await opened.renew("Bearer t1")
        assert await _authorization(opened) == "Bearer t2"
        assert runs() == 2


async def test_credentials_that_were_renewed_meanwhile_are_not_renewed_again(tmp_path):
    clock = Restless()
    user, runs = _script(tmp_path, "give(token=f't{n}')")
    async with _opened(_config(tmp_path, user), clock) as opened:
        await opened.renew("Bearer t1")
        clock.at = 100.0
        await opened.renew("Bearer t1")
        assert runs() == 2


async def test_a_connection_that_is_closed_ends_the_plugin(tmp_path):
    user, _ = _script(tmp_path, "time.sleep(0 if n == 1 else 60); give(token=f't{n}')")
    async with asyncio.timeout(30), _opened(_config(tmp_path, user), Restless()) as opened:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await opened.renew("Bearer t1")
    assert opened._renewing is None


# --- certificates


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    with recording(tmp_path_factory.mktemp("recording")) as found:
        yield found


def _ask(opened, clock, path):
    async def ask():
        with suppress(NotFound):
            await Client(opened, NullObserver(), clock, timeout=20)._call("GET", path)

    return ask()


def _at(recorded, name):
    return f"https://127.0.0.1:{recorded.ports[name]}"


async def test_a_plugins_new_certificate_is_presented_when_the_one_before_expires(tmp_path, recorded):
    folder, clock = recorded.folder, Restless()
    body = (
        f"name = 'jane' if n == 1 else 'joe'\nread = lambda end: open({str(folder)!r} + '/' + name + end).read()\n"
        "give(clientCertificateData=read('.crt'), clientKeyData=read('.key'), expirationTimestamp="
        "f'2026-01-01T0{n}:00:00Z')"
    )
    user, runs = _script(tmp_path, body)
    trusted = {"certificate-authority": str(folder / "ca.crt")}
    async with _opened(_config(tmp_path, user, server=_at(recorded, "a"), **trusted), clock) as opened:
        await _ask(opened, clock, "/early")
        clock.at = 3601.0
        await _ask(opened, clock, "/late")
    assert (recorded.of("/early").certificate, recorded.of("/late").certificate) == ("jane", "joe")
    assert runs() == 2


async def test_a_client_certificate_that_is_written_anew_is_presented(tmp_path, recorded):
    clock = Restless()
    for end in ("crt", "key"):
        shutil.copy(recorded.folder / f"jane.{end}", tmp_path / f"me.{end}")
    user = {"client-certificate": "me.crt", "client-key": "me.key"}
    trusted = {"certificate-authority": str(recorded.folder / "ca.crt")}
    async with _opened(_config(tmp_path, user, server=_at(recorded, "a"), **trusted), clock) as opened:
        await _ask(opened, clock, "/before")
        sessions = opened.calls
        clock.at = 61.0
        await _ask(opened, clock, "/same")
        assert opened.calls is sessions, "what has not changed is not opened again"
        for end in ("crt", "key"):
            shutil.copy(recorded.folder / f"joe.{end}", tmp_path / f"me.{end}")
        clock.at = 122.0
        await _ask(opened, clock, "/after")
        assert opened.calls is not sessions
    assert (recorded.of("/before").certificate, recorded.of("/after").certificate) == ("jane", "joe")


async def test_an_authority_that_has_changed_is_read_when_the_server_is_not_trusted(tmp_path, recorded):
    clock = Restless()
    shutil.copy(recorded.folder / "ca.crt", tmp_path / "ca.crt")
    path = _config(tmp_path, {"token": "t"}, server=_at(recorded, "strange"), **{"certificate-authority": "ca.crt"})
    async with _opened(path, clock) as opened:
        with pytest.raises(Unreachable, match="certificate is not accepted"):
            await _ask(opened, clock, "/rotated")
        shutil.copy(recorded.folder / "other-ca.crt", tmp_path / "ca.crt")
        await _ask(opened, clock, "/rotated")
    assert recorded.of("/rotated").server == "strange"


async def test_an_authority_is_read_each_minute_and_half_of_a_file_is_none(tmp_path, recorded):
    clock = Restless()
    shutil.copy(recorded.folder / "ca.crt", tmp_path / "ca.crt")
    path = _config(tmp_path, {"token": "t"}, server=_at(recorded, "a"), **{"certificate-authority": "ca.crt"})
    async with _opened(path, clock) as opened:
        (tmp_path / "ca.crt").write_text("-----BEGIN CERT")
        clock.at = 61.0
        await _ask(opened, clock, "/half")
        shutil.copy(recorded.folder / "other-ca.crt", tmp_path / "ca.crt")
        clock.at = 122.0
        with pytest.raises(Unreachable, match="certificate is not accepted"):
            await _ask(opened, clock, "/distrusted")
    assert recorded.of("/half") is not None
    assert recorded.of("/distrusted") is None


def _made(folder, *options):
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-days",
        "1",
        *options,
        "-out",
        "x.crt",
        "-keyout",
        "x.key",
    ]
    subprocess.run(make, check=True, capture_output=True, cwd=folder)
    return (folder / "x.crt").read_bytes(), (folder / "x.key").read_bytes()


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path):
    certificate, key = _made(tmp_path, "-subj", "/CN=x", "-passout", "pass:secret")
    credential = access.Credential(certificate=certificate, key=key)
    with pytest.raises(ConfigError, match="the certificates of https://a:1 cannot be used"):
        trust.context_of(access.Access("https://a:1", credential=credential))


def test_the_name_in_a_certificates_subject_counts_for_nothing(tmp_path):
    certificate, _ = _made(tmp_path, "-nodes", "-subj", "/CN=a")
    context = trust.context_of(access.Access("https://a:1", authority=certificate))
    assert context is not None
    assert not context.hostname_checks_common_name


def test_a_key_never_stands_on_the_disk(tmp_path, monkeypatch):
    certificate, key = _made(tmp_path, "-nodes", "-subj", "/CN=a")
    monkeypatch.setattr(tempfile, "TemporaryDirectory", lambda: pytest.fail("a file was made"))
    trust.context_of(access.Access("https://a:1", credential=access.Credential(certificate=certificate, key=key)))


async def test_files_are_not_looked_at_for_every_request(tmp_path, monkeypatch):
    clock = Restless()
    async with _opened(_config(tmp_path, {"token": "t"}), clock) as opened:
        looked = []

        async def look():
            looked.append(clock.at)
            raise ConfigError("nothing")

        monkeypatch.setattr(opened._source, "look", look)
        for at in (1.0, 2.0, 60.0, 61.0, 90.0):
            clock.at = at
            await opened.headers()
    assert looked == [60.0]
    assert connection.LOOK_EVERY == 60.0
