"""`python -m hack.cluster.hollow`: model kubelets that own nodes of a real API server.

A process of its own, so that what it costs is not counted as the controller's. Runs until SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys

from hack.cluster.model import catalogue
from inplace.kube.client import Client
from inplace.kube.connection import connect
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver
from kubesim.kubelet import Kubelet, Timings


class Log(NullObserver):
    """Prints what goes wrong."""

    def event(self, name: str, /, **fields: object) -> None:
        """One line."""
        print(name, *(f"{key}={value}" for key, value in fields.items()), file=sys.stderr, flush=True)


async def main() -> None:
    """Own the nodes until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--nodes", type=int, required=True, help="how many")
    parser.add_argument("--kubelet-version", required=True, help="as in v1.36.3")
    parser.add_argument("--registry", required=True, help="what the images' names begin with")
    arguments = parser.parse_args()
    clock, log = SystemClock(), Log()
    connection = await connect(kubeconfig=arguments.kubeconfig, user_agent="hollow-kubelet", clock=clock)
    async with connection:
        kubelet = Kubelet(
            Client(connection, log, clock, field_manager="kubelet"),
            clock,
            random.Random(),
            log,
            nodes=[node_name(number) for number in range(arguments.nodes)],
            catalogue=catalogue(arguments.registry),
            timings=Timings.fast(),
            version=arguments.kubelet_version,
        )
        running = asyncio.create_task(kubelet.run())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        await asyncio.wait([running])
        if not running.cancelled():
            running.result()


def node_name(number: int) -> str:
    """The name of a hollow node."""
    return f"hollow-{number}"


if __name__ == "__main__":
    asyncio.run(main())
