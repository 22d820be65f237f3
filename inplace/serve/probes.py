"""Health over HTTP, as kube-apiserver serves it: /livez, /healthz and /readyz, made of named checks.

A check is a function that returns why it fails, or None. Does not depend on what is checked, and never calls the API
server: a controller that cannot reach it must not be restarted because of that.
Source of the format: k8s.io/apiserver, pkg/server/healthz/healthz.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

#: Returns why the check fails, None if it passes; fast, and never raises.
Check = Callable[[], str | None]
#: What is said besides the checks, in one line; fast, and never raises.
Note = Callable[[], str]
Handler = Callable[[web.Request], Awaitable[web.Response]]

_HEADERS: Final = {"Cache-Control": "no-cache, no-store, must-revalidate", "X-Content-Type-Options": "nosniff"}


def probe_routes(
    live: Mapping[str, Check], ready: Mapping[str, Check], notes: Mapping[str, Note] | None = None
) -> Callable[[web.Application], None]:
    """Serve `live` at /livez and /healthz, `ready` at /readyz, and each check below them (`/readyz/cache-pods`).

    200, or 500 with every check named. `?verbose` lists the checks on success too; `?exclude=NAME` leaves one out.
    `notes` stand below the checks of /readyz where these are listed, and fail nothing.
    """

    def add(app: web.Application) -> None:
        for name, checks, said in (("livez", live, None), ("healthz", live, None), ("readyz", ready, notes)):
            app.router.add_get(f"/{name}", _all(name, checks, said or {}))
            app.router.add_get(f"/{name}/{{check}}", _single(checks))

    return add


def _all(endpoint: str, checks: Mapping[str, Check], notes: Mapping[str, Note]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        excluded = set(request.query.getall("exclude", []))
        failed = False
        lines = []
        for name, check in checks.items():
            why = None if name in excluded else check()
            failed = failed or why is not None
            lines.append(_line(name, why, name in excluded))
        unknown = sorted(excluded - checks.keys())
        lines += [f"warn: some checks cannot be excluded: no match for {', '.join(unknown)}"] if unknown else []
        if not failed and "verbose" not in request.query:
            return _answer("ok")
        lines += [f"[i]{name}: {note()}" for name, note in notes.items()]
        lines.append(f"{endpoint} check {'failed' if failed else 'passed'}")
        return _answer("\n".join(lines) + "\n", failed)

    return handle


def _single(checks: Mapping[str, Check]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        check = checks.get(request.match_info["check"])
        if check is None:
            raise web.HTTPNotFound(text="no such check\n")
        why = check()
        return _answer("ok" if why is None else f"{why}\n", why is not None)

    return handle


def _line(name: str, why: str | None, excluded: bool) -> str:
    if excluded:
        return f"[+]{name} excluded: ok"
    return f"[+]{name} ok" if why is None else f"[-]{name} failed: {why}"


def _answer(text: str, failed: bool = False) -> web.Response:
    return web.Response(text=text, status=500 if failed else 200, headers=_HEADERS)
