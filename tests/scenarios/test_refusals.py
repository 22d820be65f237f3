"""What cannot be made in place is refused with every reason, and no Pod is touched."""

from __future__ import annotations

from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from tests.scenarios.world import World, identity


async def _assert_untouched(world: World, before: dict[str, object]) -> None:
    async def untouched() -> bool:
        return {pod.name: (identity(pod), pod.spec) for pod in await world.pods()} == before

    await world.stays(untouched, "every Pod as it was", 2)
    assert world.history.drains() == []


async def _pods(world: World) -> dict[str, object]:
    return {pod.name: (identity(pod), pod.spec) for pod in await world.pods()}


async def test_every_reason_is_listed_and_no_pod_touched(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        before = await _pods(world)
        container = {"name": "app", "image": world.app("v2"), "env": [{"name": "A", "value": "1"}]}
        await world.patch({"spec": {"template": {"spec": {"containers": [container], "hostname": "x"}}}})
        status = await world.wait_phase("web", Phase.REFUSED)
        paths = {reason.path for reason in status.reasons}
        assert any("env" in path for path in paths), paths
        assert any("hostname" in path for path in paths), paths
        await _assert_untouched(world, before)


async def test_a_refused_change_taken_back_is_up_to_date_again(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1)
        before = await _pods(world)
        await world.patch({"spec": {"template": {"spec": {"hostname": "x"}}}})
        await world.wait_phase("web", Phase.REFUSED)
        await world.patch({"spec": {"template": {"spec": {"hostname": None}}}})
        await world.wait_phase("web", Phase.UP_TO_DATE)
        await _assert_untouched(world, before)


async def test_a_restart_that_an_init_container_would_miss_is_refused_with_a_reason(open_world):
    async with open_world() as world:
        volume = {"name": "c", "configMap": {"name": "absent", "optional": True}}
        init = {
            "name": "init",
            "image": world.app("v1"),
            "command": ["true"],
            "volumeMounts": [{"name": "c", "mountPath": "/c"}],
        }
        await world.create_web(replicas=2, spec={"initContainers": [init], "volumes": [volume]})
        before = await _pods(world)
        for key in ("kubectl.kubernetes.io/restartedAt", "checksum/config"):
            await world.patch({"spec": {"template": {"metadata": {"annotations": {key: "now"}}}}})
            status = await world.wait_phase("web", Phase.REFUSED)
            assert [(reason.code, reason.path) for reason in status.reasons] == [
                (ReasonCode.RestartNotSupported, f"metadata.annotations[{key}]")
            ]
            await world.patch({"spec": {"template": {"metadata": {"annotations": {key: None}}}}})
            await world.wait_phase("web", Phase.UP_TO_DATE)
        await _assert_untouched(world, before)


async def test_a_checksum_beside_a_new_image_of_every_container_is_upgraded(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        container = {"name": "app", "image": world.app("v2")}
        template = {"metadata": {"annotations": {"checksum/config": "2"}}, "spec": {"containers": [container]}}
        await world.patch({"spec": {"template": template}})
        await world.wait_upgraded()
        for pod in await world.pods():
            assert (pod.metadata.annotations or {})["checksum/config"] == "2"
            assert [one.image for one in pod.spec.containers] == [world.app("v2")]


async def test_what_is_read_when_a_pod_is_created_is_refused_with_a_reason(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        before = await _pods(world)
        container = {"name": "app", "image": world.app("v2")}
        metadata = {"labels": {"istio.io/rev": "canary"}, "annotations": {"linkerd.io/inject": "enabled"}}
        await world.patch({"spec": {"template": {"metadata": metadata, "spec": {"containers": [container]}}}})
        status = await world.wait_phase("web", Phase.REFUSED)
        assert {(reason.code, reason.path) for reason in status.reasons} == {
            (ReasonCode.ReadAtCreation, "metadata.labels[istio.io/rev]"),
            (ReasonCode.ReadAtCreation, "metadata.annotations[linkerd.io/inject]"),
        }
        await _assert_untouched(world, before)


MALFORMED = (
    ("max-unavailable", "0"),
    ("max-unavailable", "many"),
    ("partition", "-1"),
    ("paused", "maybe"),
    ("grace-period-seconds", "1.5"),
    ("min-ready-seconds", "soon"),
    ("progress-deadline-seconds", "0"),
    ("drain", "auto"),
    ("pre-pull", "Sometimes"),
    ("max-unavailabel", "1"),
)


async def test_malformed_settings_name_the_annotation_and_what_it_accepts(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1)
        before = await _pods(world)
        for setting, value in MALFORMED:
            await world.patch({"metadata": {"annotations": {f"inplace.dev/{setting}": value}}})
            await world.set_image(world.app("v2"))
            status = await world.wait_phase("web", Phase.REFUSED)
            assert status.reasons[0].code == ReasonCode.SettingInvalid
            assert f"inplace.dev/{setting}" in str(status.reasons[0])
            await _assert_untouched(world, before)
            await world.set_image(world.app("v1"))
            await world.patch({"metadata": {"annotations": {f"inplace.dev/{setting}": None}}})
            await world.wait_phase("web", Phase.UP_TO_DATE)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()


async def test_drain_required_refuses_pods_without_the_gate(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1, gate=False, annotations={"drain": "Required"})
        await world.set_image(world.app("v2"))
        status = await world.wait_phase("web", Phase.REFUSED)
        assert status.reasons[0].code == ReasonCode.GateMissing
