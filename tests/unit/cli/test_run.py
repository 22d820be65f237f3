"""`inplace run`: what is served where, and addresses that are none."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from inplace.cli import run
from inplace.cli.app import main
from inplace.serve.metrics import Metrics

HERE = ("127.0.0.1", 0)
APP: Any = SimpleNamespace(live={"ping": lambda: None}, ready={"cache-pods": lambda: "not synced"}, notes={})
PROBES = {"livez": 200, "readyz": 500}
NEITHER = {"metrics": 404, "livez": 404, "readyz": 404}


async def answers(addresses):
    """What each server says to whom asks for metrics or probes; None of one that does not listen."""
    found = []
    async with AsyncExitStack() as stack, aiohttp.ClientSession() as session:
        for server in run._servers(APP, Metrics(), addresses):
            await stack.enter_async_context(server)
            codes = {}
            for path in NEITHER if server.port else ():
                async with session.get(f"http://127.0.0.1:{server.port}/{path}") as answer:
                    codes[path] = answer.status
            found.append(codes or None)
    return found


@pytest.mark.parametrize(
    ("addresses", "served"),
    [
        ({"--listen": HERE}, [{"metrics": 200, **PROBES}]),
        ({"--listen": HERE, "--probe-listen": HERE}, [{**NEITHER, "metrics": 200}, {**NEITHER, **PROBES}]),
        ({"--listen": None, "--probe-listen": HERE}, [None, {**NEITHER, **PROBES}]),
        ({"--listen": HERE, "--probe-listen": None}, [{**NEITHER, "metrics": 200}, None]),
    ],
    ids=["together", "apart", "probes alone", "metrics alone"],
)
async def test_probes_have_the_port_of_metrics_or_one_of_their_own(addresses, served):
    assert await answers(addresses) == served


@pytest.mark.parametrize("option", ["--listen", "--probe-listen"])
def test_an_address_that_is_none_is_an_error_that_names_option_and_value(option):
    done = CliRunner().invoke(main, ["run", option, "8080"])
    assert done.exit_code == 1
    assert f"{option} '8080' is no address: use HOST:PORT, such as 127.0.0.1:8080, or off" in done.output


@pytest.mark.parametrize("option", ["--watch-namespace", "--lease-namespace", "--namespace"])
@pytest.mark.parametrize("value", ["Foo Bar", "", "-a", "a.b", "a" * 64])
def test_what_is_no_name_of_a_namespace_is_an_error_that_names_option_and_value(option, value):
    done = CliRunner().invoke(main, ["run", option, value])
    assert done.exit_code == 1
    assert f"{option}'" in done.output
    assert f'invalid name "{value}": expected the name of a namespace, such as inplace-system' in done.output


@pytest.mark.parametrize(
    ("listen", "probes"),
    [("127.0.0.1:8080", "127.0.0.1:8080"), (":8080", "127.0.0.1:8080"), ("127.0.0.1:8080", "[::]:8080")],
)
def test_one_address_for_two_servers_is_an_error_that_names_it(listen, probes):
    done = CliRunner().invoke(main, ["run", "--listen", listen, "--probe-listen", probes])
    assert done.exit_code == 1
    assert "invalid --probe-listen: port 8080 is that of --listen: expected another port" in done.output


@pytest.mark.parametrize(
    "addresses",
    [
        {"--listen": ("127.0.0.1", 0), "--probe-listen": ("127.0.0.1", 0)},
        {"--listen": ("127.0.0.1", 1), "--probe-listen": ("127.0.0.2", 1)},
        {"--listen": ("127.0.0.1", 1), "--probe-listen": ("127.0.0.1", 2)},
        {"--listen": ("127.0.0.1", 1), "--probe-listen": None},
        {"--listen": None, "--probe-listen": ("127.0.0.1", 1)},
        {"--listen": ("127.0.0.1", 1)},
    ],
)
def test_other_addresses_are_two(addresses):
    run._check_distinct(addresses)
