"""The API server's audit log, read for what one user agent did in one namespace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct


class ObjectRef(Struct, frozen=True):
    """What a request was about."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class ResponseStatus(Struct, frozen=True):
    """How it was answered."""

    code: int = 0


class User(Struct, frozen=True):
    """Who asked; `extra` tells of a ServiceAccount's token which Pod it was made for."""

    extra: dict[str, list[str]] = {}


class Entry(Struct, frozen=True, rename="camel"):
    """One audit event."""

    stage: str = ""
    verb: str = ""
    user_agent: str = ""
    request_uri: str = msgspec.field(default="", name="requestURI")
    object_ref: ObjectRef = ObjectRef()
    user: User = User()
    response_status: ResponseStatus = ResponseStatus()
    request_received_timestamp: str = ""
    stage_timestamp: str = ""

    @property
    def at(self) -> datetime:
        """When it was answered, by the server's clock."""
        return datetime.fromisoformat(self.stage_timestamp)

    @property
    def pod(self) -> str:
        """The Pod whose token was used; empty if it was none."""
        return next(iter(self.user.extra.get("authentication.kubernetes.io/pod-name", ())), "")

    @property
    def dry_run(self) -> bool:
        """Whether nothing was to be written."""
        return "dryRun=All" in self.request_uri


def read(path: Path, namespace: str, agent: str) -> Iterator[Entry]:
    """Completed requests of a user agent in a namespace, in order."""
    with path.open("rb") as lines:
        for line in lines:
            if namespace.encode() not in line:
                continue
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except msgspec.MsgspecError:
                continue  # the last line may still be being written
            ours = entry.object_ref.namespace == namespace and entry.user_agent.startswith(agent)
            if ours and entry.stage == "ResponseComplete":
                yield entry
