"""`python -m hack.release build [--platform NAME …] [--image REFERENCE] [--url URL]`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from hack.cluster.settings import ClusterError
from hack.image import wait_ready
from hack.image.oci import digest
from hack.image.wheels import PLATFORMS
from hack.release import distributions, manifests, plugin
from inplace import __version__

DIST = distributions.ROOT / "dist"
#: What `make image` leaves.
BILL = distributions.ROOT / "build/image.cdx.json"
SUMS = "SHA256SUMS"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m hack.release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("wheel", help="only the wheel and wait-ready, which the Dockerfile takes")
    build = commands.add_parser("build", help=f"everything, into {DIST.name}/, which is emptied first")
    build.add_argument("--platform", action="append", choices=PLATFORMS, help="of the plugin's archives; default: all")
    build.add_argument("--image", metavar="REFERENCE", help="the image that install.yaml names, best by its digest")
    build.add_argument("--url", help="where the files will be found; krew's manifest names it")
    options = parser.parse_args()
    time = int(os.environ.get("SOURCE_DATE_EPOCH", distributions.TIME))
    try:
        DIST.mkdir(exist_ok=True)
        if options.command == "wheel":
            print(distributions.wheel(DIST, time).relative_to(distributions.ROOT))
            if (program := wait_ready.program()) is not None:
                print(Path(shutil.copy(program, DIST)).relative_to(distributions.ROOT))
        else:
            _build(options, time)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _build(options: argparse.Namespace, time: int) -> None:
    shutil.rmtree(DIST)
    DIST.mkdir()
    wheel = distributions.wheel(DIST, time)
    distributions.sdist(DIST, time)
    archives = {one: plugin.archive(DIST, wheel, one, time) for one in options.platform or PLATFORMS}
    if not BILL.is_file():
        raise ClusterError("the image's bill of materials is not there yet: make image")
    shutil.copy(BILL, DIST / f"inplace_{__version__}_image.cdx.json")
    if options.url:
        (DIST / "inplace.yaml").write_text(plugin.manifest(archives, options.url))
    if options.image:
        (DIST / "install.yaml").write_text(manifests.install(options.image))
    left_out = {"inplace.yaml, krew's manifest: --url": options.url, "install.yaml: --image": options.image}
    for name in (name for name, given in left_out.items() if not given):
        print(f"not made without its option: {name}", file=sys.stderr)
    write_sums(DIST)


def write_sums(folder: Path) -> None:
    """What `sha256sum --check` reads, of every file of a folder."""
    files = [path for path in sorted(folder.iterdir()) if path.name != SUMS]
    lines = [f"{digest(path.read_bytes()).removeprefix('sha256:')}  {path.name}\n" for path in files]
    (folder / SUMS).write_text("".join(lines))
    for path in files:
        print(path.relative_to(distributions.ROOT))


if __name__ == "__main__":
    sys.exit(main())
