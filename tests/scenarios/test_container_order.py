"""The setting `container-order`: batches inside a Pod."""

from __future__ import annotations

import itertools

from inplace.cluster.key import Key
from inplace.cluster.live import Live
from inplace.core.objects import names
from inplace.core.objects.reasons import ReasonCode
from inplace.core.pod.prediction import Fate
from inplace.core.state import records
from inplace.core.state.statuses import Phase
from inplace.core.views.forecast import Verdict, forecast
from tests.scenarios.markers import core_by_turns, core_of_held, kinds

ORDER = {"container-order": "third > app > sidecar"}


def images(world, tag):
    """The images of the three containers, each in this version."""
    return {"app": world.app(tag), "sidecar": world.image("sidecar", tag), "third": world.image("sidecar", tag)}


def third(world):
    """Another container, on a port of its own."""
    port = {"name": "third", "image": world.image("sidecar", "v1"), "imagePullPolicy": "IfNotPresent"}
    return {**port, "command": ["sh", "-c", "trap 'exit 0' TERM INT; sleep 86400 & wait $!"]}


async def create(world, **options):
    """A workload of Pods with three containers."""
    body = world.manifest("web", sidecar=world.image("sidecar", "v1"), **options)
    body["spec"]["template"]["spec"]["containers"].append(third(world))
    return await world.create(body)


async def change(world, wanted):
    """Set the images of several containers in one write."""
    containers = [{"name": name, "image": image} for name, image in wanted.items()]
    await world.patch({"spec": {"template": {"spec": {"containers": containers}}}})


def swaps(world, name):
    """The names of containers whose image changed, as the watch saw them, in order."""
    found = []
    for before, after in itertools.pairwise(world.history.of(name)):
        old, new = ({one.name: one.image for one in seen.pod.spec.containers} for seen in (before, after))
        found += [tuple(sorted(one for one in new if new[one] != old.get(one)))] if new != old else []
    return found


def ids(pod):
    return {status.name: status.container_id for status in pod.status.container_statuses}


@core_by_turns
async def test_containers_are_swapped_one_after_another_each_when_the_one_before_is_ready(open_world):
    async with open_world() as world:
        await create(world, replicas=1, annotations=ORDER)
        (pod,) = await world.pods()
        await change(world, images(world, "v2"))
        await world.wait_upgraded()
        assert swaps(world, pod.name) == [("third",), ("app",), ("sidecar",)]
        states = [seen.pod for seen in world.history.of(pod.name)]
        for earlier, later in (("third", "app"), ("app", "sidecar")):
            old, wanted = ids(pod)[earlier], images(world, "v2")[later]
            swapped = next(one for one in states if one.container(later).image == wanted)
            status = swapped.container_status(earlier)
            assert status.container_id != old, f"{later} was patched before {earlier} was swapped"
            assert status.ready, f"{later} was patched before {earlier} was ready"
        found = await world.pod(pod.name)
        assert [status.restart_count for status in found.status.container_statuses] == [1, 1, 1]
        assert found.uid == pod.uid


@core_by_turns
async def test_what_is_said_of_the_kubelet_between_two_batches_is_what_it_does(open_world):
    """Whenever one looks: what is said to restart does so after that, and nothing else does."""
    async with open_world() as world:
        await create(world, replicas=1, annotations=ORDER)
        (before,) = await world.pods()
        live, looks = Live(world.client, Key(world.flavour.name, world.namespace, "web")), []

        async def over() -> bool:
            await live.load()
            [pod] = live.snapshot().pods
            [planned] = forecast(live.snapshot(), world.clock.now()).pods
            looks.append((pod, planned))
            return planned.revision != before_revision and planned.verdict is Verdict.UP_TO_DATE

        await live.load()
        before_revision = forecast(live.snapshot(), world.clock.now()).pods[0].revision
        await change(world, {**images(world, "v2"), "sidecar": world.image("sidecar", "v1")})
        await world.until(over, "it to be upgraded", 3 * world.patience)
        last = ids(await world.pod(before.name))
        midway = 0
        for pod, planned in looks:
            if planned.prediction is None or planned.verdict is not Verdict.IN_PROGRESS:
                continue
            fates = planned.prediction.fates
            wrong = [
                f"{name} {fate}"
                for name, fate in fates.items()
                if (fate in (Fate.RESTARTS, Fate.STARTS)) is not (last[name] != ids(pod)[name])
            ]
            record = records.read(pod)
            assert not wrong, f"said while {record.phase}, batch {record.batch} of {record.batches}: {wrong}"
            midway += Fate.RESTARTED in fates.values()
        assert midway, "nobody looked between the batches"


@core_of_held
async def test_what_restarts_for_its_env_does_so_at_its_place_in_the_order(open_world):
    async with open_world() as world:
        body = world.manifest("web", replicas=1, sidecar=world.image("sidecar", "v1"), annotations=ORDER)
        source = {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}
        reader = {**third(world), "env": [{"name": "TIER", "valueFrom": source}]}
        body["spec"]["template"]["spec"]["containers"].append(reader)
        body["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "20m"}}
        await world.create(body)
        (pod,) = await world.pods()
        wanted = {name: image for name, image in images(world, "v2").items() if name != "third"}
        containers = [{"name": name, "image": image} for name, image in wanted.items()]
        containers[0]["resources"] = {"requests": {"cpu": "30m"}}
        template = {"metadata": {"labels": {"tier": "2"}}, "spec": {"containers": containers}}
        await world.patch({"spec": {"template": template}})
        await world.wait_upgraded()
        assert swaps(world, pod.name) == [("third",), ("app",), ("sidecar",)]
        states = [seen.pod for seen in world.history.of(pod.name)]
        told = next(one for one in states if one.metadata.label("tier") == "2")
        assert told.container("app").resources.requests["cpu"] == "30m", "its size first, which restarts nothing"
        assert told.container("third").image != pod.container("third").image, "with the patch that restarts its reader"
        swapped = next(one for one in states if one.container("app").image == wanted["app"])
        assert swapped.container_status("third").container_id != ids(pod)["third"], "and not before it runs again"
        found = await world.pod(pod.name)
        assert [status.restart_count for status in found.status.container_statuses] == [1, 1, 1]


@kinds("StatefulSet", "DaemonSet", "Deployment", because="no spec has the template that a bare ReplicaSet had before")
@core_of_held
async def test_a_batch_that_fails_stops_the_rest_and_a_rollback_turns_back_what_was_swapped(open_world):
    async with open_world() as world:
        settings = {**ORDER, "on-failure": "Rollback", "pre-pull": "Never", "progress-deadline-seconds": "60"}
        await create(world, replicas=1, annotations=settings)
        await world.wait_phase("web", Phase.UP_TO_DATE)
        (pod,) = await world.pods()
        await change(world, {**images(world, "v2"), "app": world.app("crash")})
        await world.wait_phase("web", Phase.ROLLED_BACK, 3 * world.patience)
        found = {name for batch in swaps(world, pod.name) for name in batch}
        assert found == {"third", "app"}, "the last batch was never begun"
        now = await world.pod(pod.name)
        assert {one.name: one.image for one in now.spec.containers} == images(world, "v1")
        assert ids(now)["sidecar"] == ids(pod)["sidecar"]


@core_of_held
async def test_a_template_that_changes_between_two_batches_loses_nothing(open_world):
    async with open_world() as world:
        await create(world, replicas=1, annotations=ORDER)
        (pod,) = await world.pods()
        await change(world, images(world, "v2"))
        wanted = images(world, "v2")["third"]
        await world.wait_pod(pod.name, lambda one: one.container("third").image == wanted, "in its first batch")
        final = {**images(world, "v2"), "app": world.app("v3")}
        await change(world, {"app": final["app"]})
        await world.wait_upgraded()
        now = await world.pod(pod.name)
        assert {one.name: one.image for one in now.spec.containers} == final
        assert now.uid == pod.uid


@core_of_held
async def test_a_new_leader_goes_on_with_the_next_batch(open_world):
    async with open_world() as world:
        await create(world, replicas=1, annotations=ORDER)
        (pod,) = await world.pods()
        await change(world, images(world, "v2"))
        wanted = images(world, "v2")["third"]
        await world.wait_pod(pod.name, lambda one: one.container("third").image == wanted, "in its first batch")
        await world.kill_controller()
        record = records.read(await world.pod(pod.name))
        assert (record.batch, record.batches) == (0, 3)
        await world.clock.sleep(3)
        await world.start_controller()
        await world.wait_upgraded()
        assert swaps(world, pod.name) == [("third",), ("app",), ("sidecar",)]


@kinds("StatefulSet", because="it is about what the setting says, not about kinds")
async def test_a_name_that_no_container_has_is_refused_by_name(open_world):
    async with open_world() as world:
        await create(world, replicas=1)
        await world.annotate(container_order="proxy > app")
        early = await world.wait_phase("web", Phase.REFUSED)
        await world.until(lambda: is_labelled(world, Phase.REFUSED), "labelled before anything is to change")
        await change(world, {"app": world.app("v2")})
        status = await world.wait_phase("web", Phase.REFUSED)
        for said in (early, status):
            (reason,) = said.reasons
            assert reason.code == ReasonCode.SettingInvalid
            assert "proxy" in reason.message
        await world.annotate(container_order="app > third")
        await world.wait_upgraded()


async def is_labelled(world, phase):
    return (await world.workload()).metadata.label(names.PHASE) == phase
