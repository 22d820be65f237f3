"""Which Pods of a selection get another image of an injected container, what is refused, and which begin."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from inplace.core.actions.actions import Abort, CloseGate, PatchImages, RecordFailure
from inplace.core.objects.model import Container
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.plan import sidecars
from inplace.core.plan.plan import plan
from inplace.core.plan.precedence import controller_first
from inplace.core.plan.sidecars import Order
from inplace.core.pod import lifecycle
from inplace.core.pod.states import Failed, Ineligible, InProgress, Pending, PodContext, UpToDate
from inplace.core.settings.annotations import Settings
from inplace.core.settings.grammar import Amount
from inplace.core.state import records, statuses
from inplace.core.state.records import Author, Baseline, PodPhase
from inplace.core.state.statuses import Phase, Status
from inplace.core.template.change import PodChange
from inplace.core.views import pod as explanation
from inplace.core.views import workload as workload_view
from tests.factories import NEW, NOW, OLD, container, later, node, pod, snapshot, swapping, workload

OLD_PROXY, NEW_PROXY = "mesh/proxy:v1", "mesh/proxy:v2"
ORDER = Order("proxy", NEW_PROXY, Settings())
ROOM = 10


def meshed(name="web-0", image=OLD_PROXY, *, init=False, **options):
    """A Pod with the container that no template has."""
    one = pod(
        container(), container("c://p", name="proxy", image=image, image_id=f"{image}@sha256:{'1' * 64}"),
        name=name, **options,
    )  # fmt: skip
    spec, proxy = one.spec, Container(name="proxy", image=image, restart_policy="Always" if init else "")
    if init:
        return replace(one, spec=replace(spec, init_containers=(proxy,)))
    return replace(one, spec=replace(spec, containers=(*spec.containers, proxy)))


def record(image=NEW_PROXY, *, phase=PodPhase.DONE, before=OLD_PROXY, **fields):
    """Of an attempt at that image."""
    found = swapping(phase)
    baselines = {"proxy": Baseline(from_=before, to=image, id="c://p")} if phase is not PodPhase.DRAINING else {}
    made = {"by": Author.COMMAND, "request": ORDER.request(image), "base": OLD, "target": OLD, **fields}
    return replace(found, **{"containers": baselines, **made})


def judged(*pods, order=ORDER, now=NOW, **changes):
    return sidecars.look(snapshot(*pods, **changes), pods, order, now)


def only(*pods, **changes):
    (member,) = judged(*pods, **changes).members
    return member


def test_a_pod_with_the_old_image_is_drained_and_stays_at_its_revision():
    state = only(meshed(revision=OLD)).state
    assert isinstance(state, Pending)
    assert isinstance(state.action, CloseGate)
    made = state.action.record
    assert (made.by, made.requested, made.base, made.target) == ("command", "sidecars proxy=mesh/proxy:v2", OLD, OLD)


def test_without_a_gate_it_is_patched_at_once_and_nothing_but_the_proxy():
    state = only(meshed(gate=None)).state
    assert isinstance(state, Pending)
    assert isinstance(state.action, PatchImages)
    assert state.action.change == PodChange.of_images({"proxy": NEW_PROXY})
    assert list(state.action.record.containers) == ["proxy"]


def test_a_pod_without_the_container_or_with_the_image_is_left_alone():
    assert judged(pod()).members == ()
    assert isinstance(only(meshed(image=NEW_PROXY)).state, UpToDate)


def test_a_container_of_the_template_is_the_workloads():
    own = msgspec.Raw(b'{"spec":{"containers":[{"name":"app","image":"app:v1"}]}}')
    has = replace(workload(), spec=replace(workload().spec, template=own))
    found = judged(pod(), order=Order("app", "app:v9", Settings()), workload=has)
    assert found.objection is not None
    assert found.objection.code == ReasonCode.ContainerInTemplate
    assert judged(meshed(), workload=has).objection is None


@pytest.mark.parametrize(("version", "code"), [("v1.31.9", ReasonCode.SidecarOnOldKubelet), ("v1.32.0", None)])
def test_a_native_sidecar_needs_a_kubelet_that_restarts_it(version, code):
    member = only(meshed(init=True), nodes={"node": node(version)})
    assert (member.refused.code if member.refused is not None else None) == code


def test_another_upgrade_in_flight_or_failed_comes_first():
    for phase in (PodPhase.DRAINING, PodPhase.SWAPPING, PodPhase.FAILED):
        state = only(meshed(record=swapping(phase))).state
        assert isinstance(state, Ineligible)
        assert state.reason.code == ReasonCode.AnotherUpgrade
    assert isinstance(only(meshed(record=swapping(PodPhase.DONE))).state, Pending)


def test_the_controllers_record_passes_on_its_revision():
    state = only(meshed(record=replace(swapping(PodPhase.DONE), target=NEW))).state
    assert isinstance(state, Pending)
    assert isinstance(state.action, CloseGate)
    assert state.action.record.target == NEW


def test_what_failed_is_tried_again_for_another_image_and_when_asked():
    failed = record(phase=PodPhase.FAILED, reason="ImagePull")
    stuck = meshed(image=NEW_PROXY, record=failed, ready=False)
    assert isinstance(only(stuck).state, Failed)
    assert judged(stuck).failed
    assert isinstance(only(stuck, order=replace(ORDER, image="mesh/proxy:v3")).state, Pending)
    drained_only = meshed(record=replace(failed, containers={}))
    assert isinstance(only(drained_only).state, Failed)
    asked = replace(ORDER, retried_at=later(60))
    assert isinstance(only(drained_only, order=asked).state, Pending)


def test_what_has_begun_is_ended_before_another_image_is_asked_for():
    begun = meshed(image=NEW_PROXY, record=record(phase=PodPhase.SWAPPING))
    member = only(begun, order=replace(ORDER, image="mesh/proxy:v3"))
    assert member.image == NEW_PROXY
    assert isinstance(member.state, InProgress)


def test_a_rollback_takes_each_pod_back_to_what_it_had():
    back = replace(ORDER, rollback=True)
    moved = meshed(image=NEW_PROXY, record=record())
    member = only(moved, order=back)
    assert (member.image, type(member.state)) == (OLD_PROXY, Pending)
    assert judged(meshed(image=NEW_PROXY), order=back).members == (), "nothing says what it had"
    gone_back = meshed(image=OLD_PROXY, record=record(OLD_PROXY, before=NEW_PROXY))
    assert isinstance(only(gone_back, order=back).state, UpToDate)


@pytest.mark.parametrize("forged", ["evil/proxy:v1", "registry.evil/mesh/proxy:v1", "", "no reference"])
def test_a_rollback_does_not_run_what_an_annotation_names(forged):
    member = only(meshed(image=NEW_PROXY, record=record(before=forged)), order=replace(ORDER, rollback=True))
    assert member.refused is not None
    assert member.refused.code == ReasonCode.BaseUnknown


@pytest.mark.parametrize("forged", ["evil/proxy:v1", "mesh/proxy:v3"])
def test_a_forged_drain_does_not_choose_what_runs(forged):
    drained = meshed(gate="False", ready=False, record=record(forged, phase=PodPhase.DRAINING))
    state = only(drained, now=later(60)).state
    assert isinstance(state, InProgress)
    assert isinstance(state.action, Abort)
    evil = only(drained, order=replace(ORDER, rollback=True), now=later(60)).state
    assert isinstance(evil, InProgress)
    assert isinstance(evil.action, Abort) is forged.startswith("evil")


def test_a_forged_swap_patches_nothing():
    swapped = meshed(image=OLD_PROXY, record=record("evil/proxy:v1", phase=PodPhase.SWAPPING))
    state = only(swapped).state
    assert isinstance(state, InProgress)
    assert isinstance(state.action, RecordFailure)


def test_the_budget_counts_every_pod_of_the_workload():
    pods = [meshed(f"web-{number}") for number in range(3)]
    found = judged(*pods)
    decision = sidecars.decide(found, None, ROOM)
    assert [type(one) for one in decision.actions] == [CloseGate]
    assert {reason.code for reason in decision.deferred.values()} == {ReasonCode.Budget}
    broken = pod(name="web-9", ready=False)
    one_is_down = sidecars.look(snapshot(*pods[:2], broken), pods[:2], ORDER, NOW)
    assert sidecars.decide(one_is_down, None, ROOM).actions == ()
    two = replace(ORDER, settings=Settings(max_unavailable=Amount(2)))
    assert len(sidecars.decide(judged(*pods, order=two), None, ROOM).actions) == 2
    assert len(sidecars.decide(judged(*pods, order=two), None, 1).actions) == 1


def test_pods_of_a_node_that_was_away_for_a_moment_are_not_broken():
    away = [meshed(f"web-{n}", ready=False, conditions_ready=True) for n in range(3)]
    decision = sidecars.decide(judged(*away), None, ROOM)
    assert decision.actions == ()
    assert {reason.code for reason in decision.deferred.values()} == {ReasonCode.Budget}


def test_pods_that_may_only_be_starting_begin_as_the_budget_has_it_and_those_count_that_were_begun_just_now():
    starting = [meshed(f"web-{n}", ready=False) for n in range(3)]
    assert len(sidecars.decide(judged(*starting), None, ROOM).actions) == 1
    written = judged(*starting, pending=frozenset({"uid-web-2"}))
    assert written.in_flight == 1
    assert sidecars.decide(written, None, ROOM).actions == ()
    settles = meshed("web-2", image=NEW_PROXY, ready=False, record=record())
    assert sidecars.decide(judged(*starting[:2], settles), None, ROOM).actions == ()
    crashes = [replace(one, status=crashing().status) for one in starting]
    assert len(sidecars.decide(judged(*crashes), None, ROOM).actions) == 3, "nobody loses by it"
    assert len(sidecars.decide(judged(*crashes), None, 2).actions) == 2, "but --max-disrupted holds of all"


def crashing():
    return pod(
        container(running=False, waiting="CrashLoopBackOff"), container("c://p", name="proxy", image=OLD_PROXY),
        ready=False,
    )  # fmt: skip


def test_a_start_that_cost_nothing_is_not_made_once_it_costs():
    """And one of a Pod that serves again is not taken for that of the broken Pod that it was."""
    broken, serves = meshed(ready=False), meshed()
    assert sidecars.recheck(snapshot(serves), serves, ORDER, NOW) is not None
    assert sidecars.recheck(snapshot(broken), broken, ORDER, NOW) is not None
    assert sidecars.recheck(snapshot(broken), serves, ORDER, NOW) is None


def test_a_lost_node_stops_no_other_pod_and_is_a_failure_in_the_end():
    lost = judged(meshed(image=NEW_PROXY, ready=False, record=record(phase=PodPhase.FAILED, reason="NodeLost")))
    assert (lost.failed, lost.has_failed, lost.left) == ([], True, [])


def test_a_hold_begins_nothing_and_ends_what_has_begun():
    hold = Reason(ReasonCode.Paused, "", "paused")
    begun = meshed("web-1", image=NEW_PROXY, record=record(phase=PodPhase.SWAPPING, deadline=later(-1)))
    decision = sidecars.decide(judged(meshed(), begun), hold, ROOM)
    assert [type(one) for one in decision.actions] == [RecordFailure]
    assert decision.deferred == {"web-0": hold}


# --- beside a controller


@pytest.mark.parametrize("forged", [{"batches": 2}, {"target": NEW}], ids=["another batch", "another target"])
@pytest.mark.parametrize("gate", ["True", None])
def test_a_forged_step_of_a_swap_neither_chooses_what_runs_nor_passes_the_budget(forged, gate):
    """Of an image that nobody has named nothing is patched; of the one that is asked for as of a Pod that begins."""
    evil = meshed(gate=gate, record=record("evil/proxy:v1", phase=PodPhase.SWAPPING, containers={}, **forged))
    state = only(evil).state
    assert isinstance(state, InProgress)
    assert isinstance(state.action, Abort)
    named = [
        meshed(f"web-{n}", gate=gate, record=record(phase=PodPhase.SWAPPING, containers={}, **forged)) for n in range(2)
    ]
    decision = sidecars.decide(judged(*named), None, ROOM)
    assert len(decision.actions) == 1, "max-unavailable is 1"
    assert not sidecars.decide(judged(*named), Reason(ReasonCode.Paused, "", "pausing"), ROOM).actions


def controllers(**changes):
    """What the controller decides on a Pod by."""
    made = {"workload": "w", "target": OLD, "base": OLD, "change": PodChange(), "node": node(), **changes}
    return PodContext(settings=Settings(), now=NOW, **made)


@pytest.mark.parametrize("phase", [PodPhase.DRAINING, PodPhase.SWAPPING])
def test_a_controller_leaves_it_alone_until_the_deadline(phase):
    uid = snapshot().workload.metadata.uid
    one = meshed(image=NEW_PROXY, record=record(phase=phase))
    state = lifecycle.step(one, controllers(workload=uid))
    assert isinstance(state, InProgress)
    assert (state.reason.code, state.action) == (ReasonCode.ByCommand, None)
    late = lifecycle.step(one, replace(controllers(workload=uid), now=later(86_400)))
    assert isinstance(late, InProgress)
    if phase is PodPhase.DRAINING:
        assert isinstance(late.action, Abort), "nothing was done to its containers: it serves again"
        return
    assert isinstance(late.action, RecordFailure)
    assert late.action.record.by is UNSET


def test_a_failed_proxy_is_no_failure_of_the_workloads_upgrade():
    uid = snapshot().workload.metadata.uid
    failed = meshed(record=record(phase=PodPhase.FAILED, reason="ImagePull"))
    assert isinstance(lifecycle.step(failed, replace(controllers(workload=uid), settled=True)), UpToDate)
    change = PodChange.of_images({"app": "app:v2"})
    state = lifecycle.step(failed, controllers(workload=uid, target=NEW, change=change))
    assert isinstance(state, Pending)


def test_explain_tells_what_a_command_has_done():
    one = meshed(image=NEW_PROXY, record=record())
    seen = snapshot(one)
    (own,) = workload_view.build(seen, plan(seen, NOW)).pods
    explained = explanation.explain("sts/web", seen.workload.metadata.uid, one, own, ())
    assert [(proof.container, proof.from_image, proof.to_image) for proof in explained.proofs] == [
        ("proxy", OLD_PROXY, NEW_PROXY)
    ]
    assert "attempt 1 started: by a command, for sidecars proxy=mesh/proxy:v2" in [m.what for m in explained.timeline]


def test_its_record_stays_when_the_workload_is_opted_out_once_it_is_over():
    assert not records.is_left(meshed(record=record()))
    assert not records.is_left(meshed(record=record(phase=PodPhase.FAILED)))
    assert records.is_left(meshed(record=record(phase=PodPhase.SWAPPING)))
    assert records.is_left(meshed(record=swapping(PodPhase.DONE)))
    assert not records.is_left(meshed())


@pytest.mark.parametrize(
    ("phase", "fields", "quiet", "looking", "first"),
    [
        pytest.param(Phase.PROGRESSING, {}, 4, 9, True, id="the controller begins in the same moment"),
        pytest.param(Phase.PROGRESSING, {}, 5, 5, False, id="it has had its turn"),
        pytest.param(Phase.ROLLING_BACK, {}, 4, 9, True, id="it takes Pods back"),
        pytest.param(Phase.PROGRESSING, {"generation": 3}, 9, 4, True, id="it has not seen the new template yet"),
        pytest.param(Phase.PROGRESSING, {"generation": 3}, 0, 5, False, id="it should have"),
        pytest.param(None, {}, 0, 0, False, id="it has never said anything"),
        pytest.param(Phase.UP_TO_DATE, {}, 0, 0, False, id="it begins nothing"),
        pytest.param(Phase.PAUSED, {}, 0, 0, False, id="it holds"),
        pytest.param(Phase.PROGRESSING, {"mode": None}, 0, 0, False, id="no controller upgrades it"),
    ],
)
def test_the_controllers_pods_go_first_where_both_wait_for_the_same_moment(phase, fields, quiet, looking, first):
    pods = [meshed(f"web-{number}", ready_since=NOW) for number in range(2)]
    told = Status(1, 2, NEW, phase, 2, 1, 2, 0, 0, later(-60)) if phase is not None else None
    annotations = {"status": statuses.encode(told)} if told is not None else {}
    found = judged(*pods, now=later(quiet), workload=workload(replicas=2, annotations=annotations, **fields))
    why = controller_first(found.snapshot, found.now, timedelta(seconds=looking))
    assert (why is not None and why.code is ReasonCode.Budget) is first


def test_a_time_of_the_future_is_not_waited_for():
    told = Status(1, 2, NEW, Phase.PROGRESSING, 1, 1, 1, 0, 0, later(3600))
    found = judged(meshed(ready_since=later(60)), workload=workload(annotations={"status": statuses.encode(told)}))
    assert controller_first(found.snapshot, found.now, timedelta(0)) is None
