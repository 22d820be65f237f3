"""Errors of calls to an API server.

    KubeError
     ├─ Malformed            a text is neither YAML nor JSON
     ├─ ConfigError          the kubeconfig or the credentials cannot be used
     ├─ Unreachable          no response: refused, TLS, DNS, timeout, cut (`outcome_unknown`: a write may be done)
     ├─ Unexpected           an answer that is none of an API server, or not to what was asked (`outcome_unknown`)
     ├─ TooLarge             an answer larger than may be held in memory
     ├─ LeaseLost            another process may lead from now on
     └─ ApiError             the server answered with a Status
         ├─ Unauthorized     401
         ├─ Forbidden        403  an admission plugin, policy or webhook, or (Denied) RBAC
         ├─ NotFound         404
         ├─ AlreadyExists    409
         ├─ Conflict         409  resourceVersion
         ├─ Expired          410  resourceVersion too old: list again
         ├─ PreconditionFailed  422, a `test` of a JSON patch
         ├─ Invalid          422  validation
         ├─ Throttled        429
         └─ ServerError      5xx

Each message is one line that a user can act on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

#: What a decoder raises: no JSON, or not of the type; not UTF-8, or a number of thousands of digits; nested too deep.
UNDECODABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


class KubeError(Exception):
    """Base class of everything that this package raises."""


class Malformed(KubeError):
    """A text is neither YAML nor JSON, or holds too much; the message names the line."""


class ConfigError(KubeError):
    """The kubeconfig or the credentials cannot be used; the message names the file and what to do."""


class Unreachable(KubeError):
    """No response from the server. `outcome_unknown`: the request may have been carried out nevertheless."""

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


class Unexpected(KubeError):
    """An answer that is none of an API server, a proxy's say, or not to what was asked. `outcome_unknown` as above."""

    def __init__(self, why: str, answer: bytes, *, outcome_unknown: bool = False) -> None:
        super().__init__(f"unexpected response from the server: {why}: {answer[:80]!r}")
        self.outcome_unknown = outcome_unknown


class TooLarge(KubeError):
    """An answer, or a line of a watch, has more bytes than may be held in memory."""


class LeaseLost(KubeError):
    """The lease could not be renewed in time: this process no longer leads."""


class Cause(Struct, frozen=True):
    """An entry of a Status's `details.causes`."""

    reason: str = ""
    message: str = ""
    field: str = ""


class Details(Struct, frozen=True, rename="camel"):
    """A Status's `details`."""

    name: str = ""
    kind: str = ""
    causes: tuple[Cause, ...] = ()
    retry_after_seconds: int = 0


class Status(Struct, frozen=True):
    """metav1.Status."""

    status: str = ""
    message: str = ""
    reason: str = ""
    code: int = 0
    details: Details | None = None


class ApiError(KubeError):
    """The server refused the request."""

    def __init__(self, code: int, status: Status, *, hint: str = "", retry_after: float | None = None) -> None:
        self.code = code
        self.reason = status.reason
        self.message = status.message or f"HTTP {code}"
        self.causes = status.details.causes if status.details is not None else ()
        self.retry_after = retry_after
        super().__init__(f"{self.message}{hint}")


class Unauthorized(ApiError):
    """401."""


class Rejected(ApiError):
    """Refused for what was sent: sent again, it will be refused again.

    400 as well: that is the plain denial of a webhook which names no code (apiserver,
    admission/plugin/webhook/errors/statuserror.go).
    """


class Forbidden(Rejected):
    """403: an admission plugin, policy or webhook."""


class Denied(Forbidden):
    """403: denied by RBAC. A server that has just started denies every user."""


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409: the object has changed since it was read."""


class AlreadyExists(ApiError):
    """409 on create."""


class Expired(ApiError):
    """410: the resourceVersion or continue token is too old."""


class Invalid(Rejected):
    """422: validation."""


class PreconditionFailed(ApiError):
    """422: a `test` of a JSON patch did not hold."""


class Throttled(ApiError):
    """429."""


class ServerError(ApiError):
    """5xx, and 408: not the request's fault."""


_BY_CODE: Final[Mapping[int, type[ApiError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: ServerError,
    409: Conflict,
    410: Expired,
    422: Invalid,
    429: Throttled,
}
#: The message of an authorizer's refusal (apiserver, handlers/responsewriters/errors.go, forbiddenMessage).
_DENIED: Final = re.compile(r'User "[^"]*" cannot \S+ (resource|path) ')
#: The server's words for a patch that does not apply, and what they mean.
_UNSAID: Final = "the server rejected our request due to an error in our request"
CHANGED: Final = "the object has changed since it was read, or the patch does not apply to it"
#: What the server puts after its words for a changed Pod: the whole spec, its env included (validation.go, `specDiff`).
_SPEC_DIFF: Final = re.compile(r"(pod updates may not change fields other than [^\n]*)\n(.*)", re.DOTALL)
#: A line of it that differs, up to the name of the field; those of the API are capitalized there, as in its Go types.
#: Servers before 1.34 print it without quotes.
_DIFFERS: Final = re.compile(r'^[+-]\s*("?)([A-Z]\w*)\1:', re.MULTILINE)
#: How the message of a webhook's denial begins, whatever its code.
_WEBHOOK: Final = "admission webhook "
_HINTS: Final[Mapping[int, str]] = {
    401: ": the credentials are not accepted; if the token has expired, log in again",
}


def from_status(code: int, status: Status, retry_after: float | None = None) -> ApiError:
    """The exception for a Status."""
    kind = _BY_CODE.get(code) or (ServerError if code >= 500 else Rejected if code >= 400 else ApiError)
    if code == 409 and status.reason == "AlreadyExists":
        kind = AlreadyExists
    if code == 403 and _DENIED.search(status.message):
        kind = Denied
    if code == 422 and _is_failed_test(status):
        kind = PreconditionFailed
        status = replace(status, message=CHANGED) if status.message == _UNSAID else status
    status = replace(status, message=_SPEC_DIFF.sub(_without_values, status.message))
    wait = retry_after
    if wait is None and status.details is not None and status.details.retry_after_seconds:
        wait = float(status.details.retry_after_seconds)
    return kind(code, status, hint=_HINTS.get(code, ""), retry_after=wait)


def _without_values(found: re.Match[str]) -> str:
    """What may not change, and the names of the fields that would."""
    fields = ", ".join(dict.fromkeys(line[2] for line in _DIFFERS.finditer(found[2])))
    return f"{found[1]}; changed: {fields}" if fields else found[1]


def _is_failed_test(status: Status) -> bool:
    """Whether a 422 is about the patch and not about the object.

    The API server answers a JSON patch that does not apply with NewGenericServerResponse: no kind and no causes
    (apiserver, endpoints/handlers/patch.go); validation names the kind and each field, and a webhook itself.
    """
    details = status.details
    return (details is None or (not details.kind and not details.causes)) and not status.message.startswith(_WEBHOOK)
