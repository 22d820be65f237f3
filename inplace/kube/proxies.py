"""Which proxy a server is reached through: the kubeconfig's, else that of the environment.

Source: client-go, tools/clientcmd/helpers.go (parseProxyURL); golang.org/x/net/http/httpproxy for HTTPS_PROXY,
HTTP_PROXY and NO_PROXY.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final

from yarl import URL

from inplace.kube.errors import ConfigError
from inplace.kube.unreachable import address

_SCHEMES: Final = ("http", "https")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def find(server: URL, written: str, environment: Mapping[str, str]) -> str:
    """The address of the proxy, "" for none; `written` is the kubeconfig's, for which no exceptions count.

    Raises ConfigError for one that cannot be used.
    """
    if written:
        return _usable("proxy-url", written, written)
    variable = f"{server.scheme.upper()}_PROXY"
    found = _value(environment, variable)
    if not found or _is_exempt(server, _value(environment, "NO_PROXY")):
        return ""
    return _usable(variable, found if _has_scheme(found) else f"http://{found}", found)


def _value(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.lower()) or ""


def _has_scheme(text: str) -> bool:
    return "://" in text


def _usable(name: str, proxy: str, written: str) -> str:
    """Raises ConfigError with the address, and never with the user or password in it."""
    try:
        url = URL(proxy)
        usable = url.scheme in _SCHEMES and bool(url.host) and url.port is not None
    except ValueError:
        usable = False
    if not usable:
        shown = address(written)
        raise ConfigError(f"{name} {shown!r}: expected http://HOST:PORT or https://HOST:PORT; SOCKS is not supported")
    return proxy


def _is_exempt(server: URL, no_proxy: str) -> bool:
    host, port = (server.host or "").lower(), str(server.port)
    ip = _ip(host)
    if host == "localhost" or (ip is not None and ip.is_loopback):
        return True
    entries = [entry.strip().lower() for entry in no_proxy.split(",") if entry.strip()]
    return "*" in entries or any(_names(entry, host, port, ip) for entry in entries)


def _names(entry: str, host: str, port: str, ip: Address | None) -> bool:
    """Whether an exception names the server: a network, an address or a domain, the last two with a port or without."""
    if "/" in entry:
        return ip is not None and _holds(entry, ip)
    name, of_port = _split(entry)
    if of_port not in {"", port} or not name:
        return False
    own = _ip(name)
    if ip is not None or own is not None:
        return ip == own
    domain = name[1:] if name.startswith("*.") else name
    return host.endswith(domain) if domain.startswith(".") else host == domain or host.endswith(f".{domain}")


def _holds(network: str, ip: Address) -> bool:
    try:
        return ip in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _split(entry: str) -> tuple[str, str]:
    """The name and the port of an exception; an IPv6 address with a port stands in brackets."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""


def _ip(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
