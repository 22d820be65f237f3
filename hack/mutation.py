"""`python -m hack.mutation`: deliberate defects, each of which the tests without a cluster must catch.

A defect is a replacement of text that stands exactly once in a file of `inplace`. It is made in a copy of the tree;
a replacement that no longer applies is an error, so that the list cannot rot quietly.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUITE = (
    "tests/unit/core",
    "tests/unit/controller",
    "tests/property/test_upgrade.py",
    "tests/scenarios",
    *("--seeds", "3", "--kinds", "StatefulSet,Deployment", "--timeout", "120"),
    *("-x", "-q", "-p", "no:cacheprovider", "-n", "2"),
)


@dataclass(frozen=True)
class Defect:
    """One thing done wrong."""

    name: str
    file: str
    right: str
    wrong: str


DEFECTS = (
    Defect(
        "roll out a Deployment natively: never pause it",
        "core/kinds/deployment.py",
        'return running or base.hold(workload, {"paused": True})',
        "return running or base.hold(workload, {})",
    ),
    Defect(
        "move Pods before their ReplicaSet has the new template",
        "core/plan.py",
        "wait = Reason(Code.PREPARING",
        "_ = Reason(Code.PREPARING",
    ),
    Defect(
        "leave an older ReplicaSet with the wanted template",
        "core/kinds/deployment.py",
        "equal and not _has_pods(child)",
        "False and equal",
    ),
    Defect(
        "forget the old template of a Deployment",
        "core/kinds/deployment.py",
        "    if known or workload.spec.revision_history_limit == 0:\n",
        "    if True:\n",
    ),
    Defect(
        "take the oldest revision of a DaemonSet for the current",
        "core/kinds/daemonset.py",
        "return equal[-1] if equal",
        "return next(iter(revisions.values())) if equal",
    ),
    Defect("hand over while Pods are kept by a pause", "core/plan.py", "and not parsed.settings.paused and", "and"),
    Defect("skip the drain", "core/attempt.py", "if drains(pod, scene.settings, lacks.images):", "if False:"),
    Defect(
        "skip the grace period",
        "core/pod.py",
        "    if scene.now >= over:\n        return None",
        "    if True:\n        return None",
    ),
    Defect(
        "write the label before the swap",
        "core/patch.py",
        "labels.update(last)",
        "labels.update({names.REVISION_LABEL: record.target})",
    ),
    Defect(
        "count the budget one too high",
        "core/budget.py",
        "settings.budget(desired) -",
        "settings.budget(desired) + 1 -",
    ),
    Defect(
        "count Pods in flight as available", "core/rollout.py", "not in_flight and missing is None", "missing is None"
    ),
    Defect(
        "believe an answer about a Pod that has changed since",
        "core/memory.py",
        " or not all(map(is_, entry[0], own))",
        "",
    ),
    Defect(
        "believe an answer after its time",
        "core/memory.py",
        "(entry[2] is not None and now >= entry[2])",
        "False",
    ),
    Defect(
        "swap a Pod that was not drained without reading it again",
        "controller/apply.py",
        "    if not isinstance(action, Swap):\n        return False\n",
        "    if True:\n        return False\n",
    ),
    Defect(
        "call a lost race with another writer a failure",
        "controller/world.py",
        "            self._went_on(new.uid)\n",
        "            pass\n",
    ),
    Defect(
        "accept an unchanged containerID",
        "core/evidence.py",
        "    if status.container_id == baseline.id:\n",
        "    if False:\n",
    ),
    Defect(
        "do not wait for the kubelet's generation",
        "core/evidence.py",
        "    if tracked and pod.status.observed_generation < record.generation:\n",
        "    if False:\n",
    ),
    Defect(
        "forget that an earlier patch was not confirmed",
        "core/attempt.py",
        "unsettled=before is not None and not before.evidence",
        "unsettled=False",
    ),
    Defect("begin while paused", "core/plan.py", "    if parsed.settings.paused:\n", "    if False:\n"),
    Defect("begin although refused", "core/plan.py", "wait = scene.hold or _wait(", "wait = _wait("),
    Defect(
        "begin before the freeze stands",
        "core/plan.py",
        "    if isinstance(frozen, Edit | Amend):\n",
        "    if False:\n",
    ),
    Defect("go on after a failure", "core/plan.py", "if len(failures) > parsed.settings.max_failures:", "if False:"),
    Defect(
        "leave the gate of a failed Pod closed",
        "core/patch.py",
        'gate = _gate(pod, now, "UpgradeFailed", opened=True)',
        'gate = _gate(pod, now, "UpgradeFailed", opened=False)',
    ),
    Defect("forget the deadline", "core/failures.py", "    if now < record.deadline:\n", "    if True:\n"),
    Defect("do not test the record", "core/patch.py", "test = [] if current is None else", "test = [] if True else"),
    Defect(
        "do not test the Pod's uid",
        "core/patch.py",
        'uid = _test("/metadata/uid", pod.uid)',
        'uid = _test("/metadata/name", pod.name)',
    ),
    Defect(
        "act on a Pod with a write under way",
        "core/rollout.py",
        "    if uid in snapshot.pending:\n",
        "    if False:\n",
    ),
    Defect(
        "claim a generation whose target is not known",
        "core/report.py",
        "return before.observed_generation if before is not None else 0",
        "return said.snapshot.workload.metadata.generation",
    ),
    Defect(
        "resume a Deployment that no policy protects",
        "core/kinds/deployment.py",
        "if left is not None or not (interlocked and base.frozen(workload)):",
        "if left is not None or not base.frozen(workload):",
    ),
    Defect(
        "let an undo change the settings",
        "core/kinds/undo.py",
        "if same and child.metadata.uid != active.metadata.uid:",
        "if False:",
    ),
    Defect(
        "leave our conditions behind",
        "core/conditions.py",
        "if status.phase is Phase.UP_TO_DATE:\n        return without_ours(found)",
        "if False:\n        return without_ours(found)",
    ),
    Defect(
        "begin the upgrade again that is being rolled back",
        "core/rollback.py",
        "if before.rolled_back_from != asked.revision:",
        "if True:",
    ),
    Defect(
        "roll back to what was never healthy",
        "core/rollback.py",
        "return snapshot.revisions.get(before.healthy) or Reason(",
        "return next(iter(snapshot.revisions.values())) or Reason(",
    ),
    Defect(
        "keep Pods at a revision that is not promoted",
        "core/steps.py",
        "return frozenset(pod.uid for pod in there[at.limit :])",
        "return frozenset()",
    ),
    Defect("pass every step at once", "core/steps.py", "if limit < desired else None", "if False else None"),
    Defect(
        "swap while an endpoint serves",
        "core/pod.py",
        "if scene.sight.out_at is None and scene.now < latest:",
        "if False:",
    ),
    Defect("forget the caps", "core/rollout.py", "if not free and left > 0 and free_room <= 0:", "if False:"),
    Defect(
        "drain before the image is there",
        "core/plan.py",
        "unprepared=lambda pod: pulls.wait(pod.uid) or taken.ask(pod)",
        "unprepared=lambda pod: taken.ask(pod)",
    ),
    Defect(
        "disrupt whatever the budgets say",
        "core/plan.py",
        "unprepared=lambda pod: pulls.wait(pod.uid) or taken.ask(pod)",
        "unprepared=lambda pod: pulls.wait(pod.uid)",
    ),
    Defect("never renew a reservation", "core/reserve.py", "if name in wanted and self._now >= at + RENEW", "if False"),
    Defect(
        "give a reservation back too early",
        "core/reserve.py",
        "        return sight is None or sight.unready_at is None or self._now < sight.unready_at + HEARD",
        "        return False",
    ),
    Defect(
        "turn a Pod that is drained to an image that is not there",
        "core/plan.py",
        "scene = replace(scene, unpulled=pulls.unpulled(snapshot, prospects))",
        "scene = replace(scene, unpulled={})",
    ),
    Defect(
        "leave helper Pods behind when opting out",
        "core/leaving.py",
        "helpers = prepull.farewell(snapshot)",
        "helpers = ()",
    ),
    Defect(
        "believe the digest of an old kubelet's container",
        "core/evidence.py",
        "told_apart = tracked or wanted != image.digest_of(baseline.image_id)",
        "told_apart = True",
    ),
    Defect("ignore the partition", "core/kinds/statefulset.py", "if index < kept:", "if False:"),
)


def caught(defect: Defect) -> bool:
    """Whether the suite fails with the defect in place."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__"))
        target = copy / "inplace" / defect.file
        text = target.read_text(encoding="utf-8")
        if text.count(defect.right) != 1:
            raise SystemExit(f"{defect.name}: {defect.file} holds its text {text.count(defect.right)} times, not once")
        target.write_text(text.replace(defect.right, defect.wrong), encoding="utf-8")
        environment = {**os.environ, "CI": "true", "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", *SUITE]
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    return re.search(r"^\d+ failed", done.stdout.strip().splitlines()[-1]) is not None


def main() -> int:
    """Try every defect; print a line for each, and fail if one was not caught."""
    missed = 0
    for defect in DEFECTS:
        found = caught(defect)
        missed += not found
        print(f"{'caught' if found else 'MISSED'}  {defect.name}", flush=True)
    print(f"{len(DEFECTS) - missed} of {len(DEFECTS)} defects caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
