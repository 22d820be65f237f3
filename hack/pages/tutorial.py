"""The tutorial, run: each command of docs/tutorial/first-upgrade.md on a real cluster, its output written below it.

`python -m hack.pages.tutorial` runs it on the cluster $CLUSTER and writes the page. Nothing else may run there. The page
has the names of a first cluster; what another one is called is put in before a command runs and taken out afterwards.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Final

from hack.cluster import api

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "tutorial" / "first-upgrade.md"
#: What the page says of a first cluster.
STATE: Final = "~/.local/state/inplace/main"
REGISTRY: Final = "127.0.0.1:21003"
#: No command may take longer than this.
LIMIT_SECONDS: Final = 240
_BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: What make says the first time.
_VENV: Final = r"^(?:python3 -m venv|\.venv/bin/pip) .*\n"
_END: Final = "that was it:"


class Shell:
    """One bash, in which one command after the other runs; its errors stand among its output, as on a terminal."""

    def __init__(self) -> None:
        """Start it in the root of the repository."""
        foreign = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "KUBECONFIG", "PYTHONPATH")
        environment = {key: value for key, value in os.environ.items() if key not in foreign}
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=ROOT,
            env={**environment, "NO_COLOR": "1", "COLUMNS": "120", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[str, int]:
        """What it printed, and its exit code, which the next command finds in `$?`."""
        stdin, stdout = self._pipes()
        stdin.write(f"{command}\n__code=$?\necho '{_END}'$__code\n(exit $__code)\n")
        stdin.flush()
        timer = threading.Timer(LIMIT_SECONDS, self._bash.kill)
        timer.start()
        lines = list[str]()
        for line in stdout:
            said, found, code = line.partition(_END)
            lines.append(said)
            if found:
                timer.cancel()
                return "".join(lines), int(code)
        raise AssertionError(f"{command}: no end within {LIMIT_SECONDS} s: {''.join(lines)}")

    def close(self) -> None:
        """End it."""
        stdin, stdout = self._pipes()
        stdin.close()
        stdout.close()
        self._bash.wait(10)

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        return self._bash.stdin, self._bash.stdout


def run(text: str, cluster: api.Cluster) -> str:
    """The page with the output of a run. A command may fail only if the next one asks how it ended."""
    shell = Shell()
    names = {REGISTRY: cluster.registry, STATE: str(cluster.state), "inplace:dev": f"inplace:dev-{time.time_ns()}"}
    names["cluster main:"] = f"cluster {cluster.name}:"
    names["newTag: dev"] = names["inplace:dev"].replace("inplace:", "newTag: ")
    try:
        return _BLOCK.sub(lambda found: f"```console\n{_block(shell, found[1], names)}```", text)
    finally:
        shell.close()


def commands(block: str) -> list[str]:
    """The commands of a block, each as it is written: `$ ` before its first line, `> ` before the others."""
    found = list[str]()
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(line)
        elif line.startswith(">") and found:
            found[-1] += f"\n{line}"
    return found


def _block(shell: Shell, block: str, names: dict[str, str]) -> str:
    made, written = list[str](), commands(block)
    for at, command in enumerate(written):
        said, code = shell.run(_replaced(re.sub(r"^[$>] ?", "", command, flags=re.MULTILINE), names))
        asked = written[at + 1 : at + 2] == ["$ echo $?"]
        assert code == 0 or asked, f"{command}\nended with {code}: {said}"
        made.append(f"{command}\n{_replaced(said, {real: name for name, real in names.items()})}")
    return "".join(made)


def _replaced(text: str, names: dict[str, str]) -> str:
    for name, other in names.items():
        text = text.replace(name, other)
    return text


def masked(text: str) -> str:
    """Without what differs from run to run; what was equal stays equal, as a Pod's UID before and after an upgrade."""
    for passing in (r"^.*: Progressing.*\n(?:  .*\n)*", r"^Waiting for .*\n", r"^inplace-pull-.*\n", _VENV):
        text = re.sub(passing, "", text, flags=re.MULTILINE)
    for kind, pattern in (
        ("uid", r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
        ("address", r"\b10\.\d+\.\d+\.\d+\b"),
        ("revision", r"\bweb-[0-9a-f]{8,10}\b"),
    ):
        seen = dict[str, str]()
        text = re.sub(pattern, lambda found, s=seen, k=kind: s.setdefault(found[0], f"{k}-{len(s)}"), text)  # type: ignore[misc]
    for pattern, name in (
        (r"\bcluster [\w-]+: ", "cluster NAME: "),
        (r"sha256:[0-9a-f]{64}", "DIGEST"),
        (r"\bv?1\.\d\d\.\d+\b", "VERSION"),
        # Whether an image is on the node already, and at what moment a pull was judged.
        (r"; \d would start now|; waits: pulling image \S+ on node \S+ first", ""),
        (r'ImagePullBackOff: Back-off pulling image "\S+": ', ""),
        (r"\b\d+(?:\.\d+)? ?(?:MB|ms|[smhd])(?:\d+[smh])?\b(?: ago)?", "N"),
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d\d:\d\d:\d\dZ?", "TIME"),
        (r"(?<=\S) +", " "),
    ):
        text = re.sub(pattern, name, text)
    return text


def main() -> int:
    """Run it and write the page."""
    PAGE.write_text(run(PAGE.read_text(encoding="utf-8"), api.current()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
