"""What the API server answers when the answer is no: metav1.Status with the texts of a real server.

The texts were recorded from 1.36.3 (`tests/unit/kubesim/answers.json`). Does not depend on when they are sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from msgspec import Struct

from kubesim.api.kinds import Kind, Tree


class Cause(Struct, frozen=True):
    """One entry of `details.causes`: a field and what is wrong with it."""

    field: str
    reason: str
    message: str


class Failure(Exception):
    """A refusal. `retry_after` is in seconds."""

    def __init__(
        self, code: int, reason: str, message: str, details: Tree | None = None, *, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after = retry_after

    def status(self) -> Tree:
        """The body of the answer."""
        body: Tree = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body["message"] = self.message
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


# --- causes ---------------------------------------------------------------------------------------------------------


def required(field: str, message: str = "") -> Cause:
    """Something must be there."""
    return Cause(field, "FieldValueRequired", "Required value" + (f": {message}" if message else ""))


def invalid_value(field: str, value: object, message: str) -> Cause:
    """A value that cannot be."""
    return Cause(field, "FieldValueInvalid", f"Invalid value: {_shown(value)}: {message}")


def forbidden_value(field: str, message: str) -> Cause:
    """A value that must not be there, or not change."""
    return Cause(field, "FieldValueForbidden", f"Forbidden: {message}")


def unsupported(field: str, value: object, supported: Sequence[str]) -> Cause:
    """A value out of a list that it is not in."""
    values = ", ".join(json.dumps(one) for one in supported)
    return Cause(field, "FieldValueNotSupported", f"Unsupported value: {_shown(value)}: supported values: {values}")


def duplicate(field: str, value: object) -> Cause:
    """A key that is there twice."""
    return Cause(field, "FieldValueDuplicate", f"Duplicate value: {_shown(value)}")


def _shown(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# --- refusals -------------------------------------------------------------------------------------------------------


def invalid(kind: Kind, name: str, causes: Iterable[Cause]) -> Failure:
    """422: validation."""
    one = kind.resource
    # Validation of Events speaks of the core kind, whichever path was used.
    qualified, group = (one.kind, "") if one.kind == "Event" else (kind.qualified, one.group)
    return _invalid(qualified, one.kind, group, name, list(causes))


def invalid_options(what: str, cause: Cause) -> Failure:
    """422: the query of a request, which the real server calls ListOptions, PatchOptions and so on."""
    return _invalid(f"{what}.meta.k8s.io", what, "meta.k8s.io", "", [cause])


def _invalid(qualified: str, kind: str, group: str, name: str, causes: list[Cause]) -> Failure:
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details: Tree = {"name": name, "group": group, "kind": kind}
    details = {key: value for key, value in details.items() if value}
    details["causes"] = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    return Failure(422, "Invalid", f'{qualified} "{name}" is invalid: {text}', details)


def _details(kind: Kind, name: str) -> Tree:
    found: Tree = {"name": name, "group": kind.resource.group, "kind": kind.resource.plural}
    return {key: value for key, value in found.items() if value}


def not_found(kind: Kind, name: str) -> Failure:
    """404: no such object."""
    return Failure(404, "NotFound", f'{kind.qualified_plural} "{name}" not found', _details(kind, name))


def no_such_path() -> Failure:
    """404: no such resource."""
    return Failure(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(kind: Kind, name: str) -> Failure:
    """409 on create."""
    return Failure(409, "AlreadyExists", f'{kind.qualified_plural} "{name}" already exists', _details(kind, name))


def conflict(kind: Kind, name: str, why: str = "", *, what: str = "") -> Failure:
    """409: it is not what the caller thinks it is."""
    text = why or "the object has been modified; please apply your changes to the latest version and try again"
    what = what or kind.qualified_plural
    details = _details(kind, name) | {"kind": what.partition(".")[0]}
    return Failure(409, "Conflict", f'Operation cannot be fulfilled on {what} "{name}": {text}', details)


def bad_request(message: str) -> Failure:
    """400."""
    return Failure(400, "BadRequest", message)


def forbidden(kind: Kind, name: str, why: str) -> Failure:
    """403: RBAC or admission."""
    return Failure(403, "Forbidden", f'{kind.qualified_plural} "{name}" is forbidden: {why}', _details(kind, name))


def method_not_allowed() -> Failure:
    """405."""
    return Failure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unsupported_media() -> Failure:
    """415: a patch of no known type."""
    return Failure(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def only_json(found: str) -> Failure:
    """415: a body that is no JSON, which the real server would read."""
    text = f"the body of the request was in an unsupported format: {found}: the embedded server reads JSON only"
    return Failure(415, "UnsupportedMediaType", f"{text} (with kubectl, use apply -f)", {})


def expired(message: str) -> Failure:
    """410: a version or token that is too old."""
    return Failure(410, "Expired", message)


def too_old(wanted: int, oldest: int) -> Failure:
    """410: a watch from a version that is no longer known."""
    return expired(f"too old resource version: {wanted} ({oldest})")


def rejected_patch() -> Failure:
    """422: a JSON patch that does not apply, a failed `test` included: no kind and no causes."""
    return Failure(422, "Invalid", "the server rejected our request due to an error in our request", {})


def malformed_patch() -> Failure:
    """422: a patch whose result cannot be decoded."""
    cause = {"reason": "FieldValueInvalid", "message": "Invalid value: ", "field": "patch"}
    return Failure(422, "Invalid", ' "" is invalid: patch: Invalid value: ', {"causes": [cause]})


def uid_text(wanted: str, found: str) -> str:
    """Why a deletion with another uid is a conflict."""
    text = f"the UID in the precondition ({wanted}) does not match the UID in record ({found})."
    return f"{text} The object might have been deleted and then recreated"


def version_text(wanted: str, found: str) -> str:
    """Why a deletion with another version is a conflict."""
    text = f"the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({found})."
    return f"{text} The object might have been modified"


def budget_exhausted(name: str, status: Tree) -> Failure:
    """429 to an eviction."""
    healthy, wanted = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
    why = f"The disruption budget {name} needs {wanted} healthy pods and has {healthy} currently"
    text = "Cannot evict pod as it would violate the pod's disruption budget."
    return throttled(text, 0, [Cause("", "DisruptionBudget", why)])


def throttled(message: str, seconds: int, causes: Sequence[Cause] = ()) -> Failure:
    """429."""
    details: Tree = {"retryAfterSeconds": seconds} if seconds else {}
    if causes:
        details["causes"] = [{"reason": cause.reason, "message": cause.message} for cause in causes]
    return Failure(429, "TooManyRequests", message, details, retry_after=seconds)


def internal(message: str) -> Failure:
    """500."""
    details = {"causes": [{"message": message}]}
    return Failure(500, "InternalError", f"Internal error occurred: {message}", details)
