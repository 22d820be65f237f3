"""`inplace sidecars`: what is wrong with its options is said in a line, before a cluster is asked."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import Any

import pytest

from inplace.cli import errors, sidecars
from inplace.cli.app import main
from inplace.cli.connect import run_async
from inplace.cli.options import Connection

GOOD = {"-l": "mesh=on", "-c": "proxy", "--image": "mesh/proxy:v2"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"-l": None}, "missing --selector: expected -l SELECTOR"),
        ({"-l": "mesh in on"}, 'invalid selector "mesh in on": expected app=web, tier!=db'),
        ({"-c": None}, "missing option '-c' / '--container'"),
        ({"--image": None}, "missing option '--image'"),
        ({"--image": "Proxy:v2"}, 'invalid --image "Proxy:v2": expected a reference'),
        ({"--max-unavailable": "0"}, 'invalid --max-unavailable "0": expected a count or a percentage from 1%'),
        ({"--max-unavailable": "half"}, 'invalid --max-unavailable "half"'),
        ({"--max-disrupted": "0"}, "invalid value for '--max-disrupted': 0 is not in the range x>=1"),
        ({"--grace-period": "soon"}, 'invalid duration "soon"'),
    ],
)
def test_bad_options(given, says, capsys, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    words = [word for pair in ({**GOOD, **given}).items() if pair[1] is not None for word in pair]
    with pytest.raises(SystemExit) as ended:
        main(["sidecars", *words])
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)
    assert says in said.err


class Pausing:
    """An upgrade that has been told to pause already."""

    is_paused = True


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_it_at_once_and_without_a_traceback(monkeypatch, name):
    """It comes in the middle of the watches' task group, which wraps whatever is raised in it."""

    pausing: Any = Pausing()
    nothing: Any = None

    @asynccontextmanager
    async def cluster(*_, **__):
        yield None, "default"

    async def upgrade(*_):
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(60))
            with sidecars._interruptible(pausing):
                os.kill(os.getpid(), name)
                await asyncio.sleep(60)

    monkeypatch.setattr(sidecars, "cluster", cluster)
    monkeypatch.setattr(sidecars, "upgrade", upgrade)
    assert errors.run(lambda: run_async(sidecars._sidecars(Connection(), nothing, {}))) == 130
