"""`inplace restart`: by the controller, and by the user's own rights."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from msgspec.structs import replace

from inplace.cli import restart
from inplace.cli.rights import NEEDS, Right
from inplace.cluster.single import Single
from inplace.core.objects import aliases, names
from inplace.core.objects.model import Pod
from inplace.core.objects.workloads import Workload
from inplace.core.settings.annotations import Settings
from inplace.core.state import records
from inplace.core.state.records import Author, PodPhase, Record
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.resource import Resource
from tests.commands.conftest import NAMESPACE
from tests.scenarios import manifests

#: A command that goes wrong does not keep the tests.
SOON = ("--timeout", "15s")
API = "admissionregistration.k8s.io"


@asynccontextmanager
async def without_digests(shop):
    """A policy that rejects images with a digest in Pods that live."""
    policy = Resource(API, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False)
    binding = Resource(
        API, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False
    )
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods"]}
    rejected = {"expression": "object.spec.containers.all(c, !c.image.contains('@'))", "message": "no digests, please"}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [rejected]}
    where = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}}
    bound = {"policyName": "ours", "matchResources": where, "validationActions": ["Deny"]}
    await shop.client.create(policy, None, {"metadata": {"name": "ours"}, "spec": spec}, type=dict)
    await shop.client.create(binding, None, {"metadata": {"name": "ours"}, "spec": bound}, type=dict)
    yield
    await shop.client.delete(binding, "ours")


def container(pod, name="app"):
    status = pod.container_status(name)
    return status.container_id, status.image_id, status.restart_count


def assert_restarted(before, after, name="app"):
    assert after.uid == before.uid
    assert container(after, name)[0] != container(before, name)[0]
    assert container(after, name)[1:] == (container(before, name)[1], container(before, name)[2] + 1)


async def test_a_workload_is_restarted_by_the_controller(shop):
    async with shop.controller():
        await shop.create_ready(2)
        await shop.reported("UpToDate")
        before = [await shop.pod(f"web-{number}") for number in range(2)]
        dry = await shop.inplace("restart", "sts/web", "--dry-run=server")
        asked = await shop.inplace("restart", "sts/web")
        done = await shop.inplace("status", "sts/web", "--timeout", "20s")
        after = [await shop.pod(f"web-{number}") for number in range(2)]
    assert dry.out == "statefulset/web: restart requested (server dry run)\n"
    assert (asked.code, asked.out, done.code) == (0, "statefulset/web: restart requested\n", 0)
    for old, new in zip(before, after, strict=True):
        assert_restarted(old, new)


async def test_chosen_containers_of_a_workload_are_restarted_by_the_controller(shop):
    async with shop.controller():
        await shop.create_ready(1, sidecar="shop:v2")
        await shop.reported("UpToDate")
        before = await shop.pod("web-0")
        asked = await shop.inplace("restart", "sts/web", "-c", "sidecar")
        await shop.until(lambda: is_observed(shop), "the StatefulSet controller to have seen it")
        planned = await shop.inplace("plan", "sts/web")
        done = await shop.inplace("status", "sts/web", "--timeout", "20s")
        one = await shop.pod("web-0")
        both = await shop.inplace("restart", "sts/web", "--ordered")
        again = await shop.inplace("status", "sts/web", "--timeout", "20s")
        after = await shop.pod("web-0")
    assert (asked.code, done.code, both.code, again.code) == (0, 0, 0, 0), (asked, done, both, again)
    assert planned.code == 2
    assert_restarted(before, one, "sidecar")
    assert container(one) == container(before)
    assert_restarted(one, after)
    assert_restarted(one, after, "sidecar")
    assert (after.metadata.annotation(names.RESTART) or "").endswith(" app > sidecar")


@pytest.mark.parametrize("mode", ["InPlaceOnly", None])
async def test_a_pod_is_restarted_by_its_users_rights_opted_in_or_not(shop, mode):
    async with shop.controller():
        await shop.create_ready(2, mode=mode)
        before, other = await shop.pod("web-0"), await shop.pod("web-1")
        done = await shop.inplace("restart", "pod/web-0", *SOON)
        after = await shop.pod("web-0")
        await asyncio.sleep(0.5)
        assert container(await shop.pod("web-1")) == container(other)
    assert done.code == 0, done
    assert done.out.splitlines()[-1] == "pod/web-0 restarted: app (ExpectedDigest)"
    assert_restarted(before, after)
    assert after.is_true(names.GATE)
    assert aliases.is_alias(after.spec.containers[0].image, "shop:v1")


async def test_who_wants_nothing_kept_has_nothing_left(shop):
    async with shop.controller():
        await shop.create_alone("lonely")
        done = await shop.inplace("restart", "pod/lonely", "--keep", "0s", *SOON)
        await shop.until(lambda: _is_cleared(shop, "lonely"), "the record to be taken away")
    assert done.code == 0, done


@pytest.mark.parametrize("owner", ["workload", "nobody"])
async def test_what_became_of_it_can_be_read_for_a_while(shop, owner):
    """Where nothing is opted in; then the controller takes it away."""
    async with shop.controller():
        if owner == "workload":
            await shop.create_ready(1, mode=None)
            name = "web-0"
        else:
            name = "lonely"
            await shop.create_alone(name)
        done = await shop.inplace("restart", f"pod/{name}", "--keep", "4s", *SOON)
        told = await shop.inplace("explain", f"pod/{name}")
        record = records.read(await shop.pod(name))
        await shop.until(lambda: _is_cleared(shop, name), "the record to be taken away")
        after = await shop.inplace("explain", f"pod/{name}")
    assert done.code == 0, done
    assert isinstance(record, Record)
    assert (record.by, record.phase, record.is_result) == (Author.COMMAND, PodPhase.DONE, True)
    assert "Done, Ready" in told.out
    assert "ExpectedDigest: a new container runs with the expected digest" in told.out
    assert "attempt 1 started: a restart, by a command" in told.out
    assert "what became of the restart is kept until then" in told.out
    assert "by a command" not in after.out
    assert after.code == (0 if owner == "workload" else 1)


async def _is_cleared(shop, name):
    return records.read(await shop.pod(name)) is None


async def test_without_a_controller_and_again(shop):
    """From its tag to two names by digest, by turns."""
    await shop.create_ready(1, gate=False, mode=None)
    by_digest = (f"shop:v1@sha256:{'1' * 64}", f"shop@sha256:{'1' * 64}")
    for expected in (*by_digest, by_digest[0]):
        before = await shop.pod("web-0")
        done = await shop.inplace("restart", "pod/web-0", *SOON)
        after = await shop.pod("web-0")
        assert done.code == 0, done
        assert_restarted(before, after)
        assert after.spec.containers[0].image == expected


async def test_chosen_containers_in_their_order(shop):
    async with shop.controller():
        await shop.create_ready(1, sidecar="shop:v2")
        before = await shop.pod("web-0")
        one = await shop.inplace("restart", "po/web-0", "-c", "sidecar", *SOON)
        first = await shop.pod("web-0")
        both = await shop.inplace("restart", "po/web-0", "--ordered", *SOON)
        second = await shop.pod("web-0")
    assert (one.code, both.code) == (0, 0), (one, both)
    assert_restarted(before, first, "sidecar")
    assert container(first) == container(before)
    assert [line for line in both.out.splitlines() if "restarted:" in line] == [
        "pod/web-0 restarted: app (ExpectedDigest)",
        "pod/web-0 restarted: sidecar (ExpectedDigest)",
    ]
    assert_restarted(first, second, "sidecar")
    assert_restarted(first, second)


async def test_without_the_right_to_drain_it_says_so_and_restarts(shop):
    async with shop.controller():
        await shop.create_ready(1, mode=None)
        before = await shop.pod("web-0")
        shop.denied = lambda request: request.plural == "pods" and request.subresource == "status"
        done = await shop.inplace("restart", "pod/web-0", *SOON)
        after = await shop.pod("web-0")
    assert done.code == 0, done
    assert "note: pods/status may not be written (role inplace-operator): it restarts without a drain" in done.out
    assert "opening the gate" not in done.out, "it was not closed"
    assert_restarted(before, after)
    needs = NEEDS["restart pod/NAME"]
    assert Right("", "pods/status", "patch") in set(needs.optional) - set(needs.required), "so it is not needed"


async def test_what_cannot_be_restarted_is_refused(shop):
    async with shop.controller():
        await shop.create_ready(1)
        await shop.reported("UpToDate")
        for arguments, said in (
            (("pod/web-0", "-c", "none"), "pod/web-0 has no container none that can restart: expected app"),
            (("sts/web", "-c", "none"), "the template has no container none that can restart: expected app"),
            (("sts/web", "--grace-period", "5s"), "expected nothing but -c, --ordered and --dry-run, or pod/NAME"),
            (("pod/web-0", "--timeout", "5s", "--grace-period", "5s"), "together must be less than --timeout (5s)"),
            (("pod/",), 'unknown Pod "pod/": expected pod/NAME'),
        ):
            done = await shop.inplace("restart", *arguments)
            assert (done.code, done.out) == (1, ""), done
            assert said in done.err
        dry = await shop.inplace("restart", "pod/web-0", "--dry-run=server")
        assert dry.out == "pod/web-0: app would restart (server dry run)\n"


async def test_a_command_that_dies_leaves_nothing_closed(shop):
    """Its record says until when the Pod is its own; then the controller opens the gate."""
    async with shop.controller():
        await shop.create_ready(2)
        await shop.reported("UpToDate")
        pod = await shop.pod("web-0")
        now = shop.client.clock.now()
        record = Record(
            v=1, workload=(await shop.workload()).metadata.uid, attempt=1, phase=PodPhase.DRAINING,
            base=pod.metadata.labels[names.REVISION_LABEL], target=pod.metadata.labels[names.REVISION_LABEL],
            started_at=now, deadline=now.replace(microsecond=0), by=Author.COMMAND,
        )  # fmt: skip
        record = replace(record, deadline=record.deadline.fromtimestamp(now.timestamp() + 3, tz=now.tzinfo))
        conditions = [{"type": names.GATE, "status": "False", "reason": "Draining"}]
        body = {
            "metadata": {"annotations": {names.STATE: records.encode(record)}},
            "status": {"conditions": conditions},
        }
        where = (resources.PODS, "web-0", NAMESPACE)
        await shop.client.patch(*where, body, patch_type=PatchType.STRATEGIC, subresource="status", type=Pod)
        explained = await shop.inplace("explain", "web-0")
        closed = await shop.pod("web-0")
        await shop.until(lambda: is_open(shop), "the gate to be open")
        left = records.read(await shop.pod("web-0"))
        await shop.reported("UpToDate")
        status = await shop.inplace("status", "sts/web", "--timeout", "5s")
    assert not closed.is_true(names.GATE)
    assert "ByCommand" in explained.out
    assert left is None, "nothing has failed, for nothing was changed"
    assert status.code == 0, status


async def is_open(shop):
    return (await shop.pod("web-0")).is_true(names.GATE)


async def is_closed(shop):
    return not await is_open(shop)


async def is_observed(shop):
    found = await shop.client.get(resources.STATEFULSETS, "web", NAMESPACE, type=Workload)
    return found.status.observed_generation == found.metadata.generation


async def test_a_container_that_asks_its_registry_first_is_not_stopped_untold(shop):
    """While that is away it would not start again, and nobody has tried it: refused, unless told to."""
    body = manifests.statefulset("web", "shop:v1", replicas=1, mode=None, gate=False)
    body["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    await shop.client.create(resources.STATEFULSETS, NAMESPACE, body, type=dict)
    await shop.until(lambda: shop._are_ready(1), "the Pod to be Ready")
    before = await shop.pod("web-0")
    for dry in ((), ("--dry-run=server",), ("--dry-run=client",)):
        done = await shop.inplace("restart", "pod/web-0", *dry)
        assert (done.code, done.out) == (3, ""), done
        assert "error: pod/web-0: app cannot restart: RestartAsksRegistry: " in done.err
        assert "(--ask-registry restarts it all the same)" in done.err
    assert await shop.pod("web-0") == before
    done = await shop.inplace("restart", "pod/web-0", "--ask-registry", *SOON)
    assert done.code == 0, done
    assert_restarted(before, await shop.pod("web-0"))


async def test_what_admission_rejects_is_refused_before_the_pod_is_drained(shop):
    async with shop.controller():
        await shop.create_ready(1)
        await shop.reported("UpToDate")
        before = await shop.pod("web-0")
        async with without_digests(shop):
            done = await shop.inplace("restart", "pod/web-0", *SOON)
        after = await shop.pod("web-0")
    assert done.code == 3, done
    assert "AdmissionRejected" in done.err
    assert "no digests, please" in done.err
    assert after == before, "it was not taken out of service for it"


async def test_what_admission_rejects_in_the_middle_puts_the_pod_back_into_service(shop):
    """The policy comes when the Pod is drained; a dry run was accepted before."""
    async with shop.controller():
        await shop.create_ready(1)
        await shop.reported("UpToDate")
        before = await shop.pod("web-0")
        task = asyncio.create_task(shop.inplace("restart", "pod/web-0", "--grace-period", "4s", *SOON))
        await shop.until(lambda: is_closed(shop), "the gate to be closed")
        async with without_digests(shop):
            done = await task
        await shop.until(lambda: is_open(shop), "the gate to be open")
        after = await shop.pod("web-0")
    assert done.code == 3, done
    assert "no digests, please" in done.err
    assert container(after) == container(before)
    assert records.read(after) is None


async def test_the_stop_of_the_old_container_is_not_counted_in_the_time_limit(shop):
    """It runs its preStop hook for longer than everything else may take."""
    hook = {"preStop": {"sleep": {"seconds": 4}}}
    async with shop.controller():
        await shop.create_ready(1, mode=None, lifecycle=hook, spec={"terminationGracePeriodSeconds": 10})
        before = await shop.pod("web-0")
        done = await shop.inplace("restart", "pod/web-0", "--timeout", "2s")
        after = await shop.pod("web-0")
    assert done.code == 0, done
    assert_restarted(before, after)


# --- it is over when the Pod serves


async def _readiness(shop, seen):
    """Note when a Pod is, or is no more, Ready."""
    while True:
        for name in ("web-0", "web-1"):
            ready = (await shop.pod(name)).ready
            if not seen or seen[-1] != (name, ready):
                earlier = next((one for one in reversed(seen) if one[0] == name), None)
                if earlier is None or earlier[1] != ready:
                    seen.append((name, ready))
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("gate", [True, False])
async def test_a_pod_has_been_ready_for_as_long_as_was_asked_when_the_command_ends(shop, gate):
    async with shop.controller():
        await shop.create_ready(1, mode=None, gate=gate)
        done = await shop.inplace("restart", "pod/web-0", "--min-started", "3s", *SOON)
        after, now = await shop.pod("web-0"), shop.client.clock.now()
    assert done.code == 0, done
    assert after.ready
    started = after.container_status("app").state.running.started_at
    assert (now - started).total_seconds() >= 3
    if gate:
        assert (now - after.condition("Ready").since).total_seconds() >= 3
        assert "  Ready for less than 3 s (--min-started)" in done.out.splitlines()
    assert ("opening the gate" in done.out) == gate
    assert "min-ready-seconds" not in done.out


async def test_the_next_pod_begins_when_the_one_before_serves(shop):
    async with shop.controller():
        await shop.create_ready(2, mode=None)
        seen = []
        watch = asyncio.create_task(_readiness(shop, seen))
        done = await shop.inplace("restart", "pod/web-0", "pod/web-1", "--min-started", "2s", *SOON)
        both = await shop.pod("web-0"), await shop.pod("web-1")
        watch.cancel()
    assert done.code == 0, done
    assert all(pod.ready for pod in both), "none is left out of service when it ends"
    moves = [("web-0", False), ("web-0", True), ("web-1", False), ("web-1", True)]
    assert [one for one in seen if one in moves][-4:] == moves


async def test_a_pod_that_goes_before_it_has_served_for_as_long_is_an_error(shop):
    """Its containers were new, and its record is done."""
    async with shop.controller():
        await shop.create_ready(1, mode=None)
        task = asyncio.create_task(shop.inplace("restart", "pod/web-0", "--min-started", "60s", "--timeout", "61s"))
        await shop.until(lambda: _is_done(shop), "the record to be done")
        still = not task.done()
        await shop.client.delete(resources.PODS, "web-0", NAMESPACE)
        done = await task
    assert still
    assert done.code == 1, done
    assert "pod/web-0 is gone, or was replaced by another of its name" in done.err


async def _is_done(shop):
    record = records.read(await shop.pod("web-0"))
    return isinstance(record, Record) and record.phase is PodPhase.DONE


# --- what another command has begun


async def _begun(shop, *containers):
    """A command that dies as soon as its record says Swapping; returns the Pod before."""
    before = await shop.pod("web-0")
    asked = await restart.asked(shop.client, before, containers, Settings(progress_deadline_seconds=60))
    single = Single(shop.client, NAMESPACE, "web-0", before.uid, asked, say=lambda _: None)
    task = asyncio.create_task(single.run())
    await shop.until(lambda: _is_swapping(shop), "the record to say Swapping")
    task.cancel()
    await asyncio.wait([task])
    return before


async def _is_swapping(shop):
    record = records.read(await shop.pod("web-0"))
    return isinstance(record, Record) and record.phase is PodPhase.SWAPPING


async def test_a_restart_of_other_containers_is_ended_first_and_is_not_taken_for_ones_own(shop):
    await shop.create_ready(1, gate=False, mode=None, sidecar="shop:v2")
    before = await _begun(shop, "sidecar")
    done = await shop.inplace("restart", "pod/web-0", "-c", "app", *SOON)
    after = await shop.pod("web-0")
    assert done.code == 0, done
    assert "  a restart of sidecar by another command, begun at 20" in done.out
    assert "is under way: it is ended first" in done.out
    assert done.out.splitlines()[-1] == "pod/web-0 restarted: app (ExpectedDigest)"
    assert_restarted(before, after, "app")
    assert_restarted(before, after, "sidecar")


async def test_the_same_restart_called_again_goes_on_and_restarts_once(shop):
    await shop.create_ready(1, gate=False, mode=None, sidecar="shop:v2")
    before = await _begun(shop, "app", "sidecar")
    done = await shop.inplace("restart", "pod/web-0", *SOON)
    after = await shop.pod("web-0")
    assert done.code == 0, done
    assert "is under way: going on with it" in done.out
    assert done.out.splitlines()[-1] == "pod/web-0 restarted: app (ExpectedDigest), sidecar (ExpectedDigest)"
    assert_restarted(before, after, "app")
    assert_restarted(before, after, "sidecar")


@pytest.mark.parametrize("days", [0, 30])
async def test_a_forged_record_of_a_restart_restarts_nothing_in_its_place(shop, days):
    """Whoever may annotate the Pod has written it: without containers, or with a deadline that no command has."""
    async with shop.controller():
        await shop.create_ready(1)
        await shop.reported("UpToDate")
        pod, now = await shop.pod("web-0"), shop.client.clock.now()
        revision = pod.metadata.labels[names.REVISION_LABEL]
        forged = Record(
            v=1, workload=(await shop.workload()).metadata.uid, attempt=9, phase=PodPhase.SWAPPING, base=revision,
            target=revision, started_at=now, deadline=now + timedelta(days=days, minutes=10), by=Author.COMMAND,
        )  # fmt: skip
        body = {"metadata": {"annotations": {names.STATE: records.encode(forged)}}}
        await shop.client.patch(resources.PODS, "web-0", NAMESPACE, body, patch_type=PatchType.STRATEGIC, type=Pod)
        if days:
            await shop.until(lambda: _is_over(shop), "the controller to end it")
        done = await shop.inplace("restart", "pod/web-0", *SOON)
        after = await shop.pod("web-0")
    assert done.code == 0, done
    assert done.out.splitlines()[-1] == "pod/web-0 restarted: app (ExpectedDigest)"
    assert_restarted(pod, after)


async def _is_over(shop):
    record = records.read(await shop.pod("web-0"))
    return isinstance(record, Record) and not record.in_flight


async def test_nobody_holds_a_pod_for_longer_than_anybody_waits(shop):
    for words in (
        ("restart", "pod/web-0", "--timeout", "25h"),
        ("sidecars", "-l", "app=web", "-c", "app", "--image", "shop:v2", "--progress-deadline", "25h"),
    ):
        done = await shop.inplace(*words)
        assert (done.code, done.out) == (1, ""), done
        assert f"{words[-2]} 90000s is not accepted: expected " in done.err
        assert "s to 21600s" in done.err


async def test_containers_are_restarted_in_the_order_in_which_they_are_named(shop):
    await shop.create_ready(1, gate=False, mode=None, sidecar="shop:v2")
    done = await shop.inplace("restart", "pod/web-0", "-c", "sidecar", "-c", "app", "--ordered", *SOON)
    assert done.code == 0, done
    assert [line for line in done.out.splitlines() if " restarted: " in line] == [
        "pod/web-0 restarted: sidecar (ExpectedDigest)",
        "pod/web-0 restarted: app (ExpectedDigest)",
    ]
    await shop.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
    asked = await shop.inplace("restart", "sts/web", "-c", "sidecar", "-c", "app", "--ordered")
    assert asked.code == 0, asked
    template = (await shop.workload()).spec.template
    assert " sidecar > app" in bytes(template).decode()


# --- when it cannot go on


async def test_a_server_that_is_away_for_a_while_is_waited_for_once_it_has_begun(shop):
    """The Pod is out of service by then, and stays so until the deadline if the command just ends."""
    async with shop.controller():
        await shop.create_ready(1, mode=None)
        before = await shop.pod("web-0")
        words = ("restart", "pod/web-0", "--grace-period", "2s", "--timeout", "60s", "--request-timeout", "2s")
        task = asyncio.create_task(shop.inplace(*words))
        await shop.until(lambda: is_closed(shop), "the gate to be closed")
        shop.broken = lambda request: request.verb != "watch"
        await asyncio.sleep(8)  # longer than one request is tried
        shop.broken = lambda request: False
        done = await task
        after = await shop.pod("web-0")
    assert done.code == 0, done
    assert "  note: " in done.out
    assert "; trying again until 20" in done.out
    assert_restarted(before, after)


async def test_a_server_that_stays_away_ends_it_and_what_is_left_is_told(shop):
    async with shop.controller():
        await shop.create_ready(1, mode=None)
    task = asyncio.create_task(shop.inplace("restart", "pod/web-0", "--grace-period", "1s", "--timeout", "4s"))
    await shop.until(lambda: is_closed(shop), "the gate to be closed")
    shop.broken = lambda request: request.verb != "watch"
    done = await task
    assert done.code == 1, done
    assert "warning: pod/web-0 is left out of service until 20" in done.err
    assert "then a controller ends it, or the same command, called again, goes on" in done.err


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
async def test_a_command_that_is_told_to_end_puts_the_pod_back(shop, name):
    """A job that is cancelled, a terminal that is closed: not only Ctrl-C."""
    async with shop.controller():
        await shop.create_ready(1, mode=None)
        before = await shop.pod("web-0")
        words = ("restart", "pod/web-0", "--grace-period", "60s", "--kubeconfig", str(shop.kubeconfig))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "inplace", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        await shop.until(lambda: is_closed(shop), "the gate to be closed")
        process.send_signal(getattr(signal, name))
        async with asyncio.timeout(20):
            _, err = await process.communicate()
        after = await shop.pod("web-0")
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert after.is_true(names.GATE)
    assert records.read(after) is None
    assert container(after) == container(before)
