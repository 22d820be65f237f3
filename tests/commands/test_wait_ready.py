"""wait-ready: the static program and the command keep one contract, which is a table."""

from __future__ import annotations

import http.server
import itertools
import json
import re
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hack.image import wait_ready

CONTRACT = json.loads(Path(__file__).with_name("wait_ready.json").read_text())


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Answers with the status that its path names; /later is well at the third time, /hangs says nothing."""

    seen = itertools.count(1)

    def do_GET(self):
        name = self.path.strip("/")
        if name == "hangs":
            time.sleep(1)
            return
        status = int(name) if name.isdigit() else 200 if next(self.seen) % 3 == 0 else 503
        self.send_response(status)
        self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):  # a client that does not trust it hangs up
        pass


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """What the table names: two servers, one of them with a certificate that nobody signed, and a port of nobody's."""
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", str(pem), "-out", f"{pem}.crt"], check=True, capture_output=True)
    plain, secure = Server(("127.0.0.1", 0), Endpoint), Server(("127.0.0.1", 0), Endpoint)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{pem}.crt", pem)
    secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
    for server in (plain, secure):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, and nobody listens
        address = "127.0.0.1:{}".format
        yield {
            "http": f"http://{address(plain.server_port)}",
            "https": f"https://{address(secure.server_port)}",
            "tcp": f"tcp://{address(plain.server_port)}",
            "closed": str(unused.getsockname()[1]),
        }
    for server in (plain, secure):
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module", params=["program", "command"])
def line(request):
    """The beginning of the command line of either."""
    if request.param == "command":
        return [sys.executable, "-m", "inplace", "wait-ready"]
    return [str(program())]


def program():
    found = wait_ready.program()
    if found is None:
        pytest.skip("there is no Go here to compile it with")
    return found


def placed(text, places, quote=str):
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", quote(value))
    return text


@pytest.mark.parametrize("case", CONTRACT, ids=[case["name"] for case in CONTRACT])
def test_the_contract(line, places, case, tmp_path):
    message = tmp_path / "message"
    message.write_text("before")
    given = [placed(word, places) for word in case["args"]]
    done = subprocess.run(
        [*line, "--message", str(message), *given], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == case["code"], done.stderr
    for said, wanted in ((done.stdout, case.get("out", "")), (done.stderr, case.get("err", ""))):
        # A server that is slow to answer under load is told of, and is no other outcome.
        assert re.fullmatch(placed(wanted, places, re.escape), said.strip()), said
    last = done.stderr.strip().rpartition("\n")[2].removeprefix("error: ")
    assert message.read_text().strip() == (f"wait-ready: {last}" if case["code"] == 124 else "before")


def test_no_file_is_made_for_the_message(line, places, tmp_path):
    given = ["--message", str(tmp_path / "none"), "--timeout", "0.1", f"{places['http']}/503"]
    assert subprocess.run([*line, *given], capture_output=True, check=False).returncode == 124
    assert not (tmp_path / "none").exists()


def test_what_it_offers_is_the_same():
    own = subprocess.run([str(program()), "--help"], capture_output=True, text=True, check=True).stdout
    command = [sys.executable, "-m", "inplace", "wait-ready", "--help"]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    options = {text: set(re.findall(r"--[a-z-]+", text)) for text in (own, other)}
    assert options[own] - {"--install"} == options[other] - {"--help"}


def test_it_installs_itself_whole(tmp_path):
    place = shutil.copy(program(), tmp_path / "elsewhere")
    (tmp_path / "tools").mkdir()
    subprocess.run([place, "--install", str(tmp_path / "tools")], check=True)
    (made,) = (tmp_path / "tools").iterdir()
    assert (made.name, stat.S_IMODE(made.stat().st_mode)) == ("wait-ready", 0o755)
    assert made.read_bytes() == program().read_bytes()
    failed = subprocess.run([place, "--install", str(tmp_path / "no")], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: ")


def test_it_is_static_and_says_with_which_go_it_was_made():
    content = program().read_bytes()
    assert b"/ld-" not in content[:4096], "a program that needs a loader would not start in an image of nothing else"
    assert re.fullmatch(r"1\.\d+\.\d+", wait_ready.made_with(content))
    assert wait_ready.made_with(b"#!/bin/sh") == ""
