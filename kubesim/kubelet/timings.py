"""How long a kubelet takes for things. Probes and grace periods are those of the Pod and stand nowhere here."""

from __future__ import annotations

from typing import Self

from msgspec import Struct


class Timings(Struct, frozen=True):
    """Seconds; the defaults are those of a kubelet on an idle node."""

    #: From an event to the sync that it causes.
    notice: float = 0.02
    #: The Pod's sandbox, with its network.
    sandbox: float = 0.3
    #: A pull, if the image says nothing else.
    pull: float = 1.0
    #: Creating and starting a container.
    start: float = 0.2
    #: Giving a running container another size.
    resize: float = 0.1
    #: From SIGTERM to the end of a process that obeys it.
    kill: float = 0.2
    #: From a change in the runtime to the sync that reports it (PLEG).
    relist: float = 0.5
    #: From a status to its write; what is newer by then is written in its place (status manager).
    report: float = 0.0
    #: First and longest wait after a failed pull and after a crash (kubelet.go, MaxContainerBackOff).
    backoff: float = 10.0
    most_backoff: float = 300.0

    @classmethod
    def fast(cls) -> Self:
        """For real time: a swap in about half a second, backoffs in seconds."""
        return cls(sandbox=0.1, pull=0.4, start=0.1, kill=0.1, relist=0.1, backoff=1.5, most_backoff=10.0)
