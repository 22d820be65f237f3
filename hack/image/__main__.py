"""`python -m hack.image build | push HOST/NAME:TAG | lock`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from hack.cluster.settings import ClusterError
from hack.image import debian, oci, publish, sbom, wheels
from hack.image.build import build
from hack.release.distributions import TIME
from inplace import __version__

LAYOUT = wheels.ROOT / "build/image"
BILL = wheels.ROOT / "build/image.cdx.json"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m hack.image", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help=f"write the image to {LAYOUT.relative_to(wheels.ROOT)}, an OCI layout")
    push = commands.add_parser("push", help="push it, with skopeo and its credentials")
    push.add_argument("reference", metavar="HOST/NAME:TAG")
    push.add_argument("--plain-http", action="store_true", help="without TLS, or with a certificate that nobody signed")
    commands.add_parser("lock", help="write the newest versions and their hashes to the lock files")
    options = parser.parse_args()
    try:
        {"build": _build, "push": _push, "lock": _lock}[options.command](options)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _build(_: argparse.Namespace) -> None:
    time = int(os.environ.get("SOURCE_DATE_EPOCH", TIME))
    made = build(time)
    bill = sbom.bill(made, time)
    about = {"org.opencontainers.image.created": oci.timestamp(time)}
    oci.write(made, LAYOUT, __version__, [oci.referrer(made, sbom.MEDIA_TYPE, bill, about)])
    BILL.write_bytes(bill)
    for path, what in ((LAYOUT, f"{made.size / 1e6:.1f} MB, {made.digest}"), (BILL, "its bill of materials")):
        print(f"{path.relative_to(wheels.ROOT)}: {what}")


def _push(options: argparse.Namespace) -> None:
    publish.push(LAYOUT, __version__, options.reference, tls=not options.plain_http)
    print(f"pushed {options.reference}")


def _lock(_: argparse.Namespace) -> None:
    for module in (debian, wheels):
        text = module.lock()
        Path(module.LOCK).write_text(text)
    text = wheels.lock_backend()
    wheels.BACKEND_LOCK.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
