"""How the Pods of a workload come to have the readiness gate, in words: the command to run next."""

from __future__ import annotations

from inplace.core.objects import names
from inplace.core.objects.workloads import Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.template import trees


def is_templated(workload: Workload) -> bool:
    """Whether new Pods get the readiness gate from the template."""
    spec = trees.tree(trees.decode(workload.spec.template).get("spec"))
    gates = (trees.tree(gate).get("conditionType") for gate in trees.items(spec.get("readinessGates")))
    return names.GATE in gates


def remedy(snapshot: Snapshot, *, opted_in: bool) -> str:
    """What to do about Pods without it, who keep the gates that they were created with. `opted_in`: by the time that
    this is read."""
    kind, workload = snapshot.kind, snapshot.workload
    if is_templated(workload):
        return "the template has it, and Pods get it when they are created: delete those one by one"
    if kind.held(workload) and kind.fall_back(workload) is None:
        return f"its {kind.name} controller replaces no Pods: add it to the template, and delete the Pods by hand"
    of = f"{kind.name.lower()}/{workload.metadata.name} -n {workload.metadata.namespace}"
    first = f"inplace disable {of} && " if opted_in else ""
    return f"one native rollout gives it to them: run `{first}inplace enable {of} --with-gate`"
