"""A Pod whose cpu or memory changes: its steps, and when its size is in force."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.core.actions import patches
from inplace.core.actions.actions import Abort, BeginResize, CloseGate, Complete, PatchImages, RecordFailure, ResizePod
from inplace.core.kinds import Template
from inplace.core.objects.model import WHOLE, Pod, PodStatus, Resources
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan.plan import Planner
from inplace.core.pod import lifecycle, resizes
from inplace.core.pod.states import InProgress, Pending, PodContext
from inplace.core.rollout import dry_runs
from inplace.core.settings.annotations import Settings
from inplace.core.settings.grammar import Gate, GateStep
from inplace.core.state.records import PodPhase, Record, Resized
from inplace.core.template.change import ContainerChange, PodChange
from tests.factories import NEW, NOW, OLD, container, decode, later, pod, snapshot, workload

IDLE = "game.example.com/Idle"
CALM = ContainerChange(resources={"requests": {"cpu": "200m"}})
V2 = ContainerChange("app:v2")
SIZES = {"app": Resized("requests cpu 100m", "requests cpu 200m")}


def sized(cpu="100m", *, running="100m", aside=None, conditions=(), observed=2, record=None):
    """A Pod with this request in its spec, that runs with another."""
    status = container() | {
        "resources": {"requests": {"cpu": running}},
        "allocatedResources": {"cpu": aside or running},
    }
    made = pod(status, record=record, generation=2, observed=observed)
    tree = {
        "spec": {
            "nodeName": "n",
            "readinessGates": [{"conditionType": "InPlaceUpdateReady"}],
            "containers": [{"name": "app", "image": "app:v1", "resources": {"requests": {"cpu": cpu}}}],
        },
        "status": {"conditions": [{"status": "True", **one} for one in conditions]},
    }
    found = decode(tree, Pod)
    told = (*made.status.conditions, *found.status.conditions)
    return replace(made, spec=found.spec, status=replace(made.status, conditions=told))


def resizing(phase=PodPhase.RESIZING, **fields):
    return Record(
        v=1, workload="uid", attempt=1, phase=phase, base=OLD, target=NEW, started_at=NOW, deadline=later(600),
        generation=2, sizes=SIZES, **fields,
    )  # fmt: skip


def context(change, **fields):
    base = {"workload": "uid", "settings": Settings(), "now": later(1), "target": NEW, "base": OLD, "change": change}
    return PodContext(**{**base, "nodes_visible": False, **fields})


PENDING = {"type": resizes.PENDING, "reason": "Deferred", "message": "no room", "observedGeneration": 2}
PROGRESS = {"type": resizes.IN_PROGRESS}


@pytest.mark.parametrize(
    ("one", "said"),
    [
        pytest.param(sized("200m", running="200m"), None, id="in force"),
        pytest.param(sized("200m", running="0.2"), None, id="in other words"),
        pytest.param(sized("200m", running="200m", observed=1), "has not observed", id="not observed"),
        pytest.param(sized("200m", running="200m", conditions=[PENDING]), "Deferred: no room", id="deferred"),
        pytest.param(sized("200m", running="200m", conditions=[PROGRESS]), "setting", id="in progress"),
        pytest.param(sized("200m", aside="200m"), "does not report", id="set aside only"),
    ],
)
def test_a_size_is_in_force_when_nothing_is_pending_and_the_status_has_it(one, said):
    missing = resizes.missing(one, resizing(), None)
    assert (missing is None) == (said is None)
    assert missing is None or (said in missing.message and missing.code == ReasonCode.WaitingForResize)


def whole(requests=None, limits=None, *, shown=None, aside=None, status=True):
    """A Pod whose record is about its size as a whole; by default it has what it asks for."""
    record = replace(resizing(), sizes={WHOLE: SIZES["app"]})
    one = sized(record=record)
    asked = Resources(requests or {}, limits or {})
    has = Resources({"cpu": "53m", "memory": "1Mi"}, limits if shown is None else shown)
    own = replace(one.status, resources=has if status else None, allocated_resources=aside or requests or {})
    return replace(one, spec=replace(one.spec, resources=asked), status=own), record


REQUESTS = {"cpu": "60m", "memory": "64Mi"}


@pytest.mark.parametrize(
    ("one", "in_force"),
    [
        pytest.param(whole(REQUESTS), True, id="the requests that its status shows are not looked at"),
        pytest.param(whole(REQUESTS, aside={**REQUESTS, "memory": "32Mi"}), False, id="other requests are set aside"),
        pytest.param(whole(REQUESTS, {"memory": "300M"}, shown={"memory": "292968Ki"}), True, id="whole pages"),
        pytest.param(whole(REQUESTS, {"memory": "300M"}, shown={"memory": "256Mi"}), False, id="the limit of before"),
        pytest.param(whole(REQUESTS, {"memory": "256Mi"}, shown={"memory": "300Mi"}), False, id="a higher one"),
        pytest.param(whole(REQUESTS, {"memory": "256Mi"}, shown={}), False, id="no limit yet"),
        pytest.param(whole(REQUESTS, {"cpu": "700m"}, shown={"cpu": "0.7"}), True, id="cpu"),
        pytest.param(whole(REQUESTS, {"cpu": "700m"}, shown={"cpu": "600m"}), False, id="cpu of before"),
        pytest.param(whole(REQUESTS, status=False), False, id="a kubelet that tells nothing"),
    ],
)
def test_the_whole_is_in_force_by_what_is_set_aside_and_the_limits_of_its_cgroup(one, in_force):
    pod, record = one
    missing = resizes.missing(pod, record, None)
    assert (missing is None) == in_force
    assert in_force or (missing.path == "resources" and missing.code == ReasonCode.WaitingForResize)


@pytest.mark.parametrize("own", [None, Resources({"cpu": "1"})])
def test_the_whole_is_set_where_there_is_such_a_field_and_where_there_is_none(own):
    pod = sized(record=resizing())
    pod = replace(pod, spec=replace(pod.spec, resources=own))
    size = {"requests": {"cpu": "2"}, "limits": {"memory": "1Gi"}}
    request = patches.build(ResizePod(pod, resizing(), {WHOLE: size}), NOW)
    assert request.subresource == "resize"
    tree = {"spec": {} if own is None else {"resources": {"requests": own.requests}}}
    ours = [op for op in request.ops if op["path"].startswith("/spec/resources")]
    tested = {op["path"]: op["value"] for op in ours if op["op"] == "test"}
    for op in ours:
        if op["op"] == "add":
            *above, last = op["path"].split("/")[1:]
            place = tree
            for step in above:
                place = place[step]
            place[last] = op["value"]
    assert tree["spec"]["resources"] == size
    before = {"/spec/resources": None} if own is None else {"/spec/resources/requests": own.requests}
    assert before.items() <= tested.items(), "what was read is still there"


def test_a_server_that_leaves_the_whole_out_is_a_refusal():
    wanted = {WHOLE: {"requests": {"cpu": "2"}}}
    assert dry_runs.unheeded(sized(), {"app": {"requests": {"cpu": "2"}}}) is None
    refused = dry_runs.unheeded(sized(), wanted)
    assert (refused.code, "as they are" in refused.message) == (ReasonCode.AdmissionRejected, True)
    has = replace(sized(), spec=replace(sized().spec, resources=Resources({"cpu": "2000m"})))
    assert dry_runs.unheeded(has, wanted) is None


def test_a_size_that_restarts_nothing_begins_without_a_drain():
    state = lifecycle.step(sized(), context(PodChange({"app": CALM})))
    assert isinstance(state, Pending)
    assert isinstance(state.action, BeginResize)
    record = state.action.record
    assert (record.phase, record.resized, record.generation) == (PodPhase.RESIZING, SIZES, 3)


def test_a_rollback_of_a_refused_size_waits_for_no_generation():
    """The API server has refused it, so the Pod has the size of before: there is nothing to set, nor to observe."""
    failed = resizing(PodPhase.FAILED, reason=ReasonCode.AdmissionRejected)
    state = lifecycle.step(sized(record=replace(failed, generation=3)), context(PodChange(), target=OLD, base=OLD))
    assert isinstance(state, Pending)
    assert isinstance(state.action, BeginResize)
    record = state.action.record
    assert record.generation == 2
    assert resizes.missing(sized(record=record), record, None) is None


def test_it_is_set_by_pods_resize_with_what_was_read_as_its_condition():
    state = lifecycle.step(sized(record=resizing()), context(PodChange({"app": CALM})))
    assert isinstance(state, InProgress)
    assert isinstance(state.action, ResizePod)
    request = patches.build(state.action, NOW)
    assert isinstance(request, patches.Patch)
    assert request.subresource == "resize"
    where = "/spec/containers/0/resources/requests"
    assert {"op": "test", "path": where, "value": {"cpu": "100m"}} in request.ops
    assert request.ops[-1] == {"op": "add", "path": where, "value": {"cpu": "200m"}}


@pytest.mark.parametrize(
    ("change", "action"),
    [(PodChange(), Complete), (PodChange({"app": ContainerChange("app:v2")}), CloseGate)],
)
def test_once_in_force_it_is_done_or_goes_on_to_the_drain(change, action):
    state = lifecycle.step(sized("200m", running="200m", record=resizing()), context(change))
    assert isinstance(state, Pending if change.disrupts else InProgress)
    assert isinstance(state.action, action)


def test_a_pod_asks_again_before_the_drain_that_follows_its_size():
    """Two were resized when two might be out of service; one may be now."""
    record = replace(resizing(), workload="web")
    one = sized("200m", running="200m", record=record)
    pods = [replace(one, metadata=replace(one.metadata, name=f"web-{n}", uid=f"uid-{n}")) for n in range(2)]
    trees = {
        name: Template(
            name,
            {"spec": {"containers": [{"name": "app", "image": image, "resources": {"requests": {"cpu": cpu}}}]}},
        )
        for name, image, cpu in ((OLD, "app:v1", "100m"), (NEW, "app:v2", "200m"))
    }
    for budget, granted in (("1", ["web-1"]), ("2", ["web-1", "web-0"])):
        own = workload(replicas=2, annotations={"max-unavailable": budget})
        shot = snapshot(*pods, revisions=trees, workload=own, nodes={}, unseen=frozenset({"nodes"}))
        made = Planner().decide(shot, later(1)).admission
        assert [action.pod.name for action in made.granted] == granted
        assert {type(action) for action in made.granted} == {CloseGate}


def test_a_pod_that_has_its_size_turns_to_another_target_without_a_wait():
    """No write changes its spec, so that its generation stays as it is."""
    record = resizing(tried=("web-older",))
    turned = replace(record, target="web-older")
    state = lifecycle.step(sized("200m", running="200m", record=turned), context(PodChange({"app": V2})))
    assert isinstance(state, Pending), "it serves, and asks for the place in the budget that the new target takes"
    assert isinstance(state.action, BeginResize)
    assert (state.action.record.target, state.action.record.generation) == (NEW, 2)
    then = lifecycle.step(sized("200m", running="200m", record=state.action.record), context(PodChange({"app": V2})))
    assert isinstance(then, Pending)
    assert isinstance(then.action, CloseGate)


def test_a_container_that_was_never_there_has_no_size_to_wait_for():
    """The kubelet shows none for it, and the image that mends it is not to wait for that."""
    one = sized("200m", record=resizing())
    never = container("", running=False, waiting="ImagePullBackOff")
    status = decode({"containerStatuses": [never]}, PodStatus).container_statuses
    assert (
        resizes.missing(replace(one, status=replace(one.status, container_statuses=status)), resizing(), None) is None
    )
    assert (
        resizes.missing(replace(one, status=replace(one.status, container_statuses=())), resizing(), None) is not None
    )


@pytest.mark.parametrize("gated", [True, False])
def test_before_the_drain_that_follows_its_condition_is_asked_again(gated):
    """What stood at True when the resize began may be at False once the size is in force."""
    settings = Settings(gates=(Gate(GateStep.BEFORE_DRAIN, IDLE),))
    swap = PodChange({"app": ContainerChange("app:v2")})
    told = {status: {"type": IDLE, "status": status} for status in ("True", "False")}

    def state(status, now=1, change=swap):
        one = sized("200m", running="200m", conditions=[told[status]], record=resizing())
        one = one if gated else replace(one, spec=replace(one.spec, readiness_gates=()))
        return lifecycle.step(one, context(change, settings=settings, now=later(now)))

    waits = state("False")
    assert isinstance(waits, InProgress)
    assert (waits.action, waits.reason.code) == (None, ReasonCode.BeforeDrain)
    assert isinstance(state("True").action, CloseGate if gated else PatchImages)
    assert isinstance(state("False", change=PodChange()).action, Complete), "nothing is drained for a size alone"
    late = state("False", now=601)
    assert isinstance(late, InProgress)
    assert isinstance(late.action, RecordFailure)
    assert late.action.record.reason == ReasonCode.ConditionNotMet


def test_what_the_kubelet_refuses_for_good_fails_at_once():
    refused = {**PENDING, "reason": "Infeasible", "message": "never"}
    state = lifecycle.step(sized("200m", conditions=[refused], record=resizing()), context(PodChange()))
    assert isinstance(state, InProgress)
    assert isinstance(state.action, RecordFailure)
    assert (state.action.record.reason, "never" in state.action.record.message) == ("ResizeInfeasible", True)


def test_a_refusal_of_the_size_of_before_is_none():
    old = {**PENDING, "reason": "Infeasible", "observedGeneration": 1}
    assert resizes.infeasible(sized("200m", conditions=[old]), resizing(), None, later(60)) is None


def test_what_has_no_room_fails_at_the_deadline_with_the_words_of_the_kubelet():
    one = sized("200m", conditions=[PENDING], record=resizing())
    state = lifecycle.step(one, context(PodChange(), now=later(601)))
    assert isinstance(state, InProgress)
    assert isinstance(state.action, RecordFailure)
    assert (state.action.record.reason, "no room" in state.action.record.message) == ("NotResized", True)


def test_a_pause_keeps_what_is_known_of_the_size_and_ends_no_deadline():
    hold = Reason(ReasonCode.Paused, "", "paused")
    swap = PodChange({"app": ContainerChange("app:v2")})
    one = sized("200m", running="200m", record=resizing())
    state = lifecycle.step(one, context(swap, hold=hold, now=later(6000)))
    assert state == InProgress(hold)
    drained = sized("200m", running="200m", record=resizing(PodPhase.DRAINING))
    state = lifecycle.step(drained, context(swap, hold=hold))
    assert isinstance(state, InProgress)
    assert isinstance(state.action, Abort)
    assert state.action.record == resizing()


OUT = Reason(ReasonCode.OptOutPending, "", "opted out")


@pytest.mark.parametrize(
    ("one", "change", "action"),
    [
        pytest.param(sized("200m", conditions=[PENDING]), PodChange(), None, id="granted, or fails at its deadline"),
        pytest.param(sized("200m", running="200m"), PodChange(), Complete, id="in force"),
        pytest.param(sized("200m", running="200m"), PodChange({"app": V2}), Abort, id="nothing restarts any more"),
        pytest.param(sized("100m"), PodChange({"app": CALM}), Abort, id="not set yet"),
    ],
)
def test_who_opts_out_lets_a_size_that_is_set_come_into_force(one, change, action):
    """It has not failed because somebody opts out."""
    state = lifecycle.step(replace(one, metadata=with_record(one, resizing())), context(change, hold=OUT))
    assert isinstance(state, InProgress)
    assert type(state.action) is (action or type(None))
    assert state.reason.code == ReasonCode.WaitingForResize


def with_record(one, record):
    return sized(record=record).metadata
