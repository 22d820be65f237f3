"""Before a Deployment is thawed, or after somebody else has: its controller is to replace what differs, and no more."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from inplace.core.actions.actions import Abort, DeleteReplicaSet, PatchReplicaSet, PatchWorkload
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import EventReason
from inplace.core.objects.workloads import Workload
from inplace.core.plan import opt_out, plan
from inplace.core.rollout import freeze
from inplace.core.state.records import Author, PodPhase, Record
from inplace.core.template import trees
from tests.factories import NOW, later, pod, swapping
from tests.unit.core.test_kinds import deployment, looked, print_of, replica_set

#: The one with Pods has the new template already, and the other keeps the old one.
ACTIVE, HISTORY = replica_set("web-a", "v2", kept=("v1", "v2")), replica_set("web-h", "v1", replicas=0, day=2)


def member(name: str, tag: str, *, of: str = "web-a", **fields: Any) -> Pod:
    owner = {"kind": "ReplicaSet", "name": of, "uid": of, "controller": True}
    return pod(name=name, image=f"app:{tag}", ownerReferences=[owner], **fields)


def out(one: Workload) -> Workload:
    """Without the label that opts in."""
    labels = {key: text for key, text in (one.metadata.labels or {}).items() if key != names.MODE}
    return replace(one, metadata=replace(one.metadata, labels=labels))


def thawed(tag: str = "v2") -> Workload:
    """As a `kubectl replace` without our label leaves it."""
    return out(deployment(tag, paused=False, frozen=False))


def drained(base: str, target: str) -> Record:
    return replace(swapping(PodPhase.DRAINING), base=print_of(base), target=print_of(target))


def mixed() -> tuple[Pod, ...]:
    return member("web-a-0", "v1"), member("web-a-1", "v2"), member("web-a-2", "v1")


def test_a_replica_set_with_the_template_of_no_pod_that_differs_gets_theirs_again():
    for one, why in ((out(deployment("v2")), None), (thawed(), EventReason.HandedOver)):
        write = freeze.hand_back(looked(one, ACTIVE, HISTORY, pods=mixed()))
        assert isinstance(write, PatchReplicaSet)
        assert (write.child.metadata.name, write.why) == ("web-a", why)
        given = write.spec["template"]
        assert trees.images(given) == {"app": "app:v1"}
        assert trees.labels(given)[names.TEMPLATE_HASH_LABEL] == "web-a", "its selector still finds its Pods"


def test_the_history_has_that_template_once():
    given = replica_set("web-a", "v1", kept=("v1", "v2"))
    write = freeze.hand_back(looked(out(deployment("v2")), given, HISTORY, pods=mixed()))
    assert isinstance(write, DeleteReplicaSet)
    assert write.child.metadata.name == "web-h"
    rolling = replica_set("web-b", "v2", day=3)
    write = freeze.hand_back(looked(thawed(), given, HISTORY, rolling, pods=mixed()))
    assert isinstance(write, DeleteReplicaSet), "also while the native rollout is under way"
    assert freeze.hand_back(looked(out(deployment("v2")), given, pods=mixed())) is None


def test_only_a_pod_of_that_replica_set_which_stays_and_is_known_speaks_for_another_template():
    away = replica_set("web-o", "v1", replicas=0)
    for other in (
        member("web-o-0", "v1", of="web-o"),
        member("web-a-0", "v1", deleted=True),
        member("web-a-0", "v2"),
    ):
        assert freeze.hand_back(looked(thawed(), ACTIVE, away, pods=(other, member("web-a-1", "v2")))) is None


def test_where_no_pod_differs_the_replica_set_gets_the_template_before_the_thaw():
    one = out(deployment("v1"))
    waiting = member("web-a-0", "v1", gate="False", ready=False, record=drained("v1", "v2"))
    made = plan.plan(looked(one, ACTIVE, HISTORY, pods=(waiting,)), NOW)
    assert {type(action) for action in made.actions} == {DeleteReplicaSet, Abort}, "it serves again at once"
    at_rest = member("web-a-0", "v1")
    [write] = plan.plan(looked(one, ACTIVE, pods=(at_rest,)), NOW).actions
    assert not isinstance(write, PatchWorkload), "and is thawed after that"
    assert freeze.hand_back(looked(thawed("v1"), ACTIVE, pods=(at_rest,))) is None, "a native rollout has begun"


def test_what_others_have_thawed_is_repaired_before_the_records_go_which_tell_what_pods_have():
    done = member("web-a-1", "v2", record=replace(drained("v1", "v2"), phase=PodPhase.DONE))
    pods = (member("web-a-0", "v1"), done)
    [write] = plan.plan(looked(thawed(), ACTIVE, HISTORY, pods=pods), NOW).actions
    assert isinstance(write, PatchReplicaSet)
    given = replica_set("web-a", "v1", kept=("v1", "v2"))
    assert any(isinstance(one, Abort) for one in plan.plan(looked(thawed(), given, pods=pods), NOW).actions)


def test_nobody_can_tell_before_the_cache_shows_our_last_write_on_a_replica_set():
    given = replica_set("web-a", "v1", kept=("v1", "v2"))
    one = thawed()
    one = replace(one, metadata=replace(one.metadata, labels={names.PHASE: "Progressing"}))
    look = looked(one, given, pods=mixed())
    assert opt_out.last_writes(look, NOW), "we let go"
    assert opt_out.last_writes(replace(look, pending=frozenset({"web-a"})), NOW) == ()


def test_what_was_recorded_before_any_pod_began_is_ours_too():
    look = looked(thawed(), ACTIVE, HISTORY, pods=(member("web-a-0", "v1"),))
    assert opt_out.has_our_metadata(look)
    [write] = plan.plan(look, NOW).actions
    assert isinstance(write, PatchReplicaSet)


def test_a_pod_that_is_only_drained_and_has_what_is_asked_for_does_not_differ():
    def behind(*pods: Pod, tag: str = "v1") -> list[str]:
        return [one.pod.name for one in plan.behind(looked(out(deployment(tag)), ACTIVE, pods=pods), later(1))]

    waiting = member("web-a-0", "v1", gate="False", ready=False, record=drained("v1", "v2"))
    assert behind(waiting) == []
    assert behind(waiting, tag="v2") == ["web-a-0"]
    record = replace(drained("v1", "v1"), by=Author.COMMAND, deadline=later(9))
    working = member("web-a-0", "v1", gate="False", ready=False, record=record)
    assert behind(working) == ["web-a-0"], "a command works on it"
    lost = replace(record, deadline=later(0))
    assert behind(member("web-a-0", "v1", gate="False", ready=False, record=lost)) == []


def test_a_hand_over_gives_the_replica_set_its_template_back_first():
    """What is refused now was not when the first Pods were upgraded."""
    mode = {names.MODE: "InPlaceIfPossible", names.FROZEN: "true"}
    one = deployment("v2")
    one = replace(one, metadata=replace(one.metadata, labels=mode, annotations={f"{names.PREFIX}drain": "Required"}))
    look = looked(one, ACTIVE, HISTORY, pods=(member("web-a-0", "v1", gate=None), member("web-a-1", "v2", gate=None)))
    decided = plan.Planner().decide(look, NOW)
    assert decided.falls_back
    assert decided.hold is not None
    assert isinstance(decided.hold.write, PatchReplicaSet)
