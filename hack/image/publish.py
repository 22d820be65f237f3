"""A layout -> a registry, with skopeo: with TLS and the credentials of `skopeo login`, `docker login` or their helpers.

The image goes first. What refers to it follows, as an index below a tag of the image's digest: a registry that knows
referrers finds them by their subject, and any other has them there. What others have put there, a signature say, stays.

skopeo of Debian 12 writes that index anew and leaves out each artifact's type, which the artifact itself has: where the
registry does not know referrers, a client that looks for a type has to look into the artifacts.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from hack.cluster import packages
from hack.cluster.settings import ClusterError
from hack.image import oci

_REFERENCE = re.compile(r"(?P<repository>(?:localhost|[\w-]*[.:][\w.:-]*)(?:/[a-z0-9][a-z0-9._-]*)+):[\w][\w.-]{0,127}")
#: What skopeo says -> what to do.
_HINTS = {
    "server gave HTTP response to HTTPS client": "it speaks plain HTTP: make image PUSH=… PLAIN_HTTP=1",
    "certificate": "its certificate is not trusted here: put its CA into /etc/containers/certs.d/HOST/ca.crt",
    "unauthorized|authentication required|denied|no basic auth": "log in first: skopeo login HOST (or docker login)",
    "connection refused|no such host|i/o timeout|no route": "nothing answers there",
}


def push(layout: Path, tag: str, reference: str, *, tls: bool = True) -> None:
    """The image and its referrers; `tls` False: over plain HTTP, or with a certificate that nobody signed. Raises
    ClusterError.
    """
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise ClusterError(f"cannot push to {reference!r}: give HOST[:PORT]/NAME:TAG, with a tag and without a digest")
    if not (layout / "index.json").is_file():
        raise ClusterError("there is no image yet: make image")
    made = oci.read(layout)
    _copy(f"oci:{layout}:{tag}", f"docker://{reference}", tls, "--preserve-digests")
    place = f"docker://{found['repository']}:{oci.referrers_tag(made.digest)}"
    with tempfile.TemporaryDirectory() as folder:
        theirs = _existing(place, Path(folder), tls)
        ours = oci.referrers(layout)
        others = [one for one in theirs if one.digest not in {own.digest for own in ours}]
        oci.write(made, Path(folder), tag, [*others, *ours])
        _copy(f"oci:{folder}:{oci.referrers_tag(made.digest)}", place, tls, "--all")


def _existing(place: str, folder: Path, tls: bool) -> list[oci.Image]:
    """What refers to the image in the registry already."""
    if _skopeo("inspect", "--raw", f"--tls-verify={_flag(tls)}", place).returncode:
        return []
    _copy(place, f"oci:{folder}:theirs", tls, "--all")
    return oci.referrers(folder)


def _copy(source: str, target: str, tls: bool, option: str) -> None:
    options = [
        option,
        *(f"--{end}-tls-verify={_flag(tls)}" for end, at in (("src", source), ("dest", target)) if at[0] == "d"),
    ]
    done = _skopeo("copy", *options, source, target)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1]
        hint = next((f"; {hint}" for text, hint in _HINTS.items() if re.search(text, said)), "")
        raise ClusterError(f"cannot copy to {target.removeprefix('docker://')}{hint} (skopeo: {said})")


def _skopeo(*arguments: str) -> subprocess.CompletedProcess[str]:
    packages.ensure({"skopeo": "skopeo"})
    program = packages.find("skopeo")
    assert program is not None
    # Its policy says whose images may come in; this one was made here.
    command = [program, "--insecure-policy", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _flag(tls: bool) -> str:
    return str(tls).lower()
