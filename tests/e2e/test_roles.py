"""The roles of manifests/users: with them a person can run the commands that they are for, without them not."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from inplace.cli.plan import NOT_ASKED
from inplace.cluster.watching import UNSEEN
from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from tests import audit
from tests.e2e.test_policies import run
from tests.scenarios import kinds
from tests.scenarios.real import inplace, kubectl
from tests.scenarios.test_budgets import budget
from tests.scenarios.test_sidecars import ON, PROXY, fleet, mesh

KINDS = pytest.mark.parametrize("flavour", kinds.ALL, ids=[one.name for one in kinds.ALL])
NO_NODES = f"note: cannot list nodes: {UNSEEN['nodes']}"
NO_DRY_RUN = f"note: cannot patch pods: {NOT_ASKED}"


def account(world, name):
    return f"system:serviceaccount:{world.namespace}:{name}"


def bind(world, kind, name, role):
    """By kubectl, as the manifests say that it is done; returns the binding's name."""
    made = f"{name}-{world.namespace}"
    who = f"--serviceaccount={world.namespace}:{name}"
    kubectl(world.cluster, "create", kind, made, f"--clusterrole={role}", who, "-n", world.namespace)
    return made


@contextlib.contextmanager
def bound_everywhere(world, name, role):
    made = bind(world, "clusterrolebinding", name, role)
    try:
        yield
    finally:
        kubectl(world.cluster, "delete", "clusterrolebinding", made)


class User:
    """A ServiceAccount with one ClusterRole in its namespace, or none."""

    def __init__(self, world, name, role=None):
        self.world, self.option = world, f"--as={account(world, name)}"
        kubectl(world.cluster, "create", "serviceaccount", name, "-n", world.namespace)
        if role is not None:
            bind(world, "rolebinding", name, role)

    async def does(self, *command, notes=(), code=0):
        """It works, and nothing but these notes stands on stderr; returns what was printed."""
        got, out, err = await inplace(self.world, *command, self.option)
        assert (got, sorted(err.splitlines())) == (code, sorted(notes)), (out, err)
        return out

    async def may_not(self, verb, *command):
        """It ends with a line that names the right that is missing."""
        code, out, err = await inplace(self.world, *command, self.option)
        last = err.splitlines()[-1]
        assert (code, out, last.startswith("error: "), f"cannot {verb} resource" in last) == (1, "", True, True), err

    async def may(self, verb, resource):
        """Wait until the server's authorizer has seen the binding."""
        asked = ["auth", "can-i", verb, resource, self.option, "-n", self.world.namespace]

        async def yes():
            done = await asyncio.to_thread(run, self.world, *asked)
            return done[0] == 0

        await self.world.until(yes, f"the right to {verb} {resource}")


@KINDS
async def test_an_operator_may_run_every_command_that_writes_and_a_viewer_none(open_world, flavour):
    async with open_world() as world:
        world.flavour, ref = flavour, f"{flavour.resource.plural}/web"
        await world.create_web(replicas=2, mode=None, annotations={"steps": "1"})
        viewer, operator = User(world, "viewer", "inplace-viewer"), User(world, "operator", "inplace-operator")
        await operator.may("patch", "statefulsets.apps")
        await viewer.may("list", "endpointslices.discovery.k8s.io")
        await viewer.may_not("patch", "enable", ref)
        await operator.does("enable", ref, notes=[NO_NODES])
        await world.set_image(world.app("v2"))
        if len(await world.pods()) > 1:  # a DaemonSet has one for the only node
            await world.wait_phase("web", Phase.AWAITING_PROMOTION)
            await viewer.may_not("patch", "promote", ref)
            await operator.does("promote", ref)
        await world.wait_upgraded()
        await world.annotate(**{"max-unavailable": "some"})
        await world.wait_phase("web", Phase.REFUSED)
        await world.kill_controller()  # so that the command itself has everything to write
        await viewer.may_not("patch", "disable", ref)
        before = len(writes(world))
        await operator.does("disable", ref, notes=[NO_NODES])
        assert await world.is_clean()
        told = ("patch", flavour.resource.plural, "status")  # its conditions, which a StatefulSet's controller drops
        assert (told in writes(world)[before:]) is (flavour is not kinds.STATEFULSET)


async def test_a_viewer_may_run_every_command_that_reads_and_nobody_else_any(open_world):
    async with open_world() as world:
        settings = {"pre-pull": "Never", "progress-deadline-seconds": "5"}
        await world.create_web(replicas=1, gate=False, annotations=settings)
        nobody, viewer = User(world, "nobody"), User(world, "viewer", "inplace-viewer")
        operator = User(world, "operator", "inplace-operator")
        await viewer.may("list", "endpointslices.discovery.k8s.io")
        plan, explain = ("plan", "sts/web", "--image", f"app={world.app('v2')}"), ("explain", world.nth(0))
        await viewer.does(*plan, code=2, notes=[NO_NODES, NO_DRY_RUN])
        await viewer.does("status", "sts/web")
        await viewer.does("status", "sts/web", "--watch", notes=[NO_NODES])
        await viewer.does(*explain, notes=[NO_NODES])
        for command in (plan, ("status", "sts/web"), explain, ("retry", "sts/web")):
            await nobody.may_not("get", *command)
        with bound_everywhere(world, "viewer", "inplace-viewer"):
            await viewer.may("get", "nodes")
            await viewer.does(*explain)
        await operator.does(*plan, code=2, notes=[NO_NODES])
        await world.set_image(world.app("none"))
        await world.wait_phase("web", Phase.DEGRADED)
        await viewer.may_not("patch", "retry", "sts/web")
        await operator.does("retry", "sts/web")


async def test_who_upgrades_sidecars_needs_its_own_role_and_no_more(open_world):
    async with open_world() as world, mesh(world) as give:
        await fleet(world, {"StatefulSet": 2})
        await budget(world, "all", {"matchLabels": ON}, maxUnavailable=1)
        viewer, user = User(world, "viewer", "inplace-viewer"), User(world, "mesher", "inplace-sidecars")
        await user.may("patch", "pods")
        await viewer.may("list", "endpointslices.discovery.k8s.io")
        await give("v2")
        command = ("sidecars", "-l", "mesh=on", "-c", PROXY, "--image", world.image("sidecar", "v2"), "--yes")
        code, _, err = await inplace(world, *command, viewer.option)
        assert (code, "cannot patch resource" in err.splitlines()[-1]) == (1, True), err
        not_asked = "note: cannot create pods: whether new Pods are given this image was not asked"
        before = len(writes(world))
        out = await user.does(*command, notes=[NO_NODES, not_asked])
        assert out.splitlines()[-1] == "2 of 2 Pods done"
        wanted = {("patch", "pods", ""), ("patch", "pods", "status"), ("patch", "poddisruptionbudgets", "status")}
        assert wanted <= set(writes(world)[before:])


@pytest.mark.long
async def test_an_operator_clears_away_what_an_interrupted_upgrade_left(open_world):
    """A closed gate and a pull Pod, with no controller to help: what the right to delete Pods is for."""
    async with open_world() as world, world.registry() as stalled:
        stalled.stall(True)  # so that the image is being pulled for as long as it takes
        settings = {"grace-period-seconds": "300", "pre-pull": "BestEffort"}
        await world.create_web(replicas=1, annotations=settings)
        operator = User(world, "operator", "inplace-operator")
        await operator.may("patch", "statefulsets.apps")
        await world.set_image(stalled.app("v2"))
        await world.wait_pod(world.nth(0), lambda pod: pod.condition(names.GATE).status == "False", "a closed gate")

        async def pulls():
            return bool(await world.helpers())

        async def no_more_pulls():
            return not await pulls()

        await world.until(pulls, "a pull Pod")
        await world.kill_controller()
        before = len(writes(world))
        code, _, err = await inplace(world, "disable", "sts/web", "--force", operator.option)
        stalled.stall(False)
        assert code == 0, err
        assert ("delete", "pods", "") in writes(world)[before:]
        await world.until(no_more_pulls, "the pull Pod to go")
        assert await world.is_clean()


def writes(world):
    """What commands and controllers of ours have written: verb, resource and subresource."""
    entries = audit.read(world.cluster.audit_log, world.namespace, "inplace/")
    return [(one.verb, one.object_ref.resource, one.object_ref.subresource) for one in entries if one.verb != "get"]


async def test_the_roles_of_kubernetes_itself_are_enough_but_to_disable(open_world):
    """So manifests/users adds nothing to them."""
    async with open_world() as world:
        await world.create_web(replicas=1, mode=None)
        viewer, editor = User(world, "viewer", "view"), User(world, "editor", "edit")
        await editor.may("patch", "statefulsets.apps")
        await viewer.may("list", "endpointslices.discovery.k8s.io")
        await editor.does("enable", "sts/web", notes=[NO_NODES])
        await world.set_image(world.app("v2"))
        await world.wait_upgraded()
        upgrade = ("plan", "sts/web", "--image", f"app={world.app('v1')}")
        await viewer.does(*upgrade, code=2, notes=[NO_NODES, NO_DRY_RUN])
        await viewer.does("explain", world.nth(0), notes=[NO_NODES])
        await world.kill_controller()
        await editor.may_not("patch", "disable", "sts/web")
        assert (await world.workload()).metadata.label(names.MODE) is None
        await world.start_controller()  # taking the label away is all that it takes then
        await world.until(world.is_clean, "nothing of ours on any object")
