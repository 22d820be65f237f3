"""What each kind wants written before its Pods move and after, and how it knows what a Pod was made from."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from inplace.core import kinds
from inplace.core.actions.actions import (
    CloseGate,
    CreateReplicaSet,
    DeleteReplicaSet,
    PatchImages,
    PatchReplicaSet,
    PatchWorkload,
    PatchWorkloadStatus,
    WriteStatus,
)
from inplace.core.kinds import OwnedObjects, Template, matching
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.reasons import EventReason, ReasonCode
from inplace.core.objects.workloads import Revision, Workload
from inplace.core.plan import plan
from inplace.core.plan.plan import Planner
from inplace.core.rollout import targets
from inplace.core.rollout.snapshot import PullPods, Snapshot
from inplace.core.settings.annotations import Amount, Settings, parse
from inplace.core.state import conditions, statuses
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Phase, Status
from inplace.core.template import trees
from inplace.core.views import forecast
from inplace.core.views.forecast import Verdict
from tests.factories import NOW, decode, node, pod, swapping, workload

DEPLOYMENT, REPLICASET = kinds.BY_NAME["Deployment"], kinds.BY_NAME["ReplicaSet"]
DAEMONSET, STATEFULSET = kinds.BY_NAME["DaemonSet"], kinds.BY_NAME["StatefulSet"]


DIGEST = f"sha256:{'1' * 64}"


def tree(tag: str, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "web", **labels}},
        "spec": {"containers": [{"name": "app", "image": f"app:{tag}"}]},
    }


def print_of(tag: str) -> str:
    return trees.fingerprint_of(tree(tag))


def deployment(tag: str, *, paused: bool = True, frozen: bool = True, **spec: Any) -> Workload:
    labels = {names.MODE: "InPlaceOnly"} | ({names.FROZEN: "true"} if frozen else {})
    one = {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", "uid": "web", "generation": 2, "labels": labels},
        "spec": {
            "replicas": 1,
            "paused": paused,
            "selector": {"matchLabels": {"app": "web"}},
            "template": tree(tag),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            **spec,
        },
        "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    }
    return decode(one, Workload)


def replica_set(name: str, tag: str, *, replicas: int = 1, kept: tuple[str, ...] = (), day: int = 1) -> Workload:
    annotations = {names.DEPLOYMENT_REVISION: str(day)}
    if kept:
        annotations[names.TEMPLATES] = json.dumps({print_of(one): tree(one) for one in kept})
    one = {
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": name,
            "generation": 1,
            "annotations": annotations,
            "creationTimestamp": f"2026-01-0{day}T00:00:00Z",
        },
        "spec": {"replicas": replicas, "template": tree(tag, **{names.TEMPLATE_HASH_LABEL: name})},
        "status": {"replicas": replicas},
    }
    return decode(one, Workload)


def looked(one: Workload, *children: Workload, pods: tuple[Pod, ...] = ()) -> Snapshot:
    kind, owned = kinds.BY_NAME[one.kind], OwnedObjects((), children)
    made = {name: Template(name, kind.read(raw)) for name, raw in kind.templates(one, owned).items()}
    return Snapshot(kind=kind, workload=one, pods=pods, revisions=made, owned=owned, nodes={"node": node()})


def actions(snapshot: Snapshot) -> list[Any]:
    """What a plan does once it has been said that it does something."""
    said = plan.plan(snapshot, NOW)
    publish = next((one for one in said.actions if isinstance(one, WriteStatus)), None)
    if publish is None:
        return list(said.actions)
    meta = snapshot.workload.metadata
    status = {names.STATUS: statuses.encode(publish.status)}
    marked = replace(
        meta,
        annotations={**(meta.annotations or {}), **status},
        labels={**(meta.labels or {}), names.PHASE: str(publish.status.phase)},
    )
    told = Raw(json.dumps(conditions.due(snapshot.workload, publish.status, NOW)).encode())
    one = replace(snapshot.workload, metadata=marked, status=replace(snapshot.workload.status, conditions=told))
    return list(plan.plan(replace(snapshot, workload=one), NOW).actions)


# --- Deployment ------------------------------------------------------------------------------------------------------


def test_no_pod_moves_before_both_templates_are_recorded_and_the_replica_set_has_the_new_one():
    old = pod(image="app:v1", revision="")
    first = actions(looked(deployment("v2"), replica_set("a", "v1"), pods=(old,)))
    assert [type(one) for one in first] == [PatchReplicaSet]
    assert names.TEMPLATES in first[0].annotations
    assert not first[0].spec
    kept = replica_set("a", "v1", kept=("v1", "v2"))
    second = actions(looked(deployment("v2"), kept, pods=(old,)))
    assert [type(one) for one in second] == [CreateReplicaSet], "the old template goes into the history"
    assert second[0].body["spec"]["replicas"] == 0
    assert trees.fingerprint_of(second[0].body["spec"]["template"]) == print_of("v1")
    assert names.TEMPLATES not in second[0].body["metadata"]["annotations"]
    third = actions(looked(deployment("v2"), kept, replica_set("h", "v1", replicas=0, day=2), pods=(old,)))
    assert [type(one) for one in third] == [PatchReplicaSet]
    given = third[0].spec["template"]
    assert given["metadata"]["labels"][names.TEMPLATE_HASH_LABEL] == "a", "its own hash stays"
    assert trees.fingerprint_of(given) == print_of("v2")
    ready = replica_set("a", "v2", kept=("v1", "v2"))
    fourth = actions(looked(deployment("v2"), ready, replica_set("h", "v1", replicas=0, day=2), pods=(old,)))
    assert CloseGate in [type(one) for one in fourth]


def test_an_equal_replica_set_makes_way():
    kept = replica_set("a", "v1", kept=("v1", "v2"), day=2)
    made = actions(looked(deployment("v2"), kept, replica_set("z", "v2", replicas=0), pods=(pod(revision=""),)))
    assert [(type(one), one.child.metadata.name) for one in made] == [(DeleteReplicaSet, "z")]


def test_without_a_history_nothing_is_kept():
    kept = replica_set("a", "v1", kept=("v1", "v2"))
    made = actions(looked(deployment("v2", revisionHistoryLimit=0), kept, pods=(pod(revision=""),)))
    assert [type(one) for one in made] == [PatchReplicaSet]
    assert "template" in made[0].spec


def test_the_history_has_a_name_and_a_hash_of_its_own_whatever_its_siblings_are_called():
    """The active ReplicaSet may have been made for this very template; a plan that is repeated names the same."""

    def named(*children):
        [made] = actions(looked(deployment("v2"), *children, pods=(pod(revision=""),)))
        assert isinstance(made, CreateReplicaSet)
        return made.body

    first = named(replica_set("a", "v1", kept=("v1", "v2")))
    name = first["metadata"]["name"]
    assert named(replica_set("a", "v1", kept=("v1", "v2"))) == first
    other = named(replica_set(name, "v1", kept=("v1", "v2")))
    assert other["metadata"]["name"] != name
    for body in (first, other):
        own = body["metadata"]["name"].removeprefix("web-")
        assert body["spec"]["selector"]["matchLabels"] == {"app": "web", names.TEMPLATE_HASH_LABEL: own}
        assert body["spec"]["template"]["metadata"]["labels"][names.TEMPLATE_HASH_LABEL] == own


def test_the_history_blocks_nobodys_deletion():
    """With blockOwnerDeletion a cluster that enforces owner permissions asks for a right on finalizers."""
    kept = replica_set("a", "v1", kept=("v1", "v2"))
    [made] = actions(looked(deployment("v2"), kept, pods=(pod(revision=""),)))
    [owner] = made.body["metadata"]["ownerReferences"]
    assert "blockOwnerDeletion" not in owner
    assert owner["controller"]


@pytest.mark.parametrize("freeze_policy", [True, False])
@pytest.mark.parametrize(
    ("replicas", "children", "resumed"),
    [
        pytest.param(1, (), True, id="its ReplicaSet is gone"),
        pytest.param(0, (replica_set("a", "v1", replicas=0),), True, id="scaled to 0"),
        pytest.param(0, (replica_set("a", "v1", replicas=1),), False, id="its Pods are still there"),
        pytest.param(1, (replica_set("a", "v1", replicas=0),), False, id="to be scaled up"),
    ],
)
def test_a_held_deployment_without_pods_is_resumed(replicas, children, resumed, freeze_policy):
    found = DEPLOYMENT.freeze(
        deployment("v2", replicas=replicas), OwnedObjects((), children), freeze_policy=freeze_policy
    )
    assert isinstance(found, PatchWorkload) == resumed
    if isinstance(found, PatchWorkload):
        assert (found.spec, found.labels) == ({"paused": False}, {names.FROZEN: None})


@pytest.mark.parametrize("freeze_policy", [True, False])
def test_without_pods_nothing_is_frozen_or_prepared(freeze_policy):
    one = deployment("v2", replicas=0, paused=False, frozen=False)
    owned = OwnedObjects((), (replica_set("a", "v1", replicas=0),))
    assert DEPLOYMENT.freeze(one, owned, freeze_policy=freeze_policy) is None
    assert DEPLOYMENT.prepare(one, owned, Template(print_of("v2"), tree("v2")), whole=True) is None


def test_scaled_to_0_nothing_is_prepared_while_the_last_pods_go():
    """Or the history would have the old template twice: the active ReplicaSet never gets the new one."""
    one = deployment("v2", replicas=0)
    going = OwnedObjects((), (replica_set("a", "v1", replicas=2, kept=("v1", "v2")),))
    assert DEPLOYMENT.prepare(one, going, Template(print_of("v2"), tree("v2")), whole=True) is None
    staying = deployment("v2", replicas=2)
    assert isinstance(
        DEPLOYMENT.prepare(staying, going, Template(print_of("v2"), tree("v2")), whole=True), CreateReplicaSet
    )


def test_a_template_kept_for_a_change_that_had_no_pods_leaves_the_history_before_it_is_resumed():
    """It was scaled to 0 between the two writes of that change."""
    one = deployment("v2", replicas=0)
    active, twin = replica_set("a", "v1", replicas=0), replica_set("h", "v1", replicas=0, day=2)
    [first, then] = [
        DEPLOYMENT.freeze(one, OwnedObjects((), children), freeze_policy=True)
        for children in ((twin, active), (active,))
    ]
    assert (type(first), first.child.metadata.name) == (DeleteReplicaSet, "h")
    assert isinstance(then, PatchWorkload)
    going = replace(twin, metadata=replace(twin.metadata, deletion_timestamp=NOW))
    assert isinstance(DEPLOYMENT.freeze(one, OwnedObjects((), (active, going)), freeze_policy=True), PatchWorkload)


STATUS = {names.STATUS: "{}"}
OLDER = {names.PREFIX + "max-unavailable": "1"}


@pytest.mark.parametrize(
    ("annotations", "labels", "freeze_policy", "restored"),
    [
        pytest.param(OLDER, {names.PHASE: "UpToDate"}, True, True, id="an undo"),
        pytest.param({**OLDER, **STATUS}, {names.PHASE: "UpToDate"}, True, False, id="an apply"),
        pytest.param(OLDER, {}, True, False, id="a replace"),
        pytest.param(OLDER, {names.PHASE: "UpToDate"}, False, False, id="kubectl undoes nothing that stands paused"),
    ],
)
def test_settings_are_restored_only_after_what_nothing_but_an_undo_does(annotations, labels, freeze_policy, restored):
    one = deployment("v1")
    labels = {**(one.metadata.labels or {}), **labels}
    one = replace(one, metadata=replace(one.metadata, annotations=annotations, labels=labels))
    active, history = replica_set("a", "v2"), replica_set("h", "v1", replicas=0, day=2)
    kept = {names.SETTINGS: json.dumps({names.PREFIX + "max-unavailable": "4"})}
    active = replace(active, metadata=replace(active.metadata, annotations=kept))
    history = replace(history, metadata=replace(history.metadata, annotations=OLDER))
    found = DEPLOYMENT.freeze(one, OwnedObjects((), (active, history)), freeze_policy=freeze_policy)
    assert isinstance(found, PatchWorkload) == restored
    if isinstance(found, PatchWorkload):
        assert found.annotations == {names.PREFIX + "max-unavailable": "4"}


@pytest.mark.parametrize(
    ("paused", "frozen", "code"), [(True, False, ReasonCode.PausedByOwner), (False, True, ReasonCode.NativeRollout)]
)
def test_a_pause_that_is_not_ours_and_a_rollout_that_runs_are_waited_for(paused, frozen, code):
    found = DEPLOYMENT.freeze(
        deployment("v2", paused=paused, frozen=frozen), OwnedObjects((), (replica_set("a", "v1"),)), freeze_policy=False
    )
    assert found.code == code


def test_a_pod_that_is_missing_or_not_available_is_no_native_rollout():
    owned = OwnedObjects((), (replica_set("a", "v1"),))
    one = deployment("v1", paused=False, frozen=False, replicas=3)
    broken = replace(one, status=replace(one.status, available_replicas=0))
    assert isinstance(DEPLOYMENT.freeze(broken, owned, freeze_policy=False), PatchWorkload)
    older = replace(one, status=replace(one.status, replicas=2))
    found = DEPLOYMENT.freeze(older, owned, freeze_policy=False)
    assert (found.code, "(1 Pod remaining)" in found.message) == (ReasonCode.NativeRollout, True)


@pytest.mark.parametrize(("updated", "frozen"), [(2, True), (1, False)])
def test_only_pods_of_another_revision_are_a_native_rollout(updated, frozen):
    """Of a DaemonSet one Pod is missing and one is not available, of a StatefulSet none is ready."""
    spec = {"template": tree("v1"), "updateStrategy": {"type": "RollingUpdate"}, "replicas": 2}
    numbers = {"desired": 3, "current": 2, "updated": updated}
    status = {f"{key}NumberScheduled": value for key, value in numbers.items()}
    revisions = {"currentRevision": "old", "updateRevision": "new", "updatedReplicas": updated, "replicas": 2}
    for kind in (DAEMONSET, STATEFULSET):
        body = {"kind": kind.name, "metadata": {"name": "web"}, "spec": spec, "status": {**status, **revisions}}
        found = kind.freeze(decode(body, Workload), OwnedObjects(), freeze_policy=False)
        assert isinstance(found, PatchWorkload) is frozen, kind.name


def test_a_settled_deployment_is_paused_and_a_lifted_freeze_is_put_back():
    owned = OwnedObjects((), (replica_set("a", "v1"),))
    for frozen, why in ((False, EventReason.Frozen), (True, EventReason.FreezeLost)):
        found = DEPLOYMENT.freeze(deployment("v1", paused=False, frozen=frozen), owned, freeze_policy=False)
        assert isinstance(found, PatchWorkload)
        assert (found.spec, found.why) == ({"paused": True}, why)


@pytest.mark.parametrize(("freeze_policy", "resumed"), [(True, {"paused": False}), (False, None)])
def test_a_deployment_that_is_done_is_resumed_only_if_a_policy_freezes_it_in_time(freeze_policy, resumed):
    owned = OwnedObjects((), (replica_set("a", "v2"),))
    target = Template(print_of("v2"), tree("v2"))
    found = DEPLOYMENT.conclude(deployment("v2"), owned, target, freeze_policy=freeze_policy)
    assert (found.spec if found is not None else None) == resumed


def test_what_a_pod_was_made_from_is_told_by_its_image_then_by_its_metadata():
    both = looked(deployment("v2"), replica_set("a", "v1"))
    assert both.revision_of(pod(image="app:v1", revision="")) == print_of("v1")
    assert both.revision_of(pod(image="app:v2", revision="")) == print_of("v2")


@pytest.mark.parametrize("kept", [("100m", "200m"), ("200m", "100m")])
@pytest.mark.parametrize(("live", "made_of"), [("100m", "100m"), ("0.2", "200m")])
def test_what_a_pod_was_made_from_is_told_by_its_size_where_its_metadata_does_not(kept, live, made_of):
    """Of two templates with one image: what the other has is not another writer's doing."""

    def sized(cpu: str, tag: str = "v1") -> dict[str, Any]:
        made = tree(tag)
        made["spec"]["containers"][0]["resources"] = {"requests": {"cpu": cpu}}
        return made

    known = {cpu: Template(cpu, sized(cpu)) for cpu in kept}
    one = pod(revision="")
    body = {"spec": sized(live)["spec"]}
    one = replace(one, spec=decode(body, Pod).spec)
    assert DEPLOYMENT.revision_of(deployment("v2"), one, known) == made_of


V2 = print_of("v2")


@pytest.mark.parametrize(("reported", "made_of"), [(":v2", V2), (":v1", ""), (f":v2@{DIGEST}", V2), (f"@{DIGEST}", "")])
def test_of_an_alias_without_a_tag_the_runtime_tells_the_version(reported, made_of):
    """As a restart has left it, whose record is gone: the digest alone is not that of just any template."""
    status = {"name": "app", "image": f"docker.io/library/app{reported}"}
    restarted = pod(status, image=f"app@{DIGEST}", revision="")
    assert REPLICASET.revision_of(deployment("v2"), restarted, {V2: Template(V2, tree("v2"))}) == made_of


def test_a_pod_that_fits_no_template_was_made_from_the_only_one_that_can_be_meant():
    """As if somebody had changed its image: the newest is one that we have not given it."""
    other = pod(image="app:other", revision="")
    assert looked(deployment("v1"), replica_set("a", "v1")).revision_of(other) == print_of("v1")
    assert looked(deployment("v2"), replica_set("a", "v1")).revision_of(other) == print_of("v1")
    midway = looked(deployment("v3"), replica_set("a", "v2", kept=("v1", "v2")))
    assert midway.revision_of(other) == print_of("v1"), "they differ in the image alone, of which it has another anyway"
    role = Template("more", tree("v2", role="replica"))
    assert DEPLOYMENT.revision_of(midway.workload, other, {**midway.revisions, "more": role}) == "", "two can be meant"


@pytest.mark.parametrize("scaled", [0, 1])
@pytest.mark.parametrize(("failed", "known"), [("v2", {"v1", "v2"}), ("v3", {"v2"}), ("", {"v2"})])
def test_what_was_healthy_is_known_while_it_is_rolled_back_and_a_replica_set_has_it(scaled, failed, known):
    """Scaled to 0 and up again after a rollback, the Pods are made from the failed template: they go back once more.

    Otherwise not: new Pods of a native rollout may match it as well.
    """
    back = print_of(failed) if failed else ""
    status = Status(1, 2, print_of("v2"), Phase.ROLLED_BACK, 0, 0, 0, 0, 0, NOW, healthy=print_of("v1"))
    status = replace(status, rolled_back_from=back)
    one = deployment("v2", replicas=scaled)
    one = replace(one, metadata=replace(one.metadata, annotations={names.STATUS: statuses.encode(status)}))
    history = (replica_set("a", "v1", replicas=0), replica_set("b", "v0", replicas=0))
    found = looked(one, *history, replica_set("c", "v2", replicas=scaled, day=2)).revisions
    assert set(found) == {print_of(tag) for tag in known}


# What an annotation says is what a Pod may have been made from. What a Pod is made into stands in a spec.


def going_back(one: Workload, to: str) -> Workload:
    """The status of its template has failed, and that of `to` was healthy: whoever may annotate it can say so."""
    own = trees.fingerprint(one.spec.template)
    status = Status(1, 2, own, Phase.ROLLING_BACK, 1, 0, 1, 0, 0, NOW, healthy=print_of(to), rolled_back_from=own)
    annotations = {**(one.metadata.annotations or {}), names.STATUS: statuses.encode(status)}
    labels = {**(one.metadata.labels or {}), names.PHASE: "RollingBack"}
    return replace(one, metadata=replace(one.metadata, annotations=annotations, labels=labels))


def test_annotations_alone_never_choose_an_image():
    """The status says that another revision was healthy, and `templates` what that is: any image at all."""
    forged = replica_set("a", "v1", kept=("evil", "v1"))
    one, running = going_back(deployment("v1"), to="evil"), pod(image="app:v1", revision="", gate=None)
    shot = looked(one, forged, pods=(running,))
    assert set(shot.revisions) == {print_of("v1"), print_of("evil")}, "a Pod may have been made from it"
    assert set(shot.destinations) == {print_of("v1")}
    made = plan.plan(shot, NOW)
    assert not [one for one in made.actions if isinstance(one, PatchImages | CloseGate)]
    assert not [one for one in made.actions if isinstance(one, PatchReplicaSet) and one.spec]
    assert rollback_refused(shot)
    bare = going_back(replica_set("web", "v1", kept=("evil", "v1")), to="evil")
    labels = {**(bare.metadata.labels or {}), names.MODE: "InPlaceOnly", names.FROZEN: "true"}
    bare = replace(bare, metadata=replace(bare.metadata, labels=labels))
    assert rollback_refused(looked(bare, pods=(running,)))


def rollback_refused(shot: Snapshot) -> bool:
    found = targets.determine(shot, shot.parsed.settings)
    return isinstance(found, targets.Unknown) and found.reason.code == ReasonCode.BaseUnknown


def test_a_bare_replica_set_goes_back_only_while_a_live_pod_still_has_the_image():
    """No other object keeps its old template."""
    bare = going_back(replica_set("web", "v2", kept=("v1", "v2")), to="v1")
    moved = pod(name="web-0", image="app:v2", revision="")
    assert rollback_refused(looked(bare, pods=(moved,)))
    shot = looked(bare, pods=(moved, pod(name="web-1", image="app:v1", revision="")))
    found = targets.determine(shot, shot.parsed.settings)
    assert isinstance(found, targets.Rollback)
    assert found.back_to.revision == print_of("v1")


def test_a_template_that_is_not_what_its_name_says_is_not_on_record():
    """Or what a Pod was made from could be called by the name of any revision."""
    one = replica_set("a", "v1")
    text = json.dumps({print_of("v1"): tree("v1"), print_of("v2"): tree("evil"), "x": 1})
    one = replace(one, metadata=replace(one.metadata, annotations={names.TEMPLATES: text}))
    assert set(matching.recorded(one)) == {print_of("v1")}


def test_what_a_spec_has_goes_before_what_an_annotation_says(monkeypatch):
    """A revision is a short hash: with some patience others find a template that has the same."""
    monkeypatch.setattr(matching, "recorded", lambda _: {print_of("v0"): Raw(json.dumps(tree("evil")).encode())})
    one = going_back(deployment("v2"), to="v0")
    for back in (True, False):
        shot = looked(one if back else deployment("v2"), replica_set("a", "v2"), replica_set("h", "v0", replicas=0))
        assert trees.images(shot.destinations[print_of("v0")].tree) == {"app": "app:v0"}


def test_the_replica_set_that_vouches_for_the_healthy_template_stays_until_the_active_one_has_it():
    one, active = going_back(deployment("v2"), to="v1"), replica_set("a", "v2", kept=("v1", "v2"))
    history, failed = replica_set("h", "v1", replicas=0, day=2), replica_set("f", "v2", replicas=0, day=3)

    def prepared(*children: Workload) -> Any:
        shot = looked(one, *children)
        back_to = shot.destinations[print_of("v1")]
        return DEPLOYMENT.prepare(one, shot.owned, back_to, whole=True)

    assert isinstance(prepared(active, history), CreateReplicaSet), "the failed template goes into the history"
    given = prepared(active, history, failed)
    assert isinstance(given, PatchReplicaSet)
    assert trees.fingerprint_of(given.spec["template"]) == print_of("v1")
    back = replica_set("a", "v1", kept=("v1", "v2"))
    gone = prepared(back, history, failed)
    assert isinstance(gone, DeleteReplicaSet)
    assert gone.child.metadata.name == "h"
    assert prepared(back, failed) is None


def test_a_pod_in_flight_is_given_no_template_that_is_not_on_record():
    begun = replace(swapping(), workload="web", base=print_of("v1"), target=print_of("v2"))
    flying = pod(image="app:v2", revision="", gate=None, record=begun, generation=2, ready=False)
    for kept, follows in (("v1", "v2"), False), (("v1", "v2", "v3"), True):
        shot = looked(deployment("v3"), replica_set("a", "v1", kept=kept), pods=(flying,))
        made = plan.plan(shot, NOW).actions
        assert any(isinstance(one, PatchImages) for one in made) is follows


def test_a_pod_that_is_done_with_a_template_of_which_nobody_knows_is_at_none():
    """Nobody has recorded the template: what the Pod has of it is not another writer's change of one that is known."""
    gone = replace(swapping(PodPhase.DONE), base=print_of("v2"), target=print_of("v2"))
    told = looked(deployment("v1"), replica_set("a", "v1"))
    assert told.revision_of(pod(image="app:v2", revision="", record=gone)) == ""
    assert told.revision_of(pod(image="app:v1", revision="", record=gone)) == print_of("v1"), "it has that one's images"
    assert told.revision_of(pod(image="app:v2", revision="")) == print_of("v1"), "no record: somebody changed its image"


def test_a_replica_sets_pod_that_fits_no_template_may_be_older_than_any():
    """A ReplicaSet replaces no Pod: as long as not all were at one template, a Pod may be older than any known."""
    other = pod(image="app:other", revision="")
    only = Template(print_of("v1"), tree("v1"))
    bare = replica_set("a", "v1")
    assert REPLICASET.revision_of(bare, other, {only.revision: only}) == ""
    for healthy, expected in ((only.revision, only.revision), ("another", "")):
        status = Status(1, 1, "", Phase.UP_TO_DATE, 1, 1, 1, 0, 0, NOW, healthy=healthy)
        told = replace(bare, metadata=replace(bare.metadata, annotations={names.STATUS: statuses.encode(status)}))
        assert REPLICASET.revision_of(told, other, {only.revision: only}) == expected


def test_nothing_may_surge():
    one = deployment("v1", strategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}})
    found = parse(one.metadata, DEPLOYMENT.native(one)).errors
    assert [reason.path for reason in found] == ["metadata.annotations[inplace.dev/max-unavailable]"]


# --- ReplicaSet ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("version", "refused"),
    [("argoproj.io/v1alpha1", True), ("apps.kruise.io/v1beta1", True), ("example.com/v1", False)],
)
def test_what_a_rival_owns_is_refused_and_what_an_operator_owns_is_not(kind, version, refused):
    owner = {"kind": "Thing", "name": "web", "apiVersion": version, "controller": True}
    one = decode({"kind": kind.name, "metadata": {"name": "web", "ownerReferences": [owner]}}, Workload)
    found = kind.unsupported(one, Settings())
    assert (found is not None) == (refused or kind is REPLICASET)


@pytest.mark.parametrize("held", [{names.PREFIX + "paused": "true"}, {names.PREFIX + "max-unavailable": "0"}, {}])
@pytest.mark.parametrize("owned", [False, True])
def test_a_replica_set_keeps_its_template_before_a_pod_is_created_from_it(held, owned):
    """Whatever holds the upgrade back, and if its image is not to be had: nobody else keeps the template. One that
    belongs to somebody gets nothing."""
    one = replica_set("a", "v2", kept=("v1",))
    annotations = {**(one.metadata.annotations or {}), **held}
    labels = {names.MODE: "InPlaceOnly", names.FROZEN: "true"}
    owner = {"kind": "Rollout", "name": "web", "apiVersion": "argoproj.io/v1alpha1", "controller": True}
    owners = decode({"metadata": {"ownerReferences": [owner] if owned else []}}, Workload).metadata.owner_references
    one = replace(one, metadata=replace(one.metadata, annotations=annotations, labels=labels, owner_references=owners))
    at_v1 = pod(image="app:v1", revision="")
    shot = replace(looked(one, pods=(at_v1,)), pull_pods=PullPods())
    kept = [one.annotations for one in actions(shot) if isinstance(one, PatchReplicaSet)]
    assert [set(json.loads(each[names.TEMPLATES] or "")) for each in kept] == ([] if owned else [{print_of("v1"), V2}])


def test_a_replica_set_of_a_foreign_owner_is_refused():
    one = decode(
        {
            "kind": "ReplicaSet",
            "metadata": {
                "name": "web",
                "ownerReferences": [
                    {"kind": "Rollout", "name": "web", "apiVersion": "argoproj.io/v1alpha1", "controller": True}
                ],
            },
            "spec": {"template": tree("v1")},
        },
        Workload,
    )
    found = REPLICASET.unsupported(one, Settings())
    assert found is not None
    assert "Rollout web" in found.message
    assert kinds.owner_of(one.metadata, "ReplicaSet") is None


# --- DaemonSet, StatefulSet ------------------------------------------------------------------------------------------


def revision(tag: str, suffix: str, number: int) -> Revision:
    data = {"spec": {"template": {**tree(tag), "$patch": "replace"}}}
    meta = {"name": f"web-{suffix}", "labels": {names.REVISION_LABEL: suffix}}
    return decode({"metadata": meta, "revision": number, "data": data}, Revision)


def test_the_current_revision_of_a_daemonset_is_the_newest_with_its_template():
    one = decode(
        {
            "kind": "DaemonSet",
            "metadata": {"name": "web", "generation": 3, "annotations": {names.TEMPLATE_GENERATION: "7"}},
            "spec": {"template": tree("v1"), "updateStrategy": {"type": "OnDelete"}},
            "status": {"observedGeneration": 3},
        },
        Workload,
    )
    owned = OwnedObjects((revision("v1", "aa", 3), revision("v2", "bb", 2), revision("v1", "cc", 1)))
    made = {name: Template(name, DAEMONSET.read(raw)) for name, raw in DAEMONSET.templates(one, owned).items()}
    found = DAEMONSET.target(one, made)
    assert isinstance(found, Template)
    assert found.revision == "aa"
    assert DAEMONSET.revision_labels(one, "aa", newest=True) == {
        names.REVISION_LABEL: "aa",
        names.TEMPLATE_GENERATION_LABEL: "7",
    }
    assert names.TEMPLATE_GENERATION_LABEL not in DAEMONSET.revision_labels(one, "bb", newest=False)


def test_under_on_delete_the_current_revision_is_set_once_all_pods_are_updated():
    done: dict[str, Any] = {"strategy": {"type": "OnDelete"}, "replicas": 2, "ready": 2}
    target = Template("web-new", tree("v2"))
    assert STATEFULSET.conclude(workload(updated=1, **done), OwnedObjects(), target, freeze_policy=False) is None
    cured = STATEFULSET.conclude(workload(updated=2, **done), OwnedObjects(), target, freeze_policy=False)
    assert isinstance(cured, PatchWorkloadStatus)
    assert cured.status == {"currentRevision": "web-new"}
    assert (
        STATEFULSET.conclude(
            workload(updated=2, current="web-new", **done), OwnedObjects(), target, freeze_policy=False
        )
        is None
    )


def test_a_partition_that_its_owner_applies_no_more_goes_from_the_record():
    """It was his, the freeze took it out of what he has applied, and his next apply has no strategy."""
    whole = {"f:type": {}, "f:rollingUpdate": {"f:partition": {}}}

    def applied(partition, strategy, *, record=None, labels=(), update=None):
        fields = {"f:spec": {"f:template": {}, **({"f:updateStrategy": strategy} if strategy is not None else {})}}
        managers: list[Any] = [{"manager": "helm", "operation": "Apply", "fieldsV1": fields}]
        if update is not None:
            managers.append({"manager": "kubectl", "operation": "Update", "fieldsV1": update})
        metadata = {
            "name": "web",
            "labels": dict.fromkeys(labels, "true"),
            "annotations": {names.ORIGINAL_STRATEGY: record} if record is not None else {},
            "managedFields": managers,
        }
        spec = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}}
        return decode({"kind": "StatefulSet", "metadata": metadata, "spec": spec}, Workload)

    def frozen(one):
        made = STATEFULSET.freeze(one, OwnedObjects(), freeze_policy=False)
        return made.annotations[names.ORIGINAL_STRATEGY] if made is not None else None

    known = '{"type":"RollingUpdate","rollingUpdate":{"partition":1},"applied":true}'
    unapplied = known.replace(',"applied":true', "")
    assert frozen(applied(1, whole)) == known
    by_hand = {"f:spec": {"f:updateStrategy": {"f:rollingUpdate": {"f:partition": {}}}}}
    assert frozen(applied(1, whole, update=by_hand)) == unapplied, "who has set it as well keeps it"
    assert frozen(applied(1, {"f:type": {}})) == unapplied
    assert frozen(applied(1, None)) == unapplied

    def held(strategy, record=known):
        return applied(names.FROZEN_PARTITION, strategy, record=record, labels=(names.FROZEN,))

    assert frozen(held({"f:type": {}})) is None
    assert STATEFULSET.native(held({"f:type": {}})).partition == Amount(1)
    assert frozen(held(None)) == '{"type":"RollingUpdate","rollingUpdate":{"partition":0}}'
    assert STATEFULSET.native(held(None)).partition == Amount(0)
    thawed = STATEFULSET.thaw(held(None), OwnedObjects())
    assert isinstance(thawed, PatchWorkload)
    assert thawed.spec["updateStrategy"]["rollingUpdate"] == {"partition": 0}
    assert frozen(held(None, unapplied)) is None, "it may never have been his"
    stripped = replace(held(None), metadata=replace(held(None).metadata, managed_fields=Raw(b"[]")))
    assert frozen(stripped) is None, "nobody says any more who has applied what"


def test_a_partition_without_ordinals_keeps_those_that_come_last():
    settings = parse(deployment("v1").metadata, DEPLOYMENT.native(deployment("v1"))).settings
    assert isinstance(settings, Settings)
    five = deployment("v2", replicas=5)
    marked = decode({"metadata": {"annotations": {names.PREFIX + "partition": "40%"}}}, Workload).metadata
    chosen = parse(marked, DEPLOYMENT.native(five)).settings
    pods = [pod(name=f"web-{letter}", uid=letter) for letter in "abcde"]
    kept = DEPLOYMENT.excluded(five, chosen, pods, lambda one: one.uid == "e")
    assert set(kept) == {"c", "d"}, "`e` has been moved already"


def test_ordinals_below_a_raised_start_are_being_scaled_away():
    """They are none that a partition keeps, and none that is available."""
    spec = {"replicas": 3, "ordinals": {"start": 2}, "updateStrategy": {"type": "RollingUpdate"}}
    one = decode({"kind": "StatefulSet", "metadata": {"name": "web", "uid": "web"}, "spec": spec}, Workload)
    pods = [pod(name=f"web-{ordinal}") for ordinal in range(6)]
    for settings, expected in ((Settings(), {}), (Settings(partition=Amount(1)), {"uid-web-2": ReasonCode.Partition})):
        found = STATEFULSET.excluded(one, settings, pods, lambda _: False)
        gone = dict.fromkeys(("uid-web-0", "uid-web-1", "uid-web-5"), ReasonCode.ScaledAway)
        assert {uid: reason.code for uid, reason in found.items()} == {**gone, **expected}


# --- every kind ------------------------------------------------------------------------------------------------------

NOT_APPLIED = Template("(not applied yet)", tree("v2"))


@pytest.mark.parametrize("nodes", [True, False], ids=["the image on its node", "nodes unseen"])
@pytest.mark.parametrize("settings", [{}, {"pre-pull": "Never"}], ids=["pre-pull", "no pre-pull"])
@pytest.mark.parametrize("opted_in", [True, False], ids=["opted in", "not opted in"])
def test_a_template_that_is_not_applied_yet_is_forecast_for_a_deployment(nodes, settings, opted_in):
    one = deployment("v1", paused=True, frozen=True)
    annotations = {f"inplace.dev/{key}": value for key, value in settings.items()}
    labels = one.metadata.labels if opted_in else {}
    one = replace(one, metadata=replace(one.metadata, annotations=annotations, labels=labels))
    own = looked(one, replica_set("a", "v1"), pods=(pod(revision="a", gate=None),))
    seen = {} if nodes else {"nodes": {}, "unseen": frozenset({"nodes"})}
    own = replace(own, target=NOT_APPLIED, pull_pods=PullPods(), dry_runs={}, **seen)
    assert Planner().dry_runs(own, NOW)
    made = forecast.forecast(replace(own, dry_runs=None), NOW)
    assert made.target == NOT_APPLIED.revision
    assert [one.verdict for one in made.pods] in ([Verdict.STARTS], [Verdict.WAITS])


@pytest.mark.parametrize(
    "text", ['{"a":' * 20_000, f'{{"a":{{"b":{"9" * 100_000}}}}}', "[]", "{"], ids=["nested", "digits", "list", "cut"]
)
def test_templates_that_nobody_can_read_are_none(text):
    one = workload(replicas=1)
    marked = replace(one, metadata=replace(one.metadata, annotations={names.TEMPLATES: text}))
    assert matching.recorded(marked) == {}


@pytest.mark.parametrize(
    ("replicas", "own", "says"),
    [
        (1, {"steps": "1"}, None),
        (2, {}, '; set inplace.dev/max-unavailable to "100%" to swap all of them at once'),
        (2, {"max-unavailable": "100%"}, None),
        (2, {"max-unavailable": "100%", "steps": "1"}, " at each of the inplace.dev/steps; remove that setting"),
    ],
)
def test_recreate_means_that_no_two_versions_serve_side_by_side(replicas, own, says):
    annotations = {names.PREFIX + key: value for key, value in own.items()}
    metadata = {"name": "web", "labels": {names.MODE: "InPlaceOnly"}, "annotations": annotations}
    spec = {"replicas": replicas, "strategy": {"type": "Recreate"}}
    found = decode({"kind": "Deployment", "metadata": metadata, "spec": spec}, Workload)
    reason = DEPLOYMENT.unsupported(found, parse(found.metadata, DEPLOYMENT.native(found)).settings)
    why = "strategy Recreate with more than one replica: old and new Pods would serve side by side"
    assert (reason and (reason.code, reason.message)) == (says and (ReasonCode.StrategyUnsupported, why + says))
    assert DEPLOYMENT.together(found)


def test_of_many_recorded_templates_the_last_are_read():
    """Every Pod is compared with each; the controller itself records two or three, the newest last."""
    many = tuple(f"v{number}" for number in range(matching.MOST_RECORDED + 5))
    one = replica_set("web-1", "v0", kept=many)
    assert list(matching.recorded(one)) == [print_of(tag) for tag in many][5:]


def test_no_more_recorded_templates_are_read_than_are_kept():
    """Others can write thousands of them, and each is compared with each Pod; ours stand last."""
    forged = {print_of(f"x{number}"): tree(f"x{number}") for number in range(1000)}
    annotations = {names.TEMPLATES: json.dumps({**forged, print_of("v1"): tree("v1")})}
    marked = workload(replicas=1)
    marked = replace(marked, metadata=replace(marked.metadata, annotations=annotations))
    kept = matching.recorded(marked)
    assert len(kept) == matching.MOST_RECORDED
    assert print_of("v1") in kept
    new = {**kept, print_of("v2"): Raw(json.dumps(tree("v2")).encode())}
    written = json.loads(matching.encoded(new))
    assert (len(written), list(written)[-1]) == (matching.MOST_RECORDED, print_of("v2"))


@pytest.mark.parametrize("fits", [True, False])
def test_a_template_is_read_once_however_many_pods_are_compared_with_it(monkeypatch, fits):
    """One with thousands of containers or labels costs no more for each Pod than a small one."""
    read = Counter[str]()
    for name in ("images", "labels", "annotations", "without_images"):
        plain = getattr(trees, name)
        monkeypatch.setattr(trees, name, lambda one, name=name, plain=plain: read.update([name]) or plain(one))
    shot = looked(deployment("v3"), replica_set("a", "v2", kept=("v1", "v2")))
    for number in range(50):
        shot.revision_of(pod(name=f"web-{number}", image="app:v1" if fits else "other", revision=""))
    assert read["images"] == len(shot.revisions)
    assert all(times <= len(shot.revisions) for times in read.values())
    assert len(read) > 1
