"""Sends the steps to an API server and makes the answers comparable: what differs each time is replaced by a word."""

from __future__ import annotations

import json
import re
from typing import Any

import aiohttp

from tests.unit.kubesim.steps import OTHER_UID, Step

#: Never compared: the embedded server keeps managers only for server-side apply.
DROPPED = {"managedFields"}
WORDS = {
    "uid": "UID",
    "resourceVersion": "VERSION",
    "creationTimestamp": "TIME",
    "deletionTimestamp": "TIME",
    "continue": "TOKEN",
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: What the real server quotes of its internal objects: a diff, a patched object.
QUOTES = re.compile(r"\n@@.*?(?=\]?\Z)|\"\{\\\"apiVersion.*", re.DOTALL)
RECORDED = re.compile(r"in record \(\d+\)")


async def answer(session: aiohttp.ClientSession, url: str, step: Step) -> dict[str, Any]:
    """Status code and comparable body of one step."""
    data = step.body if isinstance(step.body, str) else None if step.body is None else json.dumps(step.body)
    headers = {"Content-Type": step.type, **step.headers} if data is not None else dict(step.headers)
    async with session.request(step.method, url + step.path, data=data, headers=headers) as response:
        text = await response.text()
        try:
            body = comparable(json.loads(text))
        except ValueError:
            body = text
        for path in step.ignore:
            _drop(body, path.split("."))
        return {"code": response.status, "body": body}


def comparable(value: Any, key: str = "") -> Any:
    """Replace what the server invents."""
    if isinstance(value, dict):
        return {name: comparable(below, name) for name, below in value.items() if name not in DROPPED}
    if isinstance(value, list):
        below = [comparable(one) for one in value]
        return [one for n, one in enumerate(below) if key != "causes" or one not in below[:n]]
    if isinstance(value, str):
        if key in WORDS and value != OTHER_UID:
            return WORDS[key]
        return RECORDED.sub("in record (N)", QUOTES.sub("", UUID.sub("UID", value)))
    return value


def _drop(value: Any, path: list[str]) -> None:
    head, *rest = path
    if isinstance(value, list):
        if rest and int(head) < len(value):
            _drop(value[int(head)], rest)
    elif isinstance(value, dict) and head in value:
        if rest:
            _drop(value[head], rest)
        else:
            del value[head]
