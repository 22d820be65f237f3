"""`plan`, `status`, `diff` and the dry run as a user runs them against a real cluster."""

from __future__ import annotations

import asyncio
import json
import re

from inplace.core.objects import names
from tests.scenarios.real import PROGRAM, inplace
from tests.scenarios.world import identity


async def test_plan_says_what_would_happen_and_changes_nothing(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations={"max-unavailable": "2"})
        before = [(identity(pod), pod.metadata.resource_version) for pod in await world.pods()]
        code, out, err = await inplace(world, "plan", "sts/web", "--image", f"app={world.app('v2')}")
        assert (code, err) == (2, "")
        assert re.search(r"3 of 3 Pods change, 3 of them restart containers, at most 2 at a time, in 2 waves", out)
        assert next(line for line in out.splitlines() if "web-" in line).strip().startswith("1. web-2")
        assert [(identity(pod), pod.metadata.resource_version) for pod in await world.pods()] == before


async def test_plan_of_nothing_and_of_a_refusal(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1)
        code, out, _ = await inplace(world, "plan", "statefulset/web")
        assert code == 0
        assert "nothing to do" in out
        await world.annotate(paused="true")
        await world.patch({"spec": {"template": {"spec": {"hostname": "x"}}}})
        code, out, _ = await inplace(world, "plan", "sts/web", "-o", "json")
        assert code == 3
        assert json.loads(out)["refused"][0]["path"].endswith("hostname")


async def test_plan_shows_what_admission_refuses(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1)
        code, out, _ = await inplace(world, "plan", "sts/web", "--image", "app= spaced ")
        assert code == 3
        assert "AdmissionRejected" in out
        assert "image" in out


async def test_plan_of_bad_input(open_world):
    async with open_world(controller=False) as world:
        await world.create_web(replicas=1, mode=None, gate=False)
        for arguments, message in (
            (("web",), 'unknown workload type "web": expected sts, ds, deploy, rs, or TYPE/NAME'),
            (("sts/none",), f'statefulsets.apps "none" not found in namespace {world.namespace}'),
            (("sts/web", "--image", "app"), 'invalid --image "app": expected CONTAINER=IMAGE'),
            (("sts/web", "--image", "nope=x"), 'has no container "nope": expected one of app'),
            (("sts/web", "-f", "/does/not/exist"), "No such file"),
        ):
            code, out, err = await inplace(world, "plan", *arguments)
            assert code == 1, (arguments, out, err)
            assert message in err
            assert err.count("\n") == 1


async def test_status_waits_until_done(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        code, out, _ = await inplace(world, "status", "sts/web", "--timeout", "60s")
        assert code == 0
        assert "UpToDate: 2 Pods up to date" in out


async def test_status_watch_draws_the_tree(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2)
        await world.set_image(world.app("v2"))
        code, out, _ = await inplace(world, "status", "sts/web", "--watch", "--timeout", "60s")
        assert code == 0
        for text in ("statefulset/web: ", "web-0: Done", "web-1: Done", "app", "UpToDate: 2 Pods up to date"):
            assert text in out


async def test_status_of_a_refusal_a_failure_and_a_timeout(open_world):
    async with open_world() as world:
        # Longer than a kubelet takes for two failed pulls beside five other tests: the verdict is to be the pull's.
        await world.create_web(replicas=1, annotations={"progress-deadline-seconds": "40"})
        await world.patch({"spec": {"template": {"spec": {"hostname": "x"}}}})
        code, out, _ = await inplace(world, "status", "sts/web", "--timeout", "30s")
        assert code == 3
        assert "hostname" in out
        await world.patch({"spec": {"template": {"spec": {"hostname": None}}}})
        await world.annotate(paused="true")
        await world.set_image(world.app("missing"))
        code, _, err = await inplace(world, "status", "sts/web", "--for", "done", "--timeout", "3s")
        assert (code, err.count("\n")) == (124, 1)
        code, _, _ = await inplace(world, "status", "sts/web", "--timeout", "30s")
        assert code == 5, "it waits for a resume"
        await world.annotate(paused=None)
        code, out, _ = await inplace(world, "status", "sts/web", "--timeout", "60s")
        assert code == 4
        assert "web-0: ImagePull" in out


async def test_status_says_when_no_controller_answers(open_world):
    async with open_world(controller=False) as world:
        await world.create_web(replicas=1, gate=False, mode=None)
        await world.patch({"metadata": {"labels": {names.MODE: "InPlaceOnly"}}})
        code, _, err = await inplace(world, "status", "sts/web", "--timeout", "15s")
        assert code == 124
        assert "no controller has reported for 10s" in err


async def test_dry_run_writes_nothing_and_says_what_it_would(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, annotations={"pre-pull": "Never"})
        await world.kill_controller()
        await world.set_image(world.app("v2"))
        versions = [pod.metadata.resource_version for pod in await world.pods()]
        process = await asyncio.create_subprocess_exec(
            str(PROGRAM), "run", "--dry-run", "--listen", "off", "--watch-namespace", world.namespace,
            "--kubeconfig", str(world.cluster.kubeconfig),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout is not None
        seen = ""
        async with asyncio.timeout(30):
            while "PATCH pod/web-1/status" not in seen:
                seen += (await process.stdout.readline()).decode()
        process.terminate()
        assert await process.wait() == 0
        assert "would drain Pod web-1" in seen
        assert [pod.metadata.resource_version for pod in await world.pods()] == versions


async def test_explain_tells_a_pods_story(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        code, out, _ = await inplace(world, "explain", "pod/web-0")
        assert code == 0
        assert f"app: {world.app('v1')} -> {world.app('v2')}" in out
        assert "ImageChanged: a new container runs, and its imageID has changed" in out
        for step in (
            "attempt 1 started",
            "Killing",
            "container app started (restart 1)",
            "InPlaceUpdateReady became True",
        ):
            assert step in out
        await world.annotate(pre_pull="Never", progress_deadline_seconds="30")
        await world.set_image(world.app("missing"))
        await world.wait_pod("web-0", lambda pod: pod.spec.containers[0].image == world.app("missing"), "patched")
        code, out, _ = await inplace(world, "explain", "web-0", "-o", "json")
        found = json.loads(out)
        assert (code, found["pod"]["stage"], found["attempt"]) == (0, "Swapping", 2)
        assert found["pod"]["deadline"]
        code, _, err = await inplace(world, "explain", "no-such-pod")
        assert (code, "not found" in err) == (1, True)


async def test_many_at_once_named_by_labels_and_files(open_world, tmp_path):
    """Bulk, documents, a list by watches and a server's dry run, by the real server."""
    async with open_world() as world:
        await world.create_web(replicas=1, mode=None)
        await world.patch({"metadata": {"labels": {"tier": "front"}}})
        code, _, err = await inplace(world, "enable", "-l", "tier=front")
        assert (code, err.splitlines()[-1]) == (
            1,
            "error: nobody can be asked here whether to enable these: expected --yes",
        )
        code, out, err = await inplace(world, "enable", "-l", "tier=front", "--yes")
        assert (code, out.splitlines()[0]) == (0, "statefulset/web enabled (InPlaceOnly)"), err
        await world.wait_upgraded()
        watching = asyncio.create_task(inplace(world, "list", "-l", "tier=front", "-w", "--timeout", "12s"))
        await asyncio.sleep(3)
        before = (await world.workload()).metadata
        code, out, err = await inplace(world, "disable", "sts/web", "--dry-run=server")
        assert (code, out.splitlines()[0]) == (0, "statefulset/web disabled (server dry run)"), err
        after = (await world.workload()).metadata  # its version counts what others report of it too
        assert (after.generation, after.labels) == (before.generation, before.labels)
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        code, out, _ = await watching
        assert code == 0
        assert "UpToDate" in out.splitlines()[1]
        assert len(out.splitlines()) > 2, out
        path = tmp_path / "web.yaml"
        code, text, _ = await inplace(world, "history", "sts/web", "-o", "jsonpath={.items[*].images.app}")
        assert (code, text) == (0, f"{world.app('v1')} {world.app('v2')}")
        path.write_text(
            json.dumps({"kind": "StatefulSet", "metadata": {"name": "web"}, "spec": {"template": {"spec": {}}}})
        )
        code, out, _ = await inplace(world, "status", "-f", str(path), "-o", "name")
        assert (code, out) == (0, "statefulset.apps/web\n")
        code, out, _ = await inplace(world, "diff", "sts/web", "--revision", "1")
        assert (code, f"image app: {world.app('v1')} -> {world.app('v2')}" in out) == (2, True), out
        code, out, err = await inplace(world, "disable", "sts", "-l", "tier=front", "-y")
        assert (code, out.splitlines()[0]) == (0, "statefulset/web disabled"), err
