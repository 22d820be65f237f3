"""What tools that do not know us conclude from a workload, and the table of it in docs/reference/judges.md.

`python -m hack.judges build/judges` makes the table from what tests/e2e/test_judges.py has left there: nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from hack.cluster import build
from inplace.core.objects import names

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "build" / "judges"
SCRIPTS = ROOT / "manifests" / "argocd" / "health.yaml"

IDLE, PENDING, DONE, FAILED = "idle", "pending", "done", "failed"
STATES = {
    IDLE: "up to date",
    PENDING: "a change is being upgraded (every watch event)",
    DONE: "the upgrade has ended",
    FAILED: "the upgrade has failed (`Degraded`)",
}
JUDGES = {
    "rollout": "`kubectl rollout status`",
    "kstatus": "kstatus",
    "argo": "Argo CD's own rules",
    "script": "Argo CD with `manifests/argocd`",
}


class Verdicts(Struct, frozen=True):
    """Of one object."""

    kstatus: str
    argo: str
    script: str


class Heard(Struct):
    """What each judge said of a kind in each state, in the order in which it was said for the first time."""

    kind: str
    policies: bool
    version: str
    said: dict[str, dict[str, list[str]]] = {}

    def note(self, state: str, judge: str, verdict: str) -> None:
        """Keep a verdict."""
        found = self.said.setdefault(state, {}).setdefault(judge, [])
        if verdict not in found:
            found.append(verdict)


def judge(objects: Sequence[dict[str, Any]]) -> list[Verdicts]:
    """The verdicts on each object."""
    program = build.ensure(build.judges()) / "judges"
    scripts = yaml.safe_load(SCRIPTS.read_text())["data"]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(scripts, file)
        file.flush()
        lines = "".join(json.dumps(one) + "\n" for one in objects)
        done = subprocess.run([str(program), file.name], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [msgspec.json.decode(line, type=Verdicts) for line in done.stdout.splitlines()]
    assert len(found) == len(objects)
    return found


def state_of(workload: dict[str, Any]) -> str:
    """What is true of a workload: what the controller says of its present generation, or that it has yet to look."""
    meta = workload["metadata"]
    said = json.loads((meta.get("annotations") or {}).get(names.STATUS, "{}"))
    if said.get("observedGeneration") != meta["generation"]:
        return PENDING
    return {"UpToDate": DONE, "Degraded": FAILED}.get(said["phase"], PENDING)


def keep(heard: Heard) -> None:
    """Leave the results for the table."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    name = f"{heard.kind}-{'with' if heard.policies else 'without'}.json"
    (RESULTS / name).write_bytes(msgspec.json.format(msgspec.json.encode(heard)))


HEAD = """# What other tools think of a workload that is upgraded in place

Made by `make e2e-full` from what the real cluster showed ({version}): every watch event of a workload was given to
kstatus 1.3.0 (Flux, Helm) and to Argo CD's health rules. A word is a verdict; several stand in the order in which they
were first given. **Bold** is wrong or useless: finished before the end, or not finished after it.

With the policies of `manifests/policies` kstatus is right about every kind. Without them a StatefulSet looks finished
too early, and a Deployment, paused for good, never does. `kubectl rollout status` knows no ReplicaSets, refuses what is
frozen by OnDelete, and takes a StatefulSet, or a Deployment whose ReplicaSet has the new template already, for finished
whenever all Pods are ready: only `inplace status` waits rightly for every kind.

Helm 4 with `--wait` does what kstatus says, with one exception: a Deployment that stands paused in the answer to Helm's
own write is not waited for at all. The write that changes the image is the one that pauses it, so Helm ends at once:
`inplace status deployment/NAME` after it waits. What Helm itself does with each kind: `tests/e2e/test_helm.py`.
"""
#: What is right in each state; anything else is set in bold.
_RIGHT = {
    IDLE: {"Current", "Healthy", "successful"},
    PENDING: {"InProgress", "Progressing", "waits"},
    DONE: {"Current", "Healthy", "successful"},
    FAILED: {"Failed", "Degraded", "fails"},
}


def main() -> int:
    """Print the table."""
    every = [msgspec.json.decode(path.read_bytes(), type=Heard) for path in sorted(Path(sys.argv[1]).glob("*.json"))]
    print(HEAD.format(version=", ".join(sorted({one.version for one in every}))))
    for policies in (True, False):
        chosen = [one for one in every if one.policies is policies]
        print(f"## {'With' if policies else 'Without'} the policies\n")
        print("| kind | state | " + " | ".join(JUDGES.values()) + " |\n|---|---|" + "---|" * len(JUDGES))
        for heard in chosen:
            for state, words in STATES.items():
                cells = [_cell(state, heard.said.get(state, {}).get(judge, [])) for judge in JUDGES]
                print(f"| {heard.kind} | {words} | " + " | ".join(cells) + " |")
        print()
    return 0


def _cell(state: str, verdicts: list[str]) -> str:
    return ", ".join(verdict if verdict in _RIGHT[state] else f"**{verdict}**" for verdict in verdicts) or "-"


if __name__ == "__main__":
    sys.exit(main())
