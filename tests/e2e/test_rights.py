"""The commands under a user's own, limited rights: what may not be seen is named, and the rest is answered."""

from __future__ import annotations

import yaml

from inplace.cli.plan import NOT_ASKED
from inplace.cluster.watching import UNSEEN
from tests.scenarios.real import inplace, kubectl

#: All that the commands cannot do without.
READ = [
    {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["get", "list", "watch"]},
]
PATCH_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}
PATCH_WORKLOADS = {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["patch"]}
API = "rbac.authorization.k8s.io"
EVERYTHING = sorted(f"note: cannot list {plural}: {meaning}" for plural, meaning in UNSEEN.items())
CANNOT_PATCH = f"note: cannot patch pods: {NOT_ASKED}"


def grant(world, name, *rules):
    """A ServiceAccount with these rights in the namespace; returns the option that makes a command act as it."""
    meta, account = {"name": name, "namespace": world.namespace}, {"kind": "ServiceAccount", "name": name}
    objects = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": f"{API}/v1", "kind": "Role", "metadata": meta, "rules": list(rules)},
        {
            "apiVersion": f"{API}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": API, "kind": "Role", "name": name},
            "subjects": [{**account, "namespace": world.namespace}],
        },
    ]
    kubectl(world.cluster, "apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
    return f"--as=system:serviceaccount:{world.namespace}:{name}"


async def may(world, user):
    """Whether the server's authorizer has seen the rights."""
    code, _, err = await inplace(world, "status", "sts/web", "-o", "json", user)
    return code == 0 or "cannot" not in err


async def test_what_a_user_may_not_see_is_named(open_world):
    async with open_world() as world:
        await world.create_web(replicas=2, gate=False)
        reader, tester = grant(world, "reader", *READ), grant(world, "tester", *READ, PATCH_PODS)
        for user in (reader, tester):
            await world.until(lambda user=user: may(world, user), "the rights to be known")
        upgrade = ("plan", "sts/web", "--image", f"app={world.app('v2')}")
        code, out, err = await inplace(world, *upgrade, reader)
        assert (code, sorted(err.splitlines())) == (2, sorted([*EVERYTHING, CANNOT_PATCH])), (out, err)
        assert "2 of 2 Pods change, 2 of them restart containers" in out
        code, out, err = await inplace(world, *upgrade, tester)
        assert (code, sorted(err.splitlines())) == (2, EVERYTHING), (out, err)
        for arguments in (("explain", "web-0"), ("status", "sts/web", "-o", "json"), ("status", "sts/web", "--watch")):
            code, out, err = await inplace(world, *arguments, reader)
            assert (code, sorted(err.splitlines())) == (0, EVERYTHING), (out, err)
            assert "web-0" in out


async def test_enable_and_disable_with_nothing_but_the_workload_and_its_pods(open_world):
    async with open_world(controller=False) as world:
        await world.create_web(replicas=1, mode=None, gate=False)
        before = await world.raw()
        owner = grant(world, "owner", *READ, PATCH_WORKLOADS)
        await world.until(lambda: may_enable(world, owner), "the rights to be known")
        code, out, err = await inplace(world, "enable", "sts/web", owner)
        assert (code, sorted(err.splitlines())) == (0, EVERYTHING), (out, err)
        assert out.startswith("statefulset/web enabled (InPlaceOnly)\n")
        code, out, err = await inplace(world, "disable", "sts/web", owner)
        assert (code, sorted(err.splitlines())) == (0, EVERYTHING), (out, err)
        assert out == "statefulset/web disabled\n"
        assert await world.is_clean()
        assert (await world.raw())["spec"] == before["spec"]


async def may_enable(world, user):
    """Whether the server's authorizer has seen the rights."""
    return (await inplace(world, "enable", "sts/web", "--dry-run=server", user))[0] == 0


async def test_without_rights_on_pods_there_is_one_clear_error(open_world):
    async with open_world() as world:
        await world.create_web(replicas=1, gate=False)
        blind = grant(world, "blind", READ[0])
        await world.until(lambda: knows(world, blind), "the rights to be known")
        for command in (("plan", "sts/web"), ("status", "sts/web", "--watch"), ("disable", "sts/web")):
            code, out, err = await inplace(world, *command, blind)
            assert (code, out, err.count("\n")) == (1, "", 1), err
            assert err.startswith("error: pods is forbidden: User ")
            assert 'cannot list resource "pods"' in err


async def knows(world, user):
    """Whether the server's authorizer has seen the rights: the workload may be read."""
    return "statefulsets" not in (await inplace(world, "plan", "sts/web", user))[2]
