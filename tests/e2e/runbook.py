"""The commands of docs/how-to/runbooks.md, run as a reader would: all of them exist, and say something."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from hack.monitoring.rules import ROOT

PAGE = ROOT / "docs/how-to/runbooks.md"
#: Commands that may end with another code than 0, by what is in them, and why.
OTHER_CODES = {
    "kubectl inplace status": {4: "it has failed"},
    "kubectl inplace plan": {2: "there is something to change", 3: "it is refused"},
    "kubectl top": {1: "there is no metrics server"},
    "--previous": {1: "the container has not ended yet"},
    "auth can-i": {1: "the answer is no"},
    "| grep": {1: "no such line"},
}
#: What says that the command itself is wrong.
WRONG = (
    "unknown command",
    "unknown flag",
    "unknown shorthand",
    "no such option",
    "doesn't have a resource type",
    "usage:",
)


def commands() -> list[str]:
    """Each of them once."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return list(dict.fromkeys(line for block in blocks for line in block.splitlines()))


def run(command: str, kubeconfig: Path, words: Mapping[str, str]) -> str | None:
    """Run it with these words for the placeholders; why it is wrong, or None."""
    for word, value in words.items():
        command = re.sub(rf"(?<![\w.]){word}(?![\w:])|(?<=serviceaccount:){word}(?=:)", value, command)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # kubectl finds its plugin there
    done = subprocess.run(
        ["/bin/bash", "-c", command],
        env={**os.environ, "KUBECONFIG": str(kubeconfig), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    codes = {0}.union(*(others for part, others in OTHER_CODES.items() if part in command))
    if done.returncode in codes and not any(word in done.stderr.lower() for word in WRONG):
        return None
    return f"{command}: {done.returncode}: {done.stderr}"
