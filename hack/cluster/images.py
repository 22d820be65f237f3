"""The test images: what is in them, and their digests.

Knows the image format; knows no registry. An image is one layer: static busybox, links to it, one script. The
bytes depend on the machine's busybox and on nothing else, so that a tag has the same digest in each run.
"""

from __future__ import annotations

import functools
import io
import tarfile
from pathlib import Path

from hack.cluster.packages import find
from hack.cluster.settings import ClusterError
from hack.image import oci

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
# Not compressed: the layer travels over loopback, and compressors differ between Python versions.
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar"
_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_APPLETS = (
    "awk cat chmod cp cut date echo env expr false find grep head hostname httpd id kill ln ls mkdir mv nc printf ps "
    "pwd rm rmdir sed seq sh sleep sort stat tail test touch tr true uname wc wget"
)

# The shell is the first process, so it has to end on TERM by itself: the system's default does not apply to it.
# A trap runs at once only while the shell waits for a job, hence the `&` and `wait`.
_SERVE = "httpd -f -p {port} -h /www &\nwait $!\n"
_ENDS = "trap 'exit 0' TERM INT\n"
_SCRIPTS = {
    "app": _ENDS + _SERVE,
    "slow": _ENDS + "sleep 5 &\nwait $!\n" + _SERVE,
    "stubborn": "trap '' TERM\n" + _SERVE,
    "crash": "sleep 0.2\necho 'crashing, as this image always does' >&2\nexit 1\n",
    # As an application that gives up while its database starts; the container after it finds what this one left.
    "once": "if [ ! -e /state/begun ]; then touch /state/begun; sleep 0.2; exit 1; fi\n" + _ENDS + _SERVE,
    # `wait` also reaps the children that others left behind.
    "pause": _ENDS + "while :; do sleep 86400 & wait $!; done\n",
}
_SIDECAR_PORT = 8081
_APP_PORT = 8080

#: Enough for many upgrades in a row: a kubelet makes a container of the same image wait longer each time that it comes
#: back within ten minutes (doBackOff), as it does after crashes.
VERSIONS = 22

# repository -> tag -> (script, what /www/version says)
CATALOGUE: dict[str, dict[str, tuple[str, str]]] = {
    "app": {
        **{version: ("app", version) for version in (f"v{number}" for number in range(1, VERSIONS + 1))},
        "v1-alias": ("app", "v1"),
        **{kind: (kind, kind) for kind in ("slow", "stubborn", "crash", "once")},
        "deaf": ("pause", "deaf"),
    },
    "sidecar": {version: ("app", version) for version in ("v1", "v2")},
    "pause": {"1": ("pause", "1")},
}


@functools.cache
def image(repository: str, tag: str, mark: str = "") -> oci.Image:
    """The image of one tag; with a mark it is another one, that behaves alike."""
    script, version = CATALOGUE[repository][tag]
    port = _SIDECAR_PORT if repository == "sidecar" else _APP_PORT
    layer = _layer("#!/bin/sh\n" + _SCRIPTS[script].format(port=port), f"{version}\n")
    config = oci.encoded(
        {
            "architecture": _architecture(),
            "os": "linux",
            "config": {"Entrypoint": ["/app"], "Env": ["PATH=/bin"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [oci.digest(layer)]},
            "history": [{"created_by": f"{repository} {version} {mark}".rstrip()}],
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": _CONFIG_TYPE, "size": len(config), "digest": oci.digest(config)},
        "layers": [{"mediaType": _LAYER_TYPE, "size": len(layer), "digest": oci.digest(layer)}],
    }
    return oci.Image(oci.encoded(manifest), (layer, config))


def digest(repository: str, tag: str) -> str:
    """The digest of one tag, as in `app@sha256:...`; `v1-alias` has that of `v1`."""
    return image(repository, tag).digest


def _architecture() -> str:
    machine = int.from_bytes(_busybox()[18:20], "little")
    return {0x3E: "amd64", 0xB7: "arm64"}.get(machine, "unknown")


@functools.cache
def _busybox() -> bytes:
    program = find("busybox")
    content = Path(program).read_bytes() if program else b""
    # A program that needs a loader names it near its beginning; in an image of nothing else it would not start.
    if not content or b"/ld-" in content[:4096]:
        raise ClusterError("the images need a static busybox: install the package busybox-static")
    return content


def _layer(script: str, version: str) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder in ("bin", "www", "tmp", "etc"):
            _add(archive, folder, tarfile.DIRTYPE, mode=0o1777 if folder == "tmp" else 0o755)
        _add(archive, "bin/busybox", tarfile.REGTYPE, _busybox())
        for applet in _APPLETS.split():
            _add(archive, f"bin/{applet}", tarfile.SYMTYPE, link="busybox")
        _add(archive, "app", tarfile.REGTYPE, script.encode())
        for page in ("version", "index.html"):
            _add(archive, f"www/{page}", tarfile.REGTYPE, version.encode(), mode=0o644)
    return output.getvalue()


def _add(
    archive: tarfile.TarFile, name: str, kind: bytes, content: bytes = b"", *, mode: int = 0o755, link: str = ""
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.size = kind, mode, link, len(content)
    archive.addfile(entry, io.BytesIO(content))
