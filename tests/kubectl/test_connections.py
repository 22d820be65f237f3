"""The matrix of connections: of each kubeconfig with its flags and variables, what a server sees of kubectl and of us.

Which server, which path, who asks, by which certificate, through which proxy; or that nothing is asked at all.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, Final

import msgspec
import pytest

from inplace.kube.client import Client
from inplace.kube.connection import connect
from inplace.kube.errors import KubeError, NotFound
from inplace.kube.kubeconfig import Flags
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver
from tests.kubectl.connections import CASES, Case
from tests.kubectl.recording import Recording, Seen, recording

#: No variable of whoever runs the tests counts.
CLEARED: Final = (
    *("KUBECONFIG", "KUBERNETES_MASTER", "KUBERNETES_SERVICE_HOST", "REQUEST_METHOD"),
    *(word for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY") for word in (name, name.lower())),
)


class Impatient(SystemClock):
    """Whoever was refused asks again at once."""

    async def sleep(self, seconds: float) -> None:
        """Not at all."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    """The servers of all cases."""
    if shutil.which("kubectl") is None:
        assert "CI" not in os.environ, "kubectl is missing in CI"
        pytest.skip("kubectl is not installed: these tests compare with the real one")
    with recording(tmp_path_factory.mktemp("recording")) as found:
        yield found


def written(case: Case, here: Path, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Write the files of a case; its flags and its variables, filled in."""
    known = {**values, "here": str(here), "path": os.environ["PATH"]}
    for name, content in case.files.items():
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
        path.write_text(Template(text).substitute(known), encoding="utf-8")
        if text.startswith("#!"):
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
    flags, environment = (
        {name: Template(value).substitute(known) for name, value in found.items()}
        for found in (case.flags, case.environment)
    )
    return flags, environment


async def ours(flags: Mapping[str, str], path: str) -> str:
    """Ask; the error, if nothing could be asked."""
    options = {name.replace("-", "_"): value for name, value in flags.items()}
    replaced: dict[str, Any] = {name: options[name] for name in Flags.__struct_fields__ if name in options}
    given = Flags(**{**replaced, "insecure_skip_tls_verify": "insecure_skip_tls_verify" in replaced})
    clock = Impatient()
    try:
        connection = await connect(
            user_agent="test",
            kubeconfig=options.get("kubeconfig"),
            context=options.get("context"),
            as_user=options.get("as"),
            as_groups=(options["as_group"],) if "as_group" in options else (),
            as_uid=options.get("as_uid"),
            flags=given,
            clock=clock,
        )
        async with connection:
            with suppress(NotFound):
                await Client(connection, NullObserver(), clock, timeout=10)._call("GET", path)
    except KubeError as error:
        return str(error)
    return ""


def kubectl(flags: Mapping[str, str], environment: Mapping[str, str], path: str) -> None:
    """Ask by kubectl, from another folder."""
    given = [f"--{name}={value}" for name, value in flags.items()]
    clean = {name: value for name, value in os.environ.items() if name not in CLEARED}
    subprocess.run(
        ["kubectl", *given, "get", "--raw", path],
        check=False,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd="/",
        env={**clean, **environment},
        timeout=60,
    )


@cache
def minor() -> int:
    """The minor version of kubectl."""
    told = subprocess.run(["kubectl", "version", "--client", "-o", "json"], check=True, capture_output=True, timeout=60)
    return int(msgspec.json.decode(told.stdout)["clientVersion"]["minor"].rstrip("+"))


@pytest.mark.parametrize("name", CASES)
def test_the_same_is_asked_as_kubectl_asks(
    recorded: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = CASES[name]
    if minor() < case.since:
        pytest.skip(f"kubectl does so since 1.{case.since}")
    path = f"/{[*CASES].index(name)}"
    flags, environment = written(case, tmp_path, recorded.values())
    environment = {"HOME": str(tmp_path / "home"), **environment}
    kubectl(flags, environment, path)
    wanted = recorded.of(path)
    for variable in CLEARED:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir("/")
    error = asyncio.run(ours(flags, f"{path}-ours"))
    found = recorded.of(f"{path}-ours")
    if case.differs:
        assert found is None
        assert error
        return
    assert _alike(found, "-ours") == _alike(wanted, ""), error
    assert bool(error) is (wanted is None)
    assert "\n" not in error


def _alike(seen: Seen | None, suffix: str) -> Seen | None:
    return None if seen is None else seen._replace(path=seen.path.removesuffix(suffix))
