"""A file tree in memory, and the layer it becomes: the same bytes for the same files, whoever builds it and when.

Knows tar; knows no package formats.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

#: Folders of Debian that are links into /usr.
_MERGED = ("bin", "lib", "lib64", "sbin")


class Entry(NamedTuple):
    """A file, a link (`link` is its target) or a folder (neither)."""

    mode: int
    content: bytes | None = None
    link: str = ""


class Tree:
    """By path, without a leading slash."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def paths(self) -> Iterator[str]:
        """Every path, in order."""
        return iter(sorted(self._entries))

    def read(self, path: str) -> bytes:
        """A file's content. Raises KeyError."""
        found = self._entries[path]
        if found.link:
            return self.read(str(PurePosixPath(path).parent / found.link) if found.link[0] != "/" else found.link[1:])
        return found.content or b""

    def write(self, path: str, content: bytes | str, mode: int = 0o644) -> None:
        """A file, with its folders."""
        self._put(path, Entry(mode, content.encode() if isinstance(content, str) else content))

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        self._put(path, Entry(0o777, link=target))

    def folder(self, path: str, mode: int = 0o755) -> None:
        """A folder of its own."""
        self._put(path, Entry(mode))

    def unpack(self, archive: tarfile.TarFile, keep: Callable[[str], bool]) -> None:
        """The files of an archive that are to be kept; hard links become files of their own."""
        for member in archive:
            path = merged(member.name)
            if not keep(path):
                continue
            if member.issym():
                self.link(path, member.linkname)
            elif member.islnk():
                self.write(path, self.read(merged(member.linkname)), member.mode)
            elif member.isfile():
                source = archive.extractfile(member)
                assert source is not None
                self.write(path, source.read(), member.mode)

    def take(self, folder: Path, below: str) -> None:
        """Everything of a folder of this machine, placed `below`."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                self.write(f"{below}/{path.relative_to(folder)}", path.read_bytes(), mode)

    def place(self, folder: Path) -> None:
        """Write it all into a folder of this machine."""
        for path in self.paths():
            entry, target = self._entries[path], folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if entry.link:
                target.symlink_to(entry.link)
            elif entry.content is None:
                target.mkdir(exist_ok=True)
            else:
                target.write_bytes(entry.content)
                target.chmod(entry.mode)

    def layer(self, time: int) -> bytes:
        """The layer, not compressed; every file is of `time`, in seconds since 1970, and root's."""
        output = io.BytesIO()
        with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in self.paths():
                entry, info = self._entries[path], tarfile.TarInfo(path)
                info.mode, info.mtime, info.linkname, info.uname, info.gname = entry.mode, time, entry.link, "", ""
                content = entry.content or b""
                info.size = len(content)
                info.type = tarfile.SYMTYPE if entry.link else tarfile.REGTYPE
                if entry.content is None and not entry.link:
                    info.type = tarfile.DIRTYPE
                archive.addfile(info, io.BytesIO(content))
        return output.getvalue()

    def _put(self, path: str, entry: Entry) -> None:
        for parent in [str(one) for one in PurePosixPath(path).parents][:-1]:
            self._entries.setdefault(parent, Entry(0o755))
        self._entries[path] = entry


def merged(name: str) -> str:
    """A path of a Debian package, where it is on a system of today: below /usr."""
    path = name.removeprefix("./").strip("/")
    return f"usr/{path}" if path.split("/")[0] in _MERGED else path
