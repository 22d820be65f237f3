"""What one watch event costs until it is in the cache and its workload in the queue, beside plain JSON decoding."""

from __future__ import annotations

import json
import random
import statistics
import time

import msgspec
from msgspec import Struct

from hack.bench.sync import fill
from inplace.cluster.cache import Cache
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.controller.handlers import EventHandlers
from inplace.core.objects.model import Pod
from inplace.kube import resource as resources
from inplace.kube.watch import Changed, decode_line
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver
from inplace.runtime.queue import WorkQueue
from kubesim.api import kinds
from kubesim.api.server import ApiServer

EVENTS = 2_000
ROUNDS = 7


class Result(Struct, frozen=True):
    """Microseconds per event; the ratio is to `json.loads` of the same line."""

    ratio: float
    event_us: float
    json_us: float


def measure() -> Result:
    """The path of a watch line, without the socket."""
    lines = _lines()
    ours = statistics.median(_path(lines) for _ in range(ROUNDS))
    plain = statistics.median(_plain(lines) for _ in range(ROUNDS))
    return Result(round(ours / plain, 3), round(1e6 * ours, 1), round(1e6 * plain, 1))


def _lines() -> list[bytes]:
    server = ApiServer(SystemClock(), random.Random(1))
    fill(server, EVENTS)
    found = server.storage.table(kinds.PODS).sorted(None)
    return [b'{"type":"MODIFIED","object":%s}' % one.body for one in found]


def _path(lines: list[bytes]) -> float:
    clock, observer = SystemClock(), NullObserver()
    cache = Cache()
    handlers = EventHandlers(cache, Memory(clock, cache), WorkQueue[Key](clock), lambda workload: None)
    decoder = msgspec.json.Decoder(Pod)
    began = time.process_time()
    for line in lines:
        event = decode_line(line, decoder, resources.PODS, observer)
        assert isinstance(event, Changed)
        handlers.pod(cache.pods.put(event.object), event.object, False)
    return (time.process_time() - began) / len(lines)


def _plain(lines: list[bytes]) -> float:
    began = time.process_time()
    for line in lines:
        json.loads(line)
    return (time.process_time() - began) / len(lines)
