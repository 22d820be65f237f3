"""Servers that keep how they were reached, and the proxy in between: what a connection is, as its other end sees it."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, NamedTuple

#: Headers that say who asks.
IDENTITY: Final = ("Authorization", "Impersonate-User", "Impersonate-Uid", "Impersonate-Group")
EXTRA: Final = "impersonate-extra-"


class Seen(NamedTuple):
    """A request, as the server saw it."""

    server: str
    path: str
    identity: tuple[tuple[str, tuple[str, ...]], ...]
    #: The common name of the client's certificate.
    certificate: str = ""
    #: The proxy, what it was asked to connect to, and the credential that it was given.
    via: tuple[str, ...] = ()


class Recording:
    """Three API servers and two proxies on this machine, an authority that they trust, and one that they do not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: list[Seen] = []
        #: Of connections to a server, by their port: the proxy that made them.
        self.through: dict[int, tuple[str, ...]] = {}
        self.ports: dict[str, int] = {}
        for name in ("ca", "other-ca"):
            _authority(folder, name)
        _certificate(folder, "server", "ca", "serverAuth", "subjectAltName=IP:127.0.0.1,DNS:api.cluster.test")
        _certificate(folder, "other", "other-ca", "serverAuth", "subjectAltName=IP:127.0.0.1")
        _certificate(folder, "jane", "ca", "clientAuth", "subjectAltName=DNS:jane")
        _certificate(folder, "joe", "ca", "clientAuth", "subjectAltName=DNS:joe")

    def values(self) -> Mapping[str, str]:
        """What cases are written with: addresses, paths, and contents: in base64, as they are, and in JSON."""
        found = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        for path in self.folder.glob("*.*"):
            word = path.name.replace(".", "_").replace("-", "_")
            raw = path.read_bytes()
            found |= {word: str(path), f"{word}_data": base64.b64encode(raw).decode(), f"{word}_raw": raw.decode()}
            found[f"{word}_text"] = json.dumps(raw.decode())[1:-1]
        return found

    def of(self, path: str) -> Seen | None:
        """The last request for a path that ends so."""
        return next((one for one in reversed(self.seen) if one.path.endswith(path)), None)


@contextmanager
def recording(folder: Path) -> Iterator[Recording]:
    """Servers `a` and `b`, `strange` with a certificate of another authority, `plain`, and the proxies."""
    found = Recording(folder)
    with ExitStack() as stack:
        for name, certificate in (("a", "server"), ("b", "server"), ("strange", "other"), ("plain", "")):
            found.ports[name] = stack.enter_context(_serving(found, name, certificate, _Api))
        for name, certificate in (("proxy", ""), ("tls_proxy", "server")):
            found.ports[name] = stack.enter_context(_serving(found, name, certificate, _Proxy))
        yield found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    recording: Recording
    name: str
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """With TLS in the thread of the connection; a client that does not trust the server goes away."""
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(10)
        with suppress(OSError), self.tls.wrap_socket(request, server_side=True) as private:
            super().finish_request(private, client_address)


@contextmanager
def _serving(found: Recording, name: str, certificate: str, handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = _Server(("127.0.0.1", 0), handler)
    server.recording, server.name = found, name
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(found.folder / f"{certificate}.crt", found.folder / f"{certificate}.key")
        tls.load_verify_locations(found.folder / "ca.crt")
        tls.verify_mode = ssl.CERT_OPTIONAL
        server.tls = tls
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""

    def record(self, path: str, via: tuple[str, ...]) -> None:
        """Keep who asks for what."""
        named = [name for name in self.headers if name.title() in IDENTITY or name.lower().startswith(EXTRA)]
        identity = sorted({name.lower(): tuple(self.headers.get_all(name, ())) for name in named}.items())
        peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        subject: Any = (peer or {}).get("subject", ())
        name = next((str(value) for part in subject for key, value in part if key == "commonName"), "")
        self.server.recording.seen.append(Seen(self.server.name, path, tuple(identity), name, via))
        body = b'{"kind":"Status","status":"Failure","code":404}'
        self.send_response(404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Api(_Handler):
    def do_GET(self) -> None:
        self.record(self.path, self.server.recording.through.get(self.client_address[1], ()))


class _Proxy(_Handler):
    """Whatever it is asked to connect to, it connects to `a`."""

    def do_CONNECT(self) -> None:
        found = self.server.recording
        with socket.create_connection(("127.0.0.1", found.ports["a"]), timeout=10) as upstream:
            found.through[upstream.getsockname()[1]] = self._via()
            self.send_response(200)
            self.end_headers()
            back = Thread(target=_pump, args=(upstream, self.connection), daemon=True)
            back.start()
            _pump(self.connection, upstream)
            back.join(10)
        self.close_connection = True

    def do_GET(self) -> None:
        """Of a server without TLS: the whole address is asked of the proxy."""
        self.record(self.path, self._via())

    def _via(self) -> tuple[str, ...]:
        wanted = self.path if self.command == "CONNECT" else "GET"
        return (self.server.name, wanted, self.headers.get("Proxy-Authorization", ""))


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while chunk := source.recv(65_536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        """One of the two has gone."""


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)


_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def _authority(folder: Path, name: str) -> None:
    _openssl(folder, "req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN={name}", "-out", f"{name}.crt", "-keyout", f"{name}.key")  # fmt: skip # noqa: E501


def _certificate(folder: Path, name: str, authority: str, usage: str, names: str) -> None:
    (folder / f"{name}.ext").write_text(f"{names}\nextendedKeyUsage={usage}\n")
    _openssl(folder, "req", "-new", *_KEY, "-subj", f"/CN={name}", "-out", f"{name}.csr", "-keyout", f"{name}.key")
    signed = ("-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-CAcreateserial", "-extfile", f"{name}.ext")
    _openssl(folder, "x509", "-req", "-days", "2", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed)
