"""A Prometheus of one's own: Debian's, on loopback, with a folder of its own, for as long as a block runs.

Debian's has no `kubernetes_sd_configs`: its targets come from a file, with the labels that the Prometheus operator
would give them. Knows nothing of what is scraped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from hack.cluster import packages
from hack.cluster.settings import ClusterError

#: Seconds between two scrapes, and between two evaluations of the rules; a scrape may take as long.
INTERVAL = 2
START_SECONDS = 30.0


@dataclass(frozen=True)
class Sample:
    """One series of an answer, with its value now."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Alert:
    """An alert as the rules make it: `state` is pending or firing."""

    name: str
    state: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Prometheus:
    """One that runs."""

    def __init__(self, url: str, targets: Path) -> None:
        self.url = url
        self._targets = targets

    def scrape(self, targets: Mapping[str, Mapping[str, str]]) -> None:
        """Scrape these from now on and no others: HOST:PORT -> its labels, `job` among them."""
        groups = [{"targets": [address], "labels": dict(labels)} for address, labels in targets.items()]
        new = self._targets.with_suffix(".new")
        new.write_text(json.dumps(groups))
        new.rename(self._targets)  # it is watched: a half of it must not be seen

    async def query(self, expression: str) -> list[Sample]:
        """The answer now; raises ClusterError with what Prometheus says of a bad expression."""
        data = await self._get("query", query=expression)
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(one["metric"], float(one["value"][1])) for one in data["result"]]

    async def ever(self, expression: str, seconds: int) -> list[Mapping[str, str]]:
        """The labels of every series that its answer had at a scrape within the last `seconds`."""
        now = time.time()
        span = {"start": f"{now - seconds}", "end": f"{now}", "step": f"{INTERVAL}"}
        data = await self._get("query_range", query=expression, **span)
        return [one["metric"] for one in data["result"]]

    async def series(self, selector: str) -> list[dict[str, str]]:
        """The labels of every series that this selector has found since the start."""
        found: list[dict[str, str]] = await self._get("series", **{"match[]": selector})
        return found

    async def alerts(self) -> list[Alert]:
        """Those that are pending or firing."""
        found = (await self._get("alerts"))["alerts"]
        return [Alert(one["labels"]["alertname"], one["state"], one["labels"], one["annotations"]) for one in found]

    async def broken_rules(self) -> list[str]:
        """The rules that could not be evaluated when that was last tried, and why."""
        groups = (await self._get("rules"))["groups"]
        every = [rule for group in groups for rule in group["rules"]]
        return [f"{rule['name']}: {rule['lastError']}" for rule in every if "lastError" in rule]

    async def failed_scrapes(self) -> list[str]:
        """The targets that did not answer when they were last asked, and why."""
        targets = (await self._get("targets"))["activeTargets"]
        return [f"{one['scrapeUrl']}: {one['lastError']}" for one in targets if one["lastError"]]

    async def _get(self, path: str, **parameters: str) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/{path}", params=parameters) as answer,
        ):
            body = await answer.json()
        if body["status"] != "success":
            raise ClusterError(f"Prometheus refuses {parameters or path}: {body['error']}")
        return body["data"]


@asynccontextmanager
async def running(folder: Path, rules: Sequence[Mapping[str, Any]] = ()) -> AsyncIterator[Prometheus]:
    """One that evaluates these rule files and scrapes nothing yet; `folder` has its data and its log."""
    packages.ensure(packages.PROMETHEUS)
    folder.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{_free_port()}"
    targets = folder / "targets.json"
    made = Prometheus(f"http://{address}", targets)
    made.scrape({})
    for number, content in enumerate(rules):
        (folder / f"rules-{number}.yaml").write_text(yaml.safe_dump(dict(content)))
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(_configuration(targets, folder)))
    program = packages.find("prometheus")
    assert program is not None
    command = [program, f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [*command, f"--web.listen-address={address}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        await _ready(made, process, folder / "log")
        yield made
    finally:
        process.kill()  # its data is nobody's
        process.wait()


def _configuration(targets: Path, folder: Path) -> dict[str, Any]:
    interval = f"{INTERVAL}s"
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(folder / "rules-*.yaml")],
        "scrape_configs": [
            {"job_name": "targets", "file_sd_configs": [{"files": [str(targets)]}]},
        ],
    }


async def _ready(made: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
        while True:
            if process.poll() is not None:
                raise ClusterError(f"Prometheus ended at once: {log.read_text().strip().splitlines()[-1]}")
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{made.url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
