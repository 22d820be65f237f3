"""The roles of manifests/users: with them a person can run the commands that they are for, without them not."""

from __future__ import annotations

import contextlib

import pytest

from inplace.cli.plan import NOT_ASKED
from inplace.cluster.live import UNSEEN
from inplace.core.objects import names
from inplace.core.state.statuses import Phase
from tests.scenarios import kinds
from tests.scenarios.real import inplace, kubectl

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

    async def is_known(self, *command):
        """Wait until the server's authorizer has seen the binding."""

        async def seen():
            return "forbidden" not in (await inplace(self.world, *command, self.option))[2]

        await self.world.until(seen, "the rights to be known")


@KINDS
async def test_an_operator_may_run_every_command_that_writes_and_a_viewer_none(open_world, flavour):
    async with open_world() as world:
        world.flavour, ref = flavour, f"{flavour.resource.plural}/web"
        await world.create_web(replicas=2, mode=None, annotations={"steps": "1"})
        viewer, operator = User(world, "viewer", "inplace-viewer"), User(world, "operator", "inplace-operator")
        await operator.is_known("enable", ref, "--dry-run=server")
        await viewer.is_known("enable", ref, "--dry-run=client")
        await viewer.may_not("patch", "enable", ref)
        await operator.does("enable", ref, notes=[NO_NODES])
        await world.set_image(world.app("v2"))
        if len(await world.pods()) > 1:  # a DaemonSet has one for the only node
            await world.wait_phase("web", Phase.AWAITING_PROMOTION)
            await viewer.may_not("patch", "promote", ref)
            await operator.does("promote", ref)
        await world.wait_upgraded()
        await world.kill_controller()  # so that the command itself has everything to write
        await viewer.may_not("patch", "disable", ref)
        await operator.does("disable", ref, notes=[NO_NODES])
        await world.annotate(steps=None)  # the user's own
        assert await world.is_clean()


async def test_a_viewer_may_run_every_command_that_reads_and_nobody_else_any(open_world):
    async with open_world() as world:
        settings = {"pre-pull": "Never", "progress-deadline-seconds": "5"}
        await world.create_web(replicas=1, gate=False, annotations=settings)
        nobody, viewer = User(world, "nobody"), User(world, "viewer", "inplace-viewer")
        operator = User(world, "operator", "inplace-operator")
        await viewer.is_known("explain", world.nth(0))
        plan, explain = ("plan", "sts/web", "--image", f"app={world.app('v2')}"), ("explain", world.nth(0))
        await viewer.does(*plan, code=2, notes=[NO_NODES, NO_DRY_RUN])
        await viewer.does("status", "sts/web")
        await viewer.does("status", "sts/web", "--watch", notes=[NO_NODES])
        await viewer.does(*explain, notes=[NO_NODES])
        for command in (plan, ("status", "sts/web"), explain, ("enable", "sts/web"), ("retry", "sts/web")):
            await nobody.may_not("get", *command)
        with bound_everywhere(world, "viewer", "inplace-viewer"):
            await viewer.does(*explain)
        await operator.does(*plan, code=2, notes=[NO_NODES])
        await world.set_image(world.app("none"))
        await world.wait_phase("web", Phase.DEGRADED)
        await viewer.may_not("patch", "retry", "sts/web")
        await operator.does("retry", "sts/web")


async def test_the_roles_of_kubernetes_itself_are_enough_but_to_disable(open_world):
    """So manifests/users adds nothing to them."""
    async with open_world() as world:
        await world.create_web(replicas=1, mode=None)
        viewer, editor = User(world, "viewer", "view"), User(world, "editor", "edit")
        await editor.is_known("enable", "sts/web", "--dry-run=server")
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
