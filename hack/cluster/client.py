"""A dozen lines of Kubernetes client, and waiting with a deadline.

Knows HTTPS, tokens and polling. It exists because starting kubectl costs more than most of the waits it is for.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from hack.cluster.layout import Layout
from hack.cluster.settings import ClusterError

# Tests run behind proxies; nothing here may be sent to one.
_DIRECT = urllib.request.ProxyHandler({})


def call(layout: Layout, method: str, path: str, body: object = None, *, server: str = "", seconds: float = 5) -> Any:
    """One request as the administrator; None when the server is not there or says no."""
    context = ssl.create_default_context(cafile=str(layout.state / "pki/apiserver.crt"))
    opener = urllib.request.build_opener(_DIRECT, urllib.request.HTTPSHandler(context=context))
    headers = {"Authorization": f"Bearer {layout.secret('admin')}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request((server or layout.server) + path, data=data, method=method, headers=headers)
    try:
        with opener.open(request, timeout=seconds) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError, http.client.HTTPException):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def until(what: str, check: Callable[[], bool], *, seconds: float, dead: Callable[[], str | None], log: object) -> None:
    """Poll until `check`; `dead` says why waiting longer is useless, `log` is named when time is up."""
    deadline = time.monotonic() + seconds
    while not check():
        if reason := dead():
            raise ClusterError(f"no {what}: {reason}")
        if time.monotonic() > deadline:
            raise ClusterError(f"no {what} after {seconds:.0f} s; log: {log}")
        time.sleep(0.1)


def serving(layout: Layout, service: str = "") -> bool:
    """The API server answers, and its first objects are there; `service`: at this address of a Service."""
    server = f"https://{service}" if service else ""
    return bool(call(layout, "GET", "/readyz", server=server, seconds=2) == "ok")


def usable(layout: Layout) -> bool:
    """Pods can be created: their ServiceAccount and its certificate are there."""
    namespace = "/api/v1/namespaces/default"
    return all(
        call(layout, "GET", namespace + path) for path in ("/serviceaccounts/default", "/configmaps/kube-root-ca.crt")
    )


def node_ready(layout: Layout, name: str) -> bool:
    """The node is Ready and no taint keeps Pods away."""
    node = call(layout, "GET", f"/api/v1/nodes/{name}")
    if not isinstance(node, dict) or node.get("spec", {}).get("taints"):
        return False
    conditions = node.get("status", {}).get("conditions", [])
    return any(condition.get("type") == "Ready" and condition.get("status") == "True" for condition in conditions)
