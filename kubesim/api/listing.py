"""Lists, whole or page by page (apiserver, pkg/registry/generic/registry/store.go, storage/continue).

A continue token names the version of the list and the last object that was read. Does not depend on watches.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from kubesim.api import failure, selectors
from kubesim.api.kinds import Kind, Tree
from kubesim.api.storage import Storage, Stored

_MATCHES: Final = ("Exact", "NotOlderThan", "")


class Listed(Struct, frozen=True):
    """One page: the objects, the version of the list, how to go on, and how many are left."""

    items: list[Stored]
    version: int
    token: str = ""
    left: int | None = None


def check_options(query: Mapping[str, str]) -> None:
    """Refuse options that contradict each other (ValidateListOptions). Raises Failure 400, 422."""
    version, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    if version and not version.isdecimal():
        text = f'strconv.ParseUint: parsing "{version}": invalid syntax'
        shown = f'resourceVersion: Invalid value: "{version}": {text}'
        raise failure.bad_request(f"invalid resource version: {shown}")
    field = "resourceVersionMatch"
    if query.get("sendInitialEvents") and match != "NotOlderThan":
        text = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise failure.invalid_options("ListOptions", failure.forbidden_value(field, text))
    if match and not version and not query.get("sendInitialEvents"):
        text = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise failure.invalid_options("ListOptions", failure.forbidden_value(field, text))
    if match not in _MATCHES:
        raise failure.invalid_options("ListOptions", failure.unsupported(field, match, _MATCHES))
    if match == "Exact" and version == "0":
        text = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        raise failure.invalid_options("ListOptions", failure.forbidden_value(field, text))


def number(query: Mapping[str, str], name: str) -> int:
    """An option that is a number. Raises Failure 400."""
    text = query.get(name, "")
    if text and not text.isdecimal():
        raise failure.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text or 0)


def selected(kind: Kind, query: Mapping[str, str]) -> selectors.Test:
    """Both selectors of a request as one test. Raises Failure 400."""
    labels = selectors.parse_labels(query.get("labelSelector", ""))
    fields = selectors.parse_fields(kind, query.get("fieldSelector", ""))
    if labels is selectors.everything and fields is selectors.everything:
        return selectors.everything
    return lambda tree: labels(tree) and fields(tree)


def read(storage: Storage, kind: Kind, namespace: str | None, query: Mapping[str, str]) -> Listed:
    """One page of a list. Raises Failure 400, 410, 422."""
    check_options(query)
    limit, token, test = number(query, "limit"), query.get("continue", ""), selected(kind, query)
    if token:
        version, last = _decode(token)
        objects = storage.snapshot_at(kind, namespace, version)
        if objects is None:
            raise failure.expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new "
                "list without the continue parameter."
            )
        objects = [one for one in objects if one.key > last]
    else:
        version = storage.version
        objects = storage.snapshot(kind, namespace) if limit else storage.table(kind).sorted(namespace)
    found = objects if test is selectors.everything else [one for one in objects if test(one.tree)]
    if not limit or len(found) <= limit:
        return Listed(found, version)
    page = found[:limit]
    left = len(found) - limit if test is selectors.everything else None
    return Listed(page, version, _encode(version, page[-1]), left)


def body(kind: Kind, page: Listed) -> bytes:
    """A page as the kind's List."""
    meta: Tree = {"resourceVersion": str(page.version)}
    if page.token:
        meta["continue"] = page.token
    if page.left is not None:
        meta["remainingItemCount"] = page.left
    typed = len(
        json.dumps({"apiVersion": kind.resource.api_version, "kind": kind.resource.kind}, separators=(",", ":"))
    )
    head = json.dumps({"kind": f"{kind.resource.kind}List", "apiVersion": kind.resource.api_version, "metadata": meta})
    items = b",".join(b"{" + item.body[typed:] for item in page.items)
    return b'%s,"items":[%s]}\n' % (head[:-1].encode(), items)


def _encode(version: int, last: Stored) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, *last.key]).encode()).decode()


def _decode(token: str) -> tuple[int, tuple[str, str]]:
    try:
        version, namespace, name = json.loads(base64.urlsafe_b64decode(token))
        return int(version), (str(namespace), str(name))
    except (ValueError, binascii.Error):
        raise failure.bad_request("continue key is not valid: the token cannot be decoded") from None
