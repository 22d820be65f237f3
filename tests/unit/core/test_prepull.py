"""When the image is on the node, when it is still awaited, and when it never will be."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.cli.render.lines import describe
from inplace.core.actions.actions import CloseGate, CreatePullPod, DeletePullPod, PatchImages
from inplace.core.objects.images import registry_of
from inplace.core.objects.model import Owner, Pod, PodSpec, PodStatus, SecurityContext
from inplace.core.objects.names import HELPER, PRE_PULL, PULLED
from inplace.core.objects.nodes import Node
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan import plan as planning
from inplace.core.plan.plan import Planner
from inplace.core.plan.status import explain
from inplace.core.pod.states import Failed, Pending
from inplace.core.rollout import prepull, pull_pods, reported
from inplace.core.rollout.pull_pods import ImageOnNode, name_of
from inplace.core.rollout.snapshot import PullPods, PullRequest, Pulls
from inplace.core.state.records import PodPhase
from inplace.core.state.statuses import Failure, Phase, Status
from inplace.core.views import workload as view
from tests.factories import (
    DIGEST,
    NEW,
    NOW,
    OLD,
    decode,
    later,
    node,
    pod,
    snapshot,
    stamp,
    swapping,
    template,
    workload,
)

WANTED = ImageOnNode("node", "app:v2")


def helped(*, image="app:v2", stored="", id_="", waiting="", message="", phase="Pending", made=0.0, started=True):
    """A pull Pod of web for app:v2 on the node."""
    status = {"name": "pull", "imageID": id_, "state": {"waiting": {"reason": waiting, "message": message}}}
    tree = {
        "metadata": {
            "name": name_of(workload(), WANTED), "namespace": "default", "uid": "helper",
            "labels": {HELPER: PRE_PULL}, "annotations": {PULLED: image}, "creationTimestamp": stamp(later(made)),
            "ownerReferences": [{"kind": "Pod", "name": "web-0", "uid": pod().uid, "controller": True}],
        },
        "spec": {"nodeName": "node", "containers": [{"name": "pull", "image": stored or image}]},
        "status": {"phase": phase, "reason": "OutOfpods", "containerStatuses": [status] if started else []},
    }  # fmt: skip
    return decode(tree, Pod)


def plan(*, how="Required", at=0.0, helpers=(), asked=None, pods=None, **changes):
    pull_pods = PullPods(tuple(helpers), asked or {}, changes.pop("busy", {}))
    own = workload(annotations={"pre-pull": how}, replicas=1)
    return planning.plan(snapshot(*(pods or [pod()]), workload=own, pull_pods=pull_pods, **changes), later(at))


def of(**spec):
    """Both revisions, with more in their specs."""
    return {OLD: template(OLD, "app:v1", **spec), NEW: template(NEW, "app:v2", **spec)}


def pulls(made):
    return [one for one in made.actions if isinstance(one, CreatePullPod)]


def starts(made):
    return [one for one in made.actions if isinstance(one, CloseGate | PatchImages)]


def test_a_helper_is_made_before_the_drain():
    made = plan()
    (pull,) = pulls(made)
    assert (pull.node, pull.image) == ("node", "app:v2")
    assert not starts(made)
    assert made.deferred["web-0"].code == ReasonCode.PrePull


def test_the_helper_runs_nothing_and_may_nothing():
    (pull,) = pulls(
        plan(revisions=of(serviceAccountName="own", imagePullSecrets=[{"name": "s"}], runtimeClassName="r"))
    )
    spec, meta = pull.body["spec"], pull.body["metadata"]
    (container,) = spec["containers"]
    assert container["command"][0].startswith("/proc/"), "no image can have it"
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert (spec["serviceAccountName"], spec["imagePullSecrets"], spec["runtimeClassName"]) == (
        "own",
        [{"name": "s"}],
        "r",
    )
    assert spec["automountServiceAccountToken"] is False
    assert spec["restartPolicy"] == "Never"
    assert spec["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}, "no user of ours"
    assert meta["labels"][HELPER] == PRE_PULL
    assert meta["labels"].keys().isdisjoint({"app"}), "no selector of a workload finds it"
    assert [(owner["kind"], owner.get("controller")) for owner in meta["ownerReferences"]] == [("Pod", True)]
    assert all("blockOwnerDeletion" not in owner for owner in meta["ownerReferences"])


def test_the_helper_runs_as_whom_the_container_runs():
    """OpenShift gives each namespace a range of users: a user of ours would be refused."""
    one = pod()
    (container,) = one.spec.containers
    own = replace(container, security_context=SecurityContext(run_as_user=1000660007, run_as_non_root=True))
    context = SecurityContext(run_as_user=1, run_as_group=2)
    served = replace(one, spec=replace(one.spec, containers=(own,), security_context=context))
    (pull,) = pulls(plan(pods=[served]))
    assert pull.body["spec"]["securityContext"] == {
        "seccompProfile": {"type": "RuntimeDefault"},
        "runAsUser": 1000660007,
        "runAsGroup": 2,
        "runAsNonRoot": True,
    }


def test_the_helper_asks_to_be_left_alone():
    """By those who inject containers, and by the autoscaler, which would keep the node for it."""
    (pull,) = pulls(plan())
    meta = pull.body["metadata"]
    assert meta["labels"]["sidecar.istio.io/inject"] == "false"
    assert meta["annotations"]["linkerd.io/inject"] == "disabled"
    assert meta["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "true"


def test_what_was_refused_is_made_at_once_as_it_is_accepted():
    """A LimitRange refuses what asks for nothing, scheduling gates what has a node already."""
    own = {"requests": {"cpu": "10m"}}
    images = {OLD: "app:v1", NEW: "app:v2"}
    revisions = {
        revision: template(revision, image, containers=[{"name": "app", "image": image, "resources": own}])
        for revision, image in images.items()
    }
    name = name_of(workload(), WANTED)
    refused = PullRequest(NOW, "app:v2", later(30), "minimum cpu usage per Container is 10m")
    (pull,) = pulls(plan(asked={name: refused}, revisions=revisions))
    assert pull.adapted
    assert pull.body["spec"]["containers"][0]["resources"] == own
    assert pull.body["spec"]["nodeName"] == "node"
    gated = replace(refused, refused="nodeName cannot be set until all schedulingGates have been cleared")
    (pull,) = pulls(plan(asked={name: gated}, revisions=revisions))
    assert "nodeName" not in pull.body["spec"]
    assert "node" in str(pull.body["spec"]["affinity"])
    assert not pulls(plan(asked={name: replace(refused, adapted=True)})), "refused again: later"


def test_a_refused_helper_is_asked_for_also_after_its_deadline():
    name = name_of(workload(), WANTED)
    request = PullRequest(NOW, "app:v2", later(900), "exceeded quota", adapted=True)
    made = plan(asked={name: request}, at=901)
    assert made.status is not None
    assert [one.code for one in made.status.failures] == [ReasonCode.PrePullImpossible]
    assert pulls(made)


def test_the_words_of_a_refusal_are_among_the_reasons():
    request = PullRequest(NOW, "app:v2", later(30), "exceeded quota", adapted=True)
    made = plan(asked={name_of(workload(), WANTED): request}, at=10)
    assert made.status is not None
    assert made.status.phase is Phase.PROGRESSING
    (reason,) = made.status.reasons
    assert reason.code == ReasonCode.PrePullImpossible
    assert "exceeded quota" in reason.message


def test_a_retry_is_another_helper():
    own = workload(replicas=1, annotations={"pre-pull": "Required", "retry": "1"})
    made = planning.plan(snapshot(pod(), workload=own, pull_pods=PullPods((helped(waiting="ErrImagePull"),))), NOW)
    assert pulls(made)
    assert [one.pod.name for one in made.actions if isinstance(one, DeletePullPod)] == [helped().name]


def test_a_helper_with_a_verdict_takes_nobodys_slot():
    """CRI-O fails to create the container, and reports no imageID: such a helper has pulled."""
    assert pull_pods.is_pulling(helped(waiting="ErrImagePull"), later(19))
    assert not pull_pods.is_pulling(helped(waiting="ErrImagePull"), later(20))
    assert not pull_pods.is_pulling(helped(waiting="InvalidImageName"), NOW)
    assert pull_pods.is_pulling(helped(waiting="ContainerCreating"), later(599))
    assert not pull_pods.is_pulling(helped(waiting="ContainerCreating"), later(600)), "whatever it hangs on"
    assert not pull_pods.is_pulling(helped(waiting="CreateContainerError"), NOW)


def test_the_container_that_holds_a_helper_up_is_named():
    one = helped(started=False)
    init = {"name": "proxy-init", "state": {"running": {}}}
    held = decode({"initContainerStatuses": [init], "phase": "Pending"}, PodStatus)
    made = plan(helpers=[replace(one, status=held)])
    assert "init container proxy-init, which admission added, has not completed (running)" in str(
        made.deferred["web-0"].message
    )


def test_a_sidecar_that_runs_holds_nothing_up():
    sidecar = {"name": "proxy", "ready": True, "state": {"running": {}}}
    later_one = {"name": "init", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    status = decode({"initContainerStatuses": [sidecar, later_one]}, PodStatus)
    spec = decode({"nodeName": "node", "initContainers": [{"name": "proxy", "restartPolicy": "Always"}]}, PodSpec)
    assert "container init," in pull_pods.held_up_by(replace(helped(), spec=spec, status=status))


def test_a_scheduling_gate_that_holds_a_helper_up_is_named():
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "non-empty gates"}
    status = decode({"conditions": [gated]}, PodStatus)
    one = replace(helped(), spec=PodSpec(), status=status)
    assert pull_pods.held_up_by(one) == "the pull Pod is not scheduled: SchedulingGated: non-empty gates"


NO_NETWORK = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no cni"


@pytest.mark.parametrize(
    ("message", "host", "goes"),
    [(NO_NETWORK, True, True), (NO_NETWORK, False, False), (f"[{NO_NETWORK}, PLEG is not healthy]", True, False)],
    ids=["its agent", "another Pod", "more than the network"],
)
def test_the_agent_that_brings_the_network_is_upgraded_where_there_is_none(message, host, goes):
    condition = {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": message}
    without = decode({"metadata": {"name": "node"}, "status": {"conditions": [condition]}}, Node)
    one = pod()
    own = replace(one, spec=replace(one.spec, host_network=host))
    revisions = {OLD: template(OLD, "app:v1", hostNetwork=host), NEW: template(NEW, "app:v2", hostNetwork=host)}
    made = plan(pods=[own], nodes={"node": without}, revisions=revisions)
    assert [pull.body["spec"].get("hostNetwork") for pull in pulls(made)] == ([True] if goes else [])


def test_a_node_that_an_autoscaler_removes_is_left_alone():
    leaving = decode({"metadata": {"name": "node"}, "spec": {"taints": [{"key": "karpenter.sh/disrupted"}]}}, Node)
    made = plan(nodes={"node": replace(leaving, status=node().status)})
    assert not pulls(made)
    assert not starts(made)
    assert planning_reason(made) == ReasonCode.NodeLeaving


def planning_reason(made):
    """Why nothing is done with the Pod."""
    return explain(made.pods[0], made.deferred).code


def test_a_windows_helper_has_no_fields_of_linux():
    (pull,) = pulls(plan(revisions=of(os={"name": "windows"})))
    assert "securityContext" not in pull.body["spec"]
    assert "securityContext" not in pull.body["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("on", "policy", "asks"),
    [
        (node(images=(("app:v2",),)), "IfNotPresent", False),
        (node(images=(("docker.io/library/app:v2",),)), "", False),
        (node(images=(("app:v2",),)), "Always", True),
        (node(images=(("app:v3",),)), "Never", True),
    ],
)
def test_what_the_node_lists_needs_no_helper_unless_the_registry_is_always_asked(on, policy, asks):
    one = pod()
    (container,) = one.spec.containers
    kept = {f: getattr(container, f) for f in container.__struct_fields__} | {"image_pull_policy": policy}
    spec = {f: getattr(one.spec, f) for f in one.spec.__struct_fields__} | {"containers": (type(container)(**kept),)}
    changed = type(one)(one.metadata, type(one.spec)(**spec), one.status)
    made = plan(pods=[changed], nodes={"node": on})
    assert bool(pulls(made)) is asks
    assert bool(starts(made)) is not asks
    if asks:
        assert pulls(made)[0].body["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_once_it_is_there_the_pod_begins_and_its_digest_is_expected():
    there = helped(id_="app@" + DIGEST["v2"], phase="Failed")
    made = plan(helpers=[there], pods=[pod(gate=None)])
    (swap,) = starts(made)
    assert swap.record.containers["app"].expected == DIGEST["v2"]
    assert not pulls(made)
    assert not any(isinstance(one, DeletePullPod) for one in made.actions), "it keeps the image until the swap is over"


def test_a_container_that_cannot_be_made_has_its_image():
    assert starts(plan(helpers=[helped(waiting="CreateContainerError")]))


def test_no_pull_is_given_up_before_it_can_be_known_whether_it_has_succeeded():
    pulling = {"helpers": [helped(waiting="ContainerCreating")], "no_verdict_before": later(700)}
    assert plan(**pulling, at=699).status.failures == ()
    assert plan(**pulling, at=700).status.failures


@pytest.mark.parametrize(
    ("state", "at", "verdict"),
    [
        ({"waiting": "ContainerCreating"}, 1, None),
        ({"waiting": "ErrImagePull", "message": "away"}, 19, None),
        ({"waiting": "ImagePullBackOff", "message": "away"}, 21, ReasonCode.ImagePull),
        ({"waiting": "InvalidImageName"}, 1, ReasonCode.ImagePull),
        ({"waiting": "ContainerCreating"}, 601, ReasonCode.DeadlineExceeded),
        ({"phase": "Failed", "started": False}, 1, None),
        ({"phase": "Failed", "started": False}, 601, ReasonCode.PrePullImpossible),
    ],
)
def test_what_a_pull_that_does_not_succeed_means(state, at, verdict):
    made = plan(helpers=[helped(**state)], at=at)
    assert not starts(made)
    assert made.status is not None
    assert [one.code for one in made.status.failures] == ([verdict] if verdict else [])
    assert made.status.phase is (Phase.DEGRADED if verdict else Phase.PROGRESSING)


def test_best_effort_waits_for_nothing_and_reports():
    made = plan(how="BestEffort", helpers=[helped(waiting="ImagePullBackOff", message="away")], at=30)
    assert starts(made)
    assert made.status is not None
    assert [one.code for one in made.status.reasons] == [ReasonCode.ImagePull]
    assert "away" in made.status.reasons[0].message


def test_without_pre_pull_there_are_no_helpers():
    made = plan(how="Never", helpers=[helped(waiting="ErrImagePull")])
    assert starts(made)
    assert [one.pod.name for one in made.actions if isinstance(one, DeletePullPod)] == [helped().name]


def test_a_refused_helper_is_asked_for_again_later_and_its_deadline_counts_from_the_first_time():
    name = name_of(workload(), WANTED)
    early = plan(asked={name: PullRequest(NOW, "app:v2", later(30), "exceeded quota", adapted=True)}, at=10)
    assert early.deferred["web-0"].code == ReasonCode.PrePullImpossible
    assert "exceeded quota" in early.deferred["web-0"].message
    assert not pulls(early)
    assert early.requeue_at == later(30)
    again = plan(asked={name: PullRequest(NOW, "app:v2", later(30), "exceeded quota", adapted=True)}, at=31)
    assert pulls(again)
    late = plan(asked={name: PullRequest(NOW, "app:v2", later(620), "exceeded quota", adapted=True)}, at=601)
    assert late.status is not None
    assert [one.code for one in late.status.failures] == [ReasonCode.PrePullImpossible]


def test_a_helper_that_could_be_made_only_late_has_its_time_from_then_on():
    asked = {name_of(workload(), WANTED): PullRequest(NOW, "app:v2", later(30), sent=True)}
    for at, codes in ((602, []), (1202, [ReasonCode.DeadlineExceeded])):
        made = plan(helpers=[helped(waiting="ContainerCreating", made=601)], asked=asked, at=at)
        assert made.status is not None
        assert [one.code for one in made.status.failures] == codes


def test_a_helper_that_was_turned_away_makes_room_for_another():
    made = plan(helpers=[helped(phase="Failed", started=False)], at=31)
    (gone,) = [one for one in made.actions if isinstance(one, DeletePullPod)]
    assert gone.again


def test_no_more_are_made_than_there_is_room_for():
    own, most = registry_of("app:v2"), prepull.MAX_PULLS_PER_REGISTRY
    made = plan(busy={own: Pulls(most // 2, most // 2)})
    assert not pulls(made)
    assert made.deferred["web-0"].code == ReasonCode.PullLimit
    assert made.requeue_at == later(1), "nobody else wakes it"
    assert pulls(plan(busy={"other.example.com": Pulls(most // 2, most // 2)}))
    assert not pulls(plan(busy={"other.example.com": Pulls(most, most)})), "half of all"


@pytest.mark.parametrize(
    ("here", "others", "granted"), [(0, 19, True), (0, 20, True), (1, 19, False), (5, 9, True), (7, 7, False)]
)
def test_a_namespace_takes_another_slot_while_more_are_free_than_it_has(here, others, granted):
    made = plan(busy={registry_of("app:v2"): Pulls(here, here + others)})
    assert bool(pulls(made)) is granted
    if not granted:
        why = f"of 20 pulls from docker.io this namespace has {here}, and others have {others}"
        assert made.deferred["web-0"].message.endswith(why)


def test_there_is_a_slot_for_whoever_comes_next():
    """Fifty namespaces take all that they may have, one after the other, and nothing that they have ever ends."""
    taken, registry = 0, registry_of("app:v2")
    for _ in range(50):
        here = 0
        while pulls(plan(busy={registry: Pulls(here, taken)})):
            here, taken = here + 1, taken + 1
        assert here > 0
    assert taken < prepull.MAX_PULLS_PER_REGISTRY + 50


def test_a_wait_for_a_slot_is_progress_until_the_progress_deadline():
    """Others have all slots: the wait is told, and ends as soon as there is one."""
    full = {registry_of("app:v2"): Pulls(1, 20)}
    made = plan(busy=full)
    assert made.blocked
    assert made.status.phase is Phase.PROGRESSING
    late = plan(busy=full, blocked_since=later(-600))
    assert late.status.phase is Phase.DEGRADED
    assert [reason.code for reason in late.status.reasons] == [ReasonCode.PullLimit]
    assert pulls(plan(blocked_since=later(-600)))


def test_others_are_pulled_for_once_the_image_is_known_to_exist():
    pods = [pod(name=f"web-{n}") for n in range(3)]
    elsewhere = [node_pod(one, f"n{n}") for n, one in enumerate(pods)]
    nodes = {f"n{n}": named(f"n{n}") for n in range(3)}
    own = workload(annotations={"pre-pull": "Required"}, replicas=3)
    first = planning.plan(snapshot(*elsewhere, workload=own, nodes=nodes, pull_pods=PullPods()), NOW)
    assert len(pulls(first)) == 1, "one Pod in the budget: one node tries"
    name = name_of(own, ImageOnNode("n2", "app:v2"))
    there = helped(id_="app@" + DIGEST["v2"])
    meta = {f: getattr(there.metadata, f) for f in there.metadata.__struct_fields__} | {"name": name}
    known = type(there)(type(there.metadata)(**meta), there.spec, there.status)
    second = planning.plan(snapshot(*elsewhere, workload=own, nodes=nodes, pull_pods=PullPods((known,))), NOW)
    assert {one.node for one in pulls(second)} == {"n0", "n1"}


def node_pod(one, name):
    """The Pod on another node."""
    spec = {f: getattr(one.spec, f) for f in one.spec.__struct_fields__} | {"node_name": name}
    return type(one)(one.metadata, type(one.spec)(**spec), one.status)


def named(name):
    """A node of this name, without the image."""
    one = node()
    meta = {f: getattr(one.metadata, f) for f in one.metadata.__struct_fields__} | {"name": name}
    return replace(one, metadata=type(one.metadata)(**meta))


def test_admission_that_rewrites_new_pods_refuses_the_upgrade():
    made = plan(helpers=[helped(stored="mirror.example.com/app:v2", id_="app@" + DIGEST["v2"])])
    assert made.status is not None
    assert made.status.phase is Phase.REFUSED
    assert made.status.reasons[0].code == ReasonCode.ImageRewritten
    assert "use mirror.example.com/app:v2 in the template" in made.status.reasons[0].message


def test_a_helper_stays_until_the_pods_on_its_node_are_swapped():
    there = helped(id_="app@" + DIGEST["v2"])
    flying = pod(record=swapping(), image="app:v2", generation=2)
    shot = snapshot(flying, pull_pods=PullPods((there,)))
    assert not Planner().decide(shot, NOW).assessment.images.deletions
    done = snapshot(pod(revision=NEW, image="app:v2"), pull_pods=PullPods((there,)))
    assert Planner().decide(done, NOW).assessment.images.deletions


def test_a_helper_that_has_pulled_stays_for_its_digest_when_the_node_lists_the_image():
    """The next Pod of the node may begin long after: what proves its swap is what the helper knows."""
    on = {"node": node(images=(("app:v2",),))}
    for there, stays in ((helped(id_="app@" + DIGEST["v2"], phase="Failed"), True), (helped(waiting="x"), False)):
        made = plan(helpers=[there], nodes=on, pods=[pod(gate=None)])
        assert any(isinstance(one, DeletePullPod) for one in made.actions) is not stays
        (swap,) = starts(made)
        assert swap.record.containers["app"].expected == (DIGEST["v2"] if stays else "")


@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "nothing else of ours"])
def test_opting_out_leaves_no_helper(frozen):
    leaving = workload(replicas=1, mode=None, frozen=frozen)
    done = pod(revision=NEW, image="app:v2")
    made = planning.plan(snapshot(done, workload=leaving, pull_pods=PullPods((helped(),))), NOW)
    assert [type(one) for one in made.actions] == [DeletePullPod], "before the workload is let go"


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(
            lambda one: replace(one, metadata=replace(one.metadata, name="inplace-pull-0")), id="another name"
        ),
        pytest.param(lambda one: replace(one, spec=replace(one.spec, node_name="other")), id="another node"),
        pytest.param(lambda one: helped(stored="app:evil", id_="app@" + DIGEST["v1"]), id="another image"),
    ],
)
def test_what_a_pod_has_pulled_that_is_none_of_ours_proves_nothing(forged):
    one = forged(helped(id_="app@" + DIGEST["v2"]))
    assert pull_pods.digests(workload(), [one]) == {}


def test_a_helper_is_read_by_its_own_container():
    one = helped(id_="app@" + DIGEST["v2"])
    assert pull_pods.image_of(one) == "app:v2"
    assert pull_pods.digests(workload(), [one]) == {("node", "app:v2"): DIGEST["v2"]}
    assert not pull_pods.is_pulling(one, NOW)
    assert pull_pods.is_pulling(helped(waiting="ContainerCreating"), NOW)
    assert not pull_pods.is_pulling(helped(phase="Failed", started=False), NOW)


def test_the_label_alone_makes_no_pull_pod():
    """Anybody can write it, into a template even: such Pods are never deleted."""
    meta = helped().metadata
    assert pull_pods.served(meta) == meta.owner_references[0]
    assert pull_pods.served(replace(meta, name="web-0")) is None
    assert pull_pods.served(replace(meta, labels={})) is None
    assert pull_pods.served(replace(meta, owner_references=(Owner(kind="StatefulSet", controller=True),))) is None


# -- what people are shown of it


def shown(one, **more):
    """The line about web-0, whose images are pulled ahead."""
    own, state = workload(annotations={"pre-pull": "Required"}, replicas=1), PullPods((helped(**more),))
    shot = snapshot(one, workload=own, pull_pods=state)
    (seen,) = view.build(shot, planning.plan(shot, later(30))).pods
    return describe(seen)


def test_a_pod_that_waits_for_its_image_shows_what_it_runs_and_what_is_wanted_and_no_proof_of_the_upgrade_before():
    before = replace(swapping(PodPhase.DONE, evidence="ImageChanged"), base="web-oldest", target=OLD)
    baseline = replace(before.containers["app"], from_="app:v0", to="app:v1")
    one = pod(record=replace(before, containers={"app": baseline}))
    assert shown(one, waiting="ContainerCreating").startswith("Waiting; app app:v1 running, wanted: app:v2; PrePull: ")
    failed = shown(one, waiting="InvalidImageName")
    assert failed.startswith("Failed; app app:v1 running, wanted: app:v2; ImagePull: image app:v2 on node node"), failed


def test_a_pod_in_flight_and_one_that_is_there_show_their_swap():
    moving = pod(image="app:v2", record=swapping())
    assert "app app:v1 running -> app:v2" in shown(moving), "the old one still runs"
    done = pod(image="app:v2", revision=NEW, record=swapping(PodPhase.DONE, evidence="ImageChanged"))
    assert "app app:v1 -> app:v2 running (ImageChanged)" in shown(done)
    assert "wanted" not in shown(done)


# --- nodes that may not be read


def seen_without_nodes(*helpers, reported=None):
    own = workload(annotations={"pre-pull": "Required"}, replicas=1)
    shown = {"unseen": frozenset({"nodes"}), "nodes": {}, "pull_pods": PullPods(helpers), "reported": reported}
    (assessed,) = planning.plan(snapshot(pod(), workload=own, **shown), later(60)).pods
    return assessed


def test_without_the_right_to_read_nodes_the_pull_pod_tells():
    failed = seen_without_nodes(helped(waiting="ErrImagePull", message="not found"))
    assert isinstance(failed.state, Failed)
    assert failed.state.reason.code == ReasonCode.ImagePull
    assert "not found" in failed.state.reason.message
    waits = seen_without_nodes(helped())
    assert isinstance(waits.state, Pending)
    assert waits.state.waits_for is not None
    assert waits.state.waits_for.code == ReasonCode.PrePull
    free = seen_without_nodes()
    assert isinstance(free.state, Pending)
    assert free.state.waits_for is None, "nobody says that the image is not there"


def test_without_the_right_to_read_nodes_the_report_tells_of_a_refused_pull_pod():
    why = f"image app:v2 on node node: {prepull.NOT_CREATED}: exceeded quota"
    told = Status(1, 2, NEW, Phase.PROGRESSING, 1, 0, 1, 0, 0, NOW, waiting={"PrePullImpossible": 1})
    waits = seen_without_nodes(reported=replace(told, reasons=(Reason(ReasonCode.PrePullImpossible, "", why),)))
    assert isinstance(waits.state, Pending)
    assert waits.state.waits_for == Reason(ReasonCode.PrePullImpossible, "", why)
    failed = seen_without_nodes(reported=replace(told, failures=(Failure("web-0", "PrePullImpossible", why),)))
    assert isinstance(failed.state, Failed)
    assert failed.state.reason.message == why


def test_the_words_of_a_refusal_are_told_of_every_pod_that_waits_for_it():
    """The report has them once, of one of the images."""
    why = Reason(ReasonCode.PrePullImpossible, "", "image app:v2 on node other: exceeded quota")
    told = Status(1, 2, NEW, Phase.PROGRESSING, 1, 0, 1, 0, 0, NOW, waiting={"PrePullImpossible": 2}, reasons=(why,))
    assert reported.missing_pull(told, "image app:v2 on node node") == (why, False)
    assert reported.deferral(told, "web-1") == why


def test_a_pull_pod_is_impossible_only_once_it_was_refused_as_it_was_adapted():
    request = PullRequest(NOW, "app:v2", later(30), "must specify limits")
    made = plan(asked={name_of(workload(), WANTED): request}, at=1)
    assert made.status is not None
    assert made.status.reasons == ()
    assert pulls(made)
