"""What goes wrong for everything at once: no right, credentials that are not accepted, a server that does not
answer, or something else that answers in its place.

Many parts meet the same obstacle at the same time, and again and again. Each says so here; the log has one line for
all of them, once they have had time to gather, again after some minutes while it lasts, and one when it is over.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from inplace.kube.errors import ConfigError, Denied, KubeError, Unauthorized, Unexpected, Unreachable
from inplace.runtime.clock import Clock
from inplace.runtime.observe import Observer

#: What lasts for less is not worth a line, and what else fails for the same reason comes within it.
GATHER_SECONDS: Final = 2.0
REPEAT_SECONDS: Final = 300.0
#: A part that has not said anything for so long has given up.
FORGET_SECONDS: Final = 600.0

#: An authorizer's refusal (apiserver, handlers/responsewriters/errors.go, forbiddenMessage).
_DENIAL: Final = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
#: What is logged while it lasts, and when it is over.
LINES: Final[dict[type[KubeError], tuple[str, str]]] = {
    Denied: ("rights.missing", "rights.granted"),
    Unauthorized: ("credentials.rejected", "credentials.accepted"),
    ConfigError: ("credentials.not_renewed", "credentials.renewed"),
    Unreachable: ("server.unreachable", "server.reached"),
    Unexpected: ("server.garbled", "server.understood"),
}


class _Failure(Struct):
    kind: type[KubeError]
    error: KubeError
    at: float


class _Outage(Struct):
    """Since when, by the monotonic clock; what has been told of it, and when."""

    since: float
    told: frozenset[str] = frozenset()
    told_at: float | None = None


class Outages:
    """Of one connection. `server` is its address, without credentials; `advice` is what to do about missing rights."""

    def __init__(self, server: str, observer: Observer, clock: Clock) -> None:
        self.advice = "ask an administrator of the cluster for them"
        self._server = server
        self._observer = observer
        self._clock = clock
        self._failing: dict[str, _Failure] = {}
        self._outages: dict[type[KubeError], _Outage] = {}

    def failed(self, source: str, error: KubeError) -> bool:
        """A part failed; returns whether that is told here, so that the part need not tell it."""
        kind = next((kind for kind in LINES if isinstance(error, kind)), None)
        if kind is None:
            self.ended(source)
            return False
        now = self._clock.monotonic()
        self._forget(now)
        before = self._failing.get(source)
        self._failing[source] = _Failure(kind, error, now)
        if before is not None and before.kind is not kind:
            self._close(before.kind)
        self._tell(kind, self._outages.setdefault(kind, _Outage(now)), now)
        return True

    def ended(self, source: str) -> None:
        """A part has succeeded."""
        failure = self._failing.pop(source, None)
        if failure is not None:
            self._close(failure.kind)

    def answered(self) -> None:
        """The server has answered somebody, whatever it said."""
        if Unreachable in self._outages:
            for source in [source for source, one in self._failing.items() if one.kind is Unreachable]:
                del self._failing[source]
            self._close(Unreachable)

    def _tell(self, kind: type[KubeError], outage: _Outage, now: float) -> None:
        what = frozenset(_what(one.error) for one in self._failing.values() if one.kind is kind)
        if now - outage.since < GATHER_SECONDS:
            return
        news = not what <= outage.told and (outage.told_at is None or now - outage.told_at >= GATHER_SECONDS)
        if not news and outage.told_at is not None and now - outage.told_at < REPEAT_SECONDS:
            return
        outage.told, outage.told_at = what, now
        self._observer.event(LINES[kind][0], level="error", server=self._server, **self._fields(kind, what))

    def _fields(self, kind: type[KubeError], what: frozenset[str]) -> dict[str, object]:
        errors = [one.error for one in self._failing.values() if one.kind is kind]
        if kind is Denied:
            user = next((found["user"] for error in errors if (found := _DENIAL.search(str(error)))), "")
            return {"user": user, "rights": "; ".join(sorted(what)), "advice": self.advice}
        return {"error": str(errors[-1])}

    def _close(self, kind: type[KubeError]) -> None:
        """Say that it is over, if nobody suffers from it any more and somebody was told of it."""
        if any(one.kind is kind for one in self._failing.values()):
            return
        outage = self._outages.pop(kind, None)
        if outage is not None and outage.told_at is not None:
            lasted = round(self._clock.monotonic() - outage.since)
            self._observer.event(LINES[kind][1], level="info", server=self._server, lasted_seconds=lasted)

    def _forget(self, now: float) -> None:
        for source in [source for source, one in self._failing.items() if now - one.at >= FORGET_SECONDS]:
            del self._failing[source]


def _what(error: KubeError) -> str:
    """A missing right as `kubectl auth can-i` takes it; of other errors nothing but that there is one."""
    if not isinstance(error, Denied):
        return ""
    found = _DENIAL.search(str(error))
    if found is None:
        return str(error)
    group = f".{found['group']}" if found["group"] else ""
    plural, _, subresource = found["resource"].partition("/")
    below = f"/{subresource}" if subresource else ""
    where = f" in namespace {found['namespace']}" if found["namespace"] else ""
    return f"{found['verb']} {plural}{group}{below}{where}"
