"""What the kubelet will do, told beforehand: fates, the order of kills and starts, versions, words."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from inplace.core.objects.model import (
    Container,
    ContainerState,
    ContainerStatus,
    Hook,
    Lifecycle,
    Pod,
    PodSpec,
    PodStatus,
    Probe,
    Resources,
    Running,
    Terminated,
)
from inplace.core.pod import prediction
from inplace.core.pod.prediction import Fate, Step
from inplace.core.state.records import Baseline, Evidence, PodPhase, Resized
from inplace.core.template.change import ContainerChange, PodChange
from tests.factories import swapping

RUNS = ContainerState(running=Running())
EXITED = ContainerState(terminated=Terminated())
RECENT = (1, 36)


def pod(app=RUNS, *, grace=30, ready=True, probe=None, setup=EXITED, hook=None):
    """A plain init container, a sidecar with the probe and readiness given, and two regular containers."""
    init = (Container("setup"), Container("proxy", restart_policy="Always", startup_probe=probe))
    spec = PodSpec((Container("app", lifecycle=hook), Container("log")), init, termination_grace_period_seconds=grace)
    regular = (ContainerStatus("app", state=app), ContainerStatus("log", state=RUNS))
    sidecar = (ContainerStatus("setup", state=setup), ContainerStatus("proxy", ready=ready, state=RUNS))
    return Pod(spec=spec, status=PodStatus(container_statuses=regular, init_container_statuses=sidecar))


def test_sidecars_start_before_regular_containers_and_these_as_in_the_spec():
    change = PodChange.of_images({"log": "v2", "app": "v2", "proxy": "v2"})
    told = prediction.predict(pod(), change, RECENT)
    assert [step.starts for step in told.steps] == [("proxy", "app", "log")]
    assert told.stop_seconds == 90


def test_batches_follow_one_another():
    change = PodChange({name: ContainerChange("v2") for name in ("app", "log")}, order=(("log",), ("app",)))
    told = prediction.predict(pod(), change, RECENT)
    assert told.steps == (Step(("log",), ("log",)), Step(("app",), ("app",)))
    assert prediction.told(told).startswith("log, then app restart (up to 30 s each to stop); ")


def test_what_does_not_run_is_not_killed():
    told = prediction.predict(pod(EXITED), PodChange.of_images({"app": "v2"}), RECENT)
    assert told.fates["app"] is Fate.STARTS
    assert (told.steps, told.stop_seconds) == ((Step((), ("app",)),), 0)


@pytest.mark.parametrize(
    ("kubelet", "fate"),
    [
        ((1, 31), Fate.WHEN_IT_EXITS),
        ((1, 32), Fate.RESTARTS),
        ((1, 36), Fate.RESTARTS),
        (None, Fate.RESTARTS),
    ],
)
def test_a_sidecar_restarts_from_1_32_on(kubelet, fate):
    told = prediction.predict(pod(), PodChange.of_images({"proxy": "v2"}), kubelet)
    assert told.fates["proxy"] is fate
    assert bool(told.steps) is (fate is Fate.RESTARTS)


def test_a_sidecar_waits_for_its_startup_probe():
    change = PodChange.of_images({"proxy": "v2"})
    assert (
        prediction.predict(pod(ready=False, probe=Probe()), change, RECENT).fates["proxy"] is Fate.AFTER_STARTUP_PROBE
    )
    assert prediction.predict(pod(ready=True, probe=Probe()), change, RECENT).fates["proxy"] is Fate.RESTARTS
    assert prediction.predict(pod(ready=False), change, RECENT).fates["proxy"] is Fate.RESTARTS


def test_sizes_and_images_of_init_containers_restart_nothing():
    change = PodChange(
        {
            "setup": ContainerChange("v2", spec_only=True),
            "app": ContainerChange(resources={"requests": {"cpu": "1"}}),
            "log": ContainerChange(resources={"limits": {"memory": "1Gi"}}, resize_restarts=True),
        }
    )
    told = prediction.predict(pod(), change, RECENT)
    assert told.fates == {"setup": Fate.SPEC_ONLY, "proxy": Fate.KEPT, "app": Fate.RESIZED, "log": Fate.RESTARTS}
    assert told.steps == (Step(("log",), ("log",), of_sizes=True),)


def test_a_size_is_a_write_of_its_own_after_that_of_images():
    small = {"requests": {"cpu": "1"}}
    change = PodChange(
        {
            "app": ContainerChange("v2", resources=small, resize_restarts=True),
            "proxy": ContainerChange(resources=small, resize_restarts=True),
            "log": ContainerChange("v2"),
        }
    )
    told = prediction.predict(pod(), change, RECENT)
    assert told.steps == (
        Step(("app", "log"), ("app", "log")),
        Step(("proxy", "app"), ("proxy", "app"), of_sizes=True),
    )
    assert prediction.told(told).startswith(
        "app, log, then proxy restart (up to 30 s each to stop); "
        "app once more for the new size, unless the kubelet sees both changes at once; "
    )
    ended = prediction.predict(pod(EXITED), change, RECENT)
    assert [step.kills for step in ended.steps] == [("log",), ("proxy", "app")]


def test_an_init_container_that_has_not_run_yet_runs_with_what_is_new():
    change = PodChange({"setup": ContainerChange("v2", spec_only=True), "app": ContainerChange("v2")})
    told = prediction.predict(pod(setup=ContainerState()), change, RECENT)
    assert told.fates["setup"] is Fate.STARTS
    assert told.init_containers == ()
    assert "setup not running, started with what is new" in prediction.told(told)


def test_a_hook_may_take_the_whole_grace_and_the_process_gets_two_seconds_more():
    change = PodChange.of_images({"app": "v2"})
    assert prediction.predict(pod(hook=Lifecycle(Hook())), change, RECENT).grace_seconds == 32
    assert prediction.predict(pod(hook=Lifecycle()), change, RECENT).grace_seconds == 30
    assert prediction.predict(pod(hook=Lifecycle(Hook()), grace=0), change, RECENT).grace_seconds == 2
    only_log = prediction.predict(pod(hook=Lifecycle(Hook())), PodChange.of_images({"log": "v2"}), RECENT)
    assert only_log.grace_seconds == 30, "the hook of a container that goes on does not run"


def test_the_kubelet_gives_two_seconds_at_least():
    assert prediction.predict(pod(grace=0), PodChange.of_images({"app": "v2"}), RECENT).stop_seconds == 2


def test_it_is_told_in_one_line():
    told = prediction.predict(pod(), PodChange.of_images({"app": "v2"}), RECENT)
    assert prediction.told(told) == (
        "app restarts (up to 30 s to stop); proxy, log kept; init containers do not run again"
    )


# --- with an attempt under way


def attempt(phase=PodPhase.SWAPPING, batch=0, **containers):
    """The record of one that has patched these containers: `old`, the id that each had then."""
    return replace(
        swapping(), phase=phase, generation=1, batch=batch, batches=3,
        containers={name: Baseline(id=id_, evidence=proof) for name, (id_, proof) in containers.items()},
    )  # fmt: skip


def test_what_is_patched_and_not_replaced_yet_restarts_before_what_is_still_to_be_patched():
    """Between batches: what the kubelet is to do, not what is left to patch."""
    one = pod()
    record = attempt(batch=1, proxy=("p", Evidence.IMAGE_CHANGED), app=("", ""))
    told = prediction.expected(one, PodChange.of_images({"log": "v2"}), None, record)
    assert told is not None
    assert told.steps == (Step(("app",), ("app",)), Step(("log",), ("log",)))
    assert told.fates == {
        "setup": Fate.KEPT,
        "proxy": Fate.RESTARTED,
        "app": Fate.RESTARTS,
        "log": Fate.RESTARTS,
    }
    assert prediction.told(told) == (
        "app, then log restart (up to 30 s each to stop); proxy restarted already; init containers do not run again"
    )


@pytest.mark.parametrize(
    ("record", "due"),
    [
        pytest.param(attempt(app=("", "")), True, id="the old container is there"),
        pytest.param(attempt(app=("old", "")), False, id="another one is there"),
        pytest.param(attempt(app=("", Evidence.UNCHANGED)), False, id="it never had to be replaced"),
        pytest.param(attempt(PodPhase.FAILED, app=("", "")), True, id="an attempt that failed leaves what it patched"),
        pytest.param(attempt(PodPhase.DONE, app=("", "")), False, id="an attempt that is over leaves nothing"),
        pytest.param(attempt(gone=("", "")), False, id="no container of the Pod"),
    ],
)
def test_what_an_attempt_has_patched_restarts_unless_it_has_been_replaced(record, due):
    told = prediction.expected(pod(), PodChange(), None, record)
    assert (told is not None) is due
    if told is not None:
        assert told.steps == (Step(("app",), ("app",)),)


def test_a_patch_that_was_not_confirmed_before_the_next_may_have_left_a_container_to_replace():
    one = pod()
    record = attempt(app=("old", ""))
    loose = replace(record, generation=2, containers={"app": replace(record.containers["app"], unsettled=True)})
    assert prediction.due_by(one, loose) == ("app",)
    seen = replace(one, status=replace(one.status, observed_generation=2))
    assert prediction.due_by(seen, loose) == ()


def test_a_size_that_is_not_in_force_restarts_what_has_restarted_for_its_image():
    small, large = Resources({"cpu": "1"}, {}), Resources({"cpu": "2"}, {})
    status = ContainerStatus("app", container_id="new", state=RUNS, resources=small, allocated_resources={"cpu": "2"})
    one = Pod(spec=PodSpec((Container("app", resources=large),)), status=PodStatus(container_statuses=(status,)))
    record = replace(attempt(app=("old", Evidence.IMAGE_CHANGED)), sizes={"app": Resized("cpu 1", "cpu 2")})
    assert prediction.due_by(one, record) == ("app",)
    there = replace(status, resources=large)
    assert prediction.due_by(replace(one, status=PodStatus(container_statuses=(there,))), record) == ()
