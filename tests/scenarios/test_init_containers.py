"""Native sidecars, which restart in place, and plain init containers, which do not run again."""

from __future__ import annotations

import pytest

from inplace.core.objects.reasons import ReasonCode
from inplace.core.state.statuses import Phase
from tests.scenarios.markers import core_of_many
from tests.scenarios.world import identity


def init(world, tag, **fields):
    return {"name": "init", "image": world.app(tag), "command": ["true"], "imagePullPolicy": "IfNotPresent", **fields}


def native(world, tag):
    """A sidecar as the kubelet knows it."""
    fields = {"name": "side", "image": world.image("sidecar", tag), "imagePullPolicy": "IfNotPresent"}
    return {**fields, "restartPolicy": "Always"}


async def identities(world):
    return {pod.name: identity(pod) for pod in await world.pods()}


async def set_template(world, **spec):
    await world.patch({"spec": {"template": {"spec": spec}}})


def images(pod):
    return {one.name: one.image for one in (*pod.spec.init_containers, *pod.spec.containers)}


def restarts(world, pod):
    return {name: world.history.restarts(pod.name, name) for name in images(pod)}


@core_of_many
async def test_a_sidecar_restarts_alone_and_together_with_the_app(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, spec={"initContainers": [native(world, "v1")]})
        before = await identities(world)
        await set_template(world, initContainers=[native(world, "v2")])
        await world.wait_upgraded()
        for pod in await world.pods():
            assert images(pod) == {"side": world.image("sidecar", "v2"), "app": world.app("v1")}
            assert restarts(world, pod) == {"side": 1, "app": 0}
        app = {"name": "app", "image": world.app("v2")}
        await set_template(world, initContainers=[native(world, "v1")], containers=[app])
        await world.wait_upgraded()
        for pod in await world.pods():
            assert images(pod) == {"side": world.image("sidecar", "v1"), "app": world.app("v2")}
            assert restarts(world, pod) == {"side": 2, "app": 1}
        assert await identities(world) == before


@core_of_many
async def test_an_init_image_is_refused_or_set_in_the_spec_alone(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, spec={"initContainers": [init(world, "v1")]})
        before = await identities(world)
        await set_template(world, initContainers=[init(world, "v2")])
        status = await world.wait_phase("web", Phase.REFUSED)
        assert [reason.code for reason in status.reasons] == [ReasonCode.InitImageChanged]
        await world.annotate(init_images="SpecOnly")
        await world.wait_upgraded()
        for pod in await world.pods():
            assert images(pod) == {"init": world.app("v2"), "app": world.app("v1")}
            assert restarts(world, pod) == {"init": 0, "app": 0}
        assert await identities(world) == before


async def test_an_init_image_beside_one_of_the_app_and_the_way_back(open_world):
    async with open_world() as world:
        settings = {"init-images": "SpecOnly"}
        await world.create_web(replicas=2, annotations=settings, spec={"initContainers": [init(world, "v1")]})
        before = await identities(world)
        for number, tag in ((1, "v2"), (2, "v1")):
            app = {"name": "app", "image": world.app(tag)}
            await set_template(world, initContainers=[init(world, tag)], containers=[app])
            await world.wait_upgraded()
            for pod in await world.pods():
                assert images(pod) == {"init": world.app(tag), "app": world.app(tag)}
                assert restarts(world, pod) == {"init": 0, "app": number}
        assert await identities(world) == before


@pytest.mark.parametrize("tag", ["crash"])
async def test_a_rollback_takes_the_init_image_back_as_well(open_world, tag):
    async with open_world() as world:
        settings = {"init-images": "SpecOnly", "on-failure": "Rollback", "progress-deadline-seconds": "30"}
        await world.create_web(replicas=2, annotations=settings, spec={"initContainers": [init(world, "v1")]})
        before = await identities(world)
        app = {"name": "app", "image": world.app(tag)}
        await set_template(world, initContainers=[init(world, "v2")], containers=[app])
        await world.wait_phase("web", Phase.ROLLED_BACK)
        for pod in await world.pods():
            assert images(pod) == {"init": world.app("v1"), "app": world.app("v1")}
        assert await identities(world) == before
