"""What may go wrong between a client and the API server, by plan: each request can be delayed, refused or cut.

A plan is asked once per request, in the order of their arrival; with a seeded random generator it says the same again.
A client is known by its User-Agent; a client that was killed is never heard again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import Enum
from typing import Final, Protocol

from msgspec import Struct


class Request(Struct, frozen=True):
    """A request as a plan sees it. `number` counts all requests of this agent from 1; `verb` is RBAC's."""

    agent: str
    verb: str
    plural: str
    subresource: str
    namespace: str
    name: str
    number: int
    #: Only tried: nothing of it is kept.
    dry_run: bool = False

    @property
    def writes(self) -> bool:
        """Whether it would change something."""
        return self.verb in {"create", "update", "patch", "delete", "deletecollection"}


class Cut(Enum):
    """The connection breaks: the request did not arrive, or its answer did not."""

    BEFORE = "before"
    AFTER = "after"


class Kill(Enum):
    """The client is killed at this request: the request is lost, or the response is."""

    BEFORE = "before"
    AFTER = "after"


class Answer(Struct, frozen=True):
    """The server refuses, with one of the codes of WORDS. `retry_after` in seconds."""

    code: int
    retry_after: int | None = None


class Delay(Struct, frozen=True):
    """The answer takes this many seconds longer."""

    seconds: float


class Undone(Struct, frozen=True):
    """The server takes the write and keeps nothing of it, as if admission undid it: the answer shows what is stored."""


class Garbled(Struct, frozen=True):
    """Something else answers in the server's place, with status 200: a proxy's page, an error in disguise. `arrives`:
    a call is carried out all the same.
    """

    body: bytes = b'{"hello":"world"}'
    arrives: bool = False


Fault = Cut | Kill | Answer | Delay | Undone | Garbled


class Plan(Protocol):
    """Decides what goes wrong."""

    def __call__(self, request: Request) -> Fault | None:
        """The fault of a request, None for none."""
        ...


def nothing(request: Request) -> Fault | None:
    """The plan by which all goes well."""
    return None


class Rates(Struct, frozen=True):
    """How often each fault happens, from 0 to 1; `delay` is the longest, in seconds."""

    cut_before: float = 0.0
    cut_after: float = 0.0
    conflict: float = 0.0
    expired: float = 0.0
    throttled: float = 0.0
    broken: float = 0.0
    delayed: float = 0.0
    delay: float = 1.0


class Seeded:
    """Faults at random, the same for the same seed; `concerns` picks the requests that may fail."""

    def __init__(self, seed: int, rates: Rates, concerns: Callable[[Request], bool] = lambda _: True) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._rates = rates
        self._concerns = concerns

    def __call__(self, request: Request) -> Fault | None:
        """The fault of a request."""
        if not self._concerns(request):
            return None
        rates, drawn = self._rates, self._rng.random()
        choices: tuple[tuple[float, Fault], ...] = (
            (rates.cut_before, Cut.BEFORE),
            (rates.cut_after, Cut.AFTER),
            (rates.conflict if request.writes else 0.0, Answer(409)),
            (rates.expired if request.verb in {"list", "watch"} else 0.0, Answer(410)),
            (rates.throttled, Answer(429, 1)),
            (rates.broken, Answer(500)),
            (rates.delayed, Delay(self._rng.random() * rates.delay)),
        )
        for rate, fault in choices:
            if drawn < rate:
                return fault
            drawn -= rate
        return None


_DENIAL: Final = 'admission webhook "validate.example.com" denied the request: '
#: A conflict, an expiry and so on as the real server words them.
WORDS: Final[dict[int, tuple[str, str]]] = {
    400: ("", f"{_DENIAL}label team is required"),
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", 'pods is forbidden: User "somebody" cannot patch resource "pods" in API group ""'),
    404: ("NotFound", "the server could not find the requested resource"),
    409: ("Conflict", "the object has been modified; please apply your changes to the latest version and try again"),
    410: ("Expired", "The resourceVersion for the provided watch is too old."),
    413: ("RequestEntityTooLarge", "etcdserver: request is too large"),
    422: ("Invalid", f"{_DENIAL}label team is misspelled"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    500: ("InternalError", "Internal error occurred: a fault by plan"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
}
