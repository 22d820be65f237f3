"""Containers that start again in place with the image that they have: on request, and for env from metadata."""

from __future__ import annotations

import itertools

import pytest

from inplace.core.objects import aliases, names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.state import records
from inplace.core.state.records import Record
from inplace.core.state.statuses import Phase
from inplace.kube import resource as resources
from tests.scenarios.manifests import workload
from tests.scenarios.markers import core_by_turns, core_of_held, long, with_registry
from tests.scenarios.world import identity

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
RESTART = names.RESTART
#: The writes of a request that has an order.
#: By request: the containers of each write, where there are several.
BATCHES: dict[str | None, list[tuple[str, ...]]] = {"3 sidecar > app": [("sidecar",), ("app",)]}


def containers(pod):
    """By name: the ID and the digest of each container, and how often it was started again."""
    return {one.name: (one.container_id, one.image_id, one.restart_count) for one in pod.status.container_statuses}


def images(pod):
    return {one.name: one.image for one in pod.spec.containers}


async def annotate_template(world, field="annotations", seconds=None, **keys):
    """Change metadata of the template, `__` for a slash; None removes. Upgraded within so many seconds."""
    changed = {key.replace("__", "/"): value for key, value in keys.items()}
    await world.patch({"spec": {"template": {"metadata": {field: changed}}}})
    await world.wait_upgraded(seconds=seconds)


def assert_restarted(before, after, names):
    """Exactly these containers are others, of the same image."""
    assert identity(after) == identity(before)
    for name, (id_, image_id, restarts) in containers(before).items():
        now = containers(after)[name]
        if name in names:
            assert (now[0] != id_, now[1], now[2]) == (True, image_id, restarts + 1), name
        else:
            assert now == (id_, image_id, restarts), name


@core_by_turns
async def test_a_rollout_restart_starts_every_container_again_in_place(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, sidecar=world.image("sidecar", "v1"))
        template = images((await world.pods())[0])
        seen = [await world.pods()]
        for at in ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"):
            await annotate_template(world, **{RESTARTED_AT: at})
            seen.append(await world.pods())
            for before, after in zip(*seen[-2:], strict=True):
                assert_restarted(before, after, {"app", "sidecar"})
                assert (after.metadata.annotations or {})[RESTARTED_AT] == at
                record = records.read(after)
                assert isinstance(record, Record)
                assert all(one.evidence for one in record.containers.values())
        for name, image in template.items():
            first, second, third = ([images(pod)[name] for pod in pods] for pods in seen[1:])
            assert all(aliases.is_alias(one, image) for one in (*first, *third)), "by the digest that runs"
            for one, again in zip(second, third, strict=True):
                assert (aliases.is_alias(one, image, unchanged=True), one != again) == (True, True), "and by it alone"
        assert world.history.drains(), "with a drain, as for another image"


@core_by_turns
async def test_a_new_image_of_one_container_beside_a_restart(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, sidecar=world.image("sidecar", "v1"))
        before = await world.pods()
        template = {
            "metadata": {"annotations": {RESTARTED_AT: "now"}},
            "spec": {"containers": [{"name": "app", "image": world.app("v2")}]},
        }
        await world.patch({"spec": {"template": template}})
        await world.wait_upgraded()
        for old, new in zip(before, await world.pods(), strict=True):
            assert identity(new) == identity(old)
            assert images(new)["app"] == world.app("v2")
            assert aliases.is_alias(images(new)["sidecar"], world.image("sidecar", "v1"))
            assert all(count == 1 for _, _, count in containers(new).values())
        # What was restarted is upgraded like anything else, and from there.
        await world.set_image(world.image("sidecar", "v2"), container="sidecar")
        await world.wait_upgraded()
        for pod in await world.pods():
            assert images(pod) == {"app": world.app("v2"), "sidecar": world.image("sidecar", "v2")}


def env(key, field="labels"):
    return {"name": "READ", "valueFrom": {"fieldRef": {"fieldPath": f"metadata.{field}['{key}']"}}}


async def reading(world, app, sidecar, **options):
    """The usual workload, whose containers read these keys into their env."""
    manifest = world.manifest("web", replicas=2, sidecar=world.image("sidecar", "v1"), **options)
    for container, read in zip(manifest["spec"]["template"]["spec"]["containers"], (app, sidecar), strict=True):
        container["env"] = [read] if read else []
    await world.create(manifest)


@core_by_turns
@pytest.mark.parametrize("field", [pytest.param("labels", marks=long), "annotations"])
async def test_only_what_reads_a_changed_key_starts_again(open_world, field):
    async with open_world() as world:
        await reading(world, env("example.com/tier", field), env("other", field))
        before = await world.pods()
        for value in ("1", "2", None):  # added, changed, removed
            await annotate_template(world, field, **{"example.com/tier": value})
            after = await world.pods()
            for old, new in zip(before, after, strict=True):
                assert_restarted(old, new, {"app"})
            before = after
        await annotate_template(world, field, unread="x")
        for old, new in zip(before, await world.pods(), strict=True):
            assert_restarted(old, new, set())


async def test_a_key_that_both_containers_read_restarts_both(open_world):
    async with open_world() as world:
        await reading(world, env("shared"), env("shared"))
        before = await world.pods()
        await annotate_template(world, "labels", shared="1")
        for old, new in zip(before, await world.pods(), strict=True):
            assert_restarted(old, new, {"app", "sidecar"})


async def test_a_volume_of_metadata_needs_no_restart(open_world):
    async with open_world() as world:
        source = {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}
        await world.create_web(replicas=2, spec={"volumes": [{"name": "m", "downwardAPI": source}]})
        before = await world.pods()
        await annotate_template(world, "labels", tier="1")
        for old, new in zip(before, await world.pods(), strict=True):
            assert_restarted(old, new, set())
            assert new.metadata.label("tier") == "1"


async def test_what_a_failed_upgrade_has_restarted_goes_back_with_its_env(open_world):
    async with open_world() as world:
        options = {"annotations": {"on-failure": "Rollback", "progress-deadline-seconds": "60"}}
        await reading(world, None, env("tier"), pod_labels={"tier": "1"}, **options)
        before = await world.pods()
        template = {
            "metadata": {"labels": {"tier": "2"}},
            "spec": {"containers": [{"name": "app", "image": world.app("crash")}]},
        }
        await world.patch({"spec": {"template": template}})
        await world.wait_phase("web", Phase.ROLLED_BACK, seconds=4 * world.patience)
        restarted = 0
        for old, new in zip(before, await world.pods(), strict=True):
            assert images(new)["app"] == world.app("v1")
            assert new.metadata.label("tier") == "1"
            assert containers(new)["sidecar"][1] == containers(old)["sidecar"][1]
            restarted += containers(new)["sidecar"][2] == 2
            assert containers(new)["sidecar"][2] in (0, 2)
        assert restarted, "a Pod was moved, and back"


@core_by_turns
async def test_chosen_containers_restart_together_or_one_after_the_other(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, sidecar=world.image("sidecar", "v1"))
        before = await world.pods()
        for request, chosen in (
            ("1 sidecar", {"sidecar"}),
            ("2 sidecar, app", {"app", "sidecar"}),
            ("3 sidecar > app", {"app", "sidecar"}),
            ("4", {"app", "sidecar"}),
            (None, set()),
        ):
            await annotate_template(world, **{RESTART: request})
            after = await world.pods()
            for old, new in zip(before, after, strict=True):
                assert_restarted(old, new, chosen)
                assert new.metadata.annotation(RESTART) == request
                assert switched(world, old, new) == BATCHES.get(request, [tuple(sorted(chosen))] if chosen else [])
            before = after
        # What was restarted is upgraded like anything else.
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()


def switched(world, old, new):
    """The containers that were patched between two states of a Pod, write by write, as the watch saw them."""
    seen = [one.pod for one in world.history.of(new.name)]
    versions = [one.metadata.resource_version for one in seen]
    between = seen[versions.index(old.metadata.resource_version) : versions.index(new.metadata.resource_version) + 1]
    pairs = ((images(before), images(after)) for before, after in itertools.pairwise(between))
    return [tuple(sorted(one for one in now if now[one] != was[one])) for was, now in pairs if was != now]


async def test_a_restart_of_a_container_that_is_not_there_is_refused_beforehand(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1, sidecar=world.image("sidecar", "v1"))
        before = await world.pods()
        for request, words in (("1 proxy", "those that can restart are: app, sidecar"), ("1 app >", "is not accepted")):
            await world.patch({"spec": {"template": {"metadata": {"annotations": {RESTART: request}}}}})
            status = await world.wait_phase("web", Phase.REFUSED)
            assert [one.code for one in status.reasons] == [ReasonCode.RestartNotSupported]
            assert words in status.reasons[0].message
        await annotate_template(world, **{RESTART: "2 app"})
        assert_restarted(before[0], (await world.pods())[0], {"app"})


@core_of_held
async def test_a_new_leader_goes_on_with_the_next_container(open_world):
    """It has no key yet that says what is left: that comes with the last one."""
    async with open_world() as world:
        await world.create_web(replicas=1, sidecar=world.image("sidecar", "v1"))
        (before,) = await world.pods()
        await world.patch({"spec": {"template": {"metadata": {"annotations": {RESTART: "1 app > sidecar"}}}}})
        await world.wait_pod(before.name, lambda one: images(one)["app"] != images(before)["app"], "in its first batch")
        await world.kill_controller()
        pod = await world.pod(before.name)
        record = records.read(pod)
        assert isinstance(record, Record)
        assert (record.batch, record.batches, pod.metadata.annotation(RESTART)) == (0, 2, None)
        await world.clock.sleep(3)
        await world.start_controller()
        await world.wait_upgraded()
        (after,) = await world.pods()
        assert_restarted(before, after, {"app", "sidecar"})
        assert switched(world, before, after) == [("app",), ("sidecar",)]


async def create_from(world, image, policy="IfNotPresent", **options):
    """The usual workload with this image."""
    manifest = workload(world.flavour, "web", image, **options)
    manifest["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = policy
    return await world.create(manifest)


async def move_on_node(world, registry, tag, to):
    """A tag means something else from now on, also where the Pods run: a Pod of somebody else has pulled it."""
    registry.move(tag, to)
    (pod, *_) = await world.pods()
    app = {"name": "app", "image": registry.app(tag), "imagePullPolicy": "Always"}
    spec = {"containers": [app], "nodeName": pod.spec.node_name, "terminationGracePeriodSeconds": 0}
    body = {"metadata": {"name": "other", "labels": {"app": "other"}}, "spec": spec}
    await world.client.create(resources.PODS, world.namespace, body, type=dict)
    other = await world.wait_pod("other", lambda one: one.ready, "ready")
    assert images_id(other) != images_id(pod)


def images_id(pod):
    return {one.name: one.image_id.rpartition("@")[2] for one in pod.status.container_statuses}


@core_by_turns
@with_registry
@pytest.mark.parametrize("times", [pytest.param(0, marks=long), 1, pytest.param(2, marks=long)])
async def test_a_tag_that_means_something_else_by_now_never_brings_another_version(open_world, times):
    """Whichever name of the image the container has by then."""
    async with open_world() as world, world.registry(fresh=True) as registry:
        registry.reachable(True)
        await create_from(world, registry.app("v1"), replicas=1)
        for at in range(times):
            await annotate_template(world, **{RESTARTED_AT: f"before {at}"})
        await move_on_node(world, registry, "v1", "v2")
        before = await world.pods()
        for at in range(3):
            await annotate_template(world, **{RESTARTED_AT: f"after {at}"})
            after = await world.pods()
            for old, new in zip(before, after, strict=True):
                assert_restarted(old, new, {"app"})
            before = after


@core_by_turns
async def test_an_image_by_digest_only_restarts_again_and_again(open_world):
    async with open_world() as world:
        image = f"{world.image('app', 'v1').rpartition(':')[0]}@{world.digest('app', 'v1')}"
        await create_from(world, image, replicas=1)
        before = await world.pods()
        for at in range(3):
            await annotate_template(world, **{RESTARTED_AT: str(at)})
            after = await world.pods()
            for old, new in zip(before, after, strict=True):
                assert_restarted(old, new, {"app"})
                assert images(new)["app"].endswith(world.digest("app", "v1"))
            before = after


@core_of_held
@with_registry
async def test_while_the_registry_is_away_no_container_that_asks_it_is_stopped(open_world):
    async with open_world() as world, world.registry(fresh=True) as registry:
        registry.reachable(True)
        await create_from(world, registry.app("v1"), policy="Always", replicas=2)
        before, began = await world.pods(), world.clock.monotonic()
        registry.reachable(False)
        await world.patch({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: "now"}}}}})
        status = await world.wait_phase("web", Phase.DEGRADED)
        assert status.failures[0].code == ReasonCode.ImagePull
        await world.clock.sleep(3)
        for old, new in zip(before, await world.pods(), strict=True):
            assert_restarted(old, new, set())
        assert world.history.most_unready(len(before), began) == 0
        registry.reachable(True)
        await world.wait_upgraded(seconds=4 * world.patience)
        for old, new in zip(before, await world.pods(), strict=True):
            assert_restarted(old, new, {"app"})


@core_of_held
async def test_a_new_image_and_env_from_a_label_are_one_restart(open_world):
    async with open_world() as world:
        await reading(world, env("tier"), env("tier"), pod_labels={"tier": "1"})
        before = await world.pods()
        changed = {"containers": [{"name": "app", "image": world.app("v2")}]}
        await world.patch({"spec": {"template": {"metadata": {"labels": {"tier": "2"}}, "spec": changed}}})
        await world.wait_upgraded()
        for old, new in zip(before, await world.pods(), strict=True):
            assert identity(new) == identity(old)
            assert (images(new)["app"], new.metadata.label("tier")) == (world.app("v2"), "2")
            assert all(count == 1 for _, _, count in containers(new).values())
