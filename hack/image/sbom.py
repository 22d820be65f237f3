"""The bill of materials of an image, in CycloneDX: both halves, read from what is truly in it.

Debian's packages are known by the files that dpkg leaves (`debian.STATUS`), the wheels by their metadata, a program in
Go by what its linker left in it. What a lock has for the same version adds the hash of the archive. The same image
gives the same bill.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from pathlib import PurePosixPath
from typing import NamedTuple

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from hack.image import debian, oci, wait_ready, wheels
from hack.image.tree import merged
from inplace import __version__

MEDIA_TYPE = "application/vnd.cyclonedx+json"
_STATUS = "var/lib/dpkg/status"
_RELEASE = "usr/lib/os-release"
#: Ours; all else is a library of theirs.
_PROGRAMS = ("kubectl-inplace", wait_ready.NAME)


class Package(NamedTuple):
    """Something with a version of its own: from `deb`, `pypi` or `golang`, and the files that it installs."""

    kind: str
    name: str
    version: str
    files: frozenset[str]
    metadata: Message


def packages(files: Mapping[str, oci.File]) -> list[Package]:
    """What an image of these files is made of, in order."""
    return sorted([*_debian(files), *_wheels(files), *_go(files)], key=lambda one: (one.kind, one.name.lower()))


def bill(image: oci.Image, time: int) -> bytes:
    """The bill of materials; `time` in seconds since 1970."""
    files, labels = image.files(), image.configuration["Labels"]
    name, version = (labels[f"org.opencontainers.image.{key}"] for key in ("title", "version"))
    whole = Component(
        name=name, version=version, type=ComponentType.CONTAINER, bom_ref="image",
        purl=PackageURL("oci", name=name, version=image.digest),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=image.digest.removeprefix("sha256:"))],
    )  # fmt: skip
    made = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_OID, image.digest))
    made.metadata.component = whole
    made.metadata.timestamp = datetime.fromtimestamp(time, UTC)
    release = dict(line.split("=", 1) for line in files[_RELEASE].content.decode().splitlines() if "=" in line)
    system = f"{release['ID']}-{release['VERSION_ID']}".replace('"', "")
    hashes = _hashes()
    parts = [_component(one, system, hashes.get((one.kind, one.name.lower(), one.version))) for one in packages(files)]
    for part in (*parts, _system(system)):
        made.components.add(part)
    made.register_dependency(whole, made.components)
    return JsonV1Dot6(made).output_as_string(indent=1).encode() + b"\n"


def _debian(files: Mapping[str, oci.File]) -> Iterable[Package]:
    """With a file for each package, as our image has them, or with one for all, as dpkg leaves it."""
    for path, file in files.items():
        apart = PurePosixPath(path).parent == PurePosixPath(debian.STATUS) and not path.endswith(".md5sums")
        for paragraph in file.content.strip().split(b"\n\n") if apart or path == _STATUS else ():
            metadata = message_from_bytes(paragraph)
            yield Package("deb", metadata["Package"], metadata["Version"], _listed(metadata, files), metadata)


def _listed(metadata: Message, files: Mapping[str, oci.File]) -> frozenset[str]:
    """A package of which there may be one for each architecture has that in the name of its list."""
    name = metadata["Package"]
    lists = (f"{debian.LISTS}/{one}.list" for one in (name, f"{name}:{metadata['Architecture']}"))
    (found,) = (files[path] for path in lists if path in files)
    return frozenset(merged(line.lstrip("/")) for line in found.content.decode().splitlines())


def _wheels(files: Mapping[str, oci.File]) -> Iterable[Package]:
    for path, file in files.items():
        folder = PurePosixPath(path).parent
        if folder.suffix == ".dist-info" and path.endswith("/METADATA"):
            record = files[str(folder / "RECORD")].content.decode().splitlines()
            own = frozenset(_resolved(folder.parent / line.rsplit(",", 2)[0].strip('"')) for line in record)
            metadata = message_from_bytes(file.content)
            yield Package("pypi", metadata["Name"], metadata["Version"], own, metadata)


def _go(files: Mapping[str, oci.File]) -> Iterable[Package]:
    """The static program, and the only thing that is linked into it: the standard library, by whose version advisories
    go.
    """
    program = files.get(wait_ready.PROGRAM)
    if program is not None:
        about = message_from_bytes(b"License-Expression: Apache-2.0\nSummary: Waits until an endpoint answers\n")
        yield Package("golang", wait_ready.NAME, __version__, frozenset({wait_ready.PROGRAM}), about)
        library = message_from_bytes(b"License-Expression: BSD-3-Clause\nSummary: The standard library of Go\n")
        yield Package("golang", "stdlib", wait_ready.made_with(program.content), frozenset(), library)


def _resolved(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _component(package: Package, system: str, sha256: str | None) -> Component:
    metadata = package.metadata
    licenses = [LicenseFactory().make_from_string(text)] if (text := _license(metadata)) else []
    return Component(
        name=package.name, version=package.version, bom_ref=f"{package.kind}:{package.name}",
        type=ComponentType.APPLICATION if package.name in _PROGRAMS else ComponentType.LIBRARY,
        purl=_purl(package, system),
        licenses=licenses, description=metadata["Summary"] or (metadata["Description"] or "").split("\n")[0],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else [],
    )  # fmt: skip


def _license(metadata: Message) -> str:
    return metadata["License-Expression"] or metadata["License"] or ""


def _purl(package: Package, system: str) -> PackageURL:
    match package.kind:
        case "deb":
            return _debian_purl(package, system)
        case "golang" if package.name == wait_ready.NAME:
            return PackageURL("golang", "inplace.dev", package.name, package.version)
    return PackageURL(package.kind, name=package.name.lower().replace("_", "-"), version=package.version)


def _debian_purl(package: Package, system: str) -> PackageURL:
    """With the source package, by which Debian names its security advisories."""
    source = (package.metadata["Source"] or package.name).split()[0]
    qualifiers = {"arch": package.metadata["Architecture"], "distro": system, "upstream": source}
    return PackageURL("deb", "debian", package.name, package.version, qualifiers)


def _system(system: str) -> Component:
    name, _, version = system.partition("-")
    return Component(name=name, version=version, type=ComponentType.OPERATING_SYSTEM, bom_ref="system")


def _hashes() -> dict[tuple[str, str, str], str]:
    """Of the archives, where they are those of the locks."""
    found = {("deb", one.name, one.version): one.sha256 for one in debian.locked()}
    return found | {("pypi", one.name.lower(), one.version): one.sha256 for one in wheels.locked()}
