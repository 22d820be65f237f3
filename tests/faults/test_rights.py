"""Every right of manifests/cluster/rbac.yaml is used, and no other is asked for."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import yaml

from hack.pages.rights import JUSTIFIED, PULL_RIGHTS
from inplace.core.objects import names
from inplace.kube import resource as resources
from inplace.kube.client import PatchType
from inplace.kube.lease import Elector
from inplace.runtime.observe import NullObserver
from kubesim.api.faults import Cut, Request
from tests.scenarios import kinds, test_resize
from tests.scenarios.embedded import AGENT, EmbeddedWorld, open_embedded

MANIFESTS = Path(__file__).parents[2] / "manifests"
RBAC, LEASE = MANIFESTS / "cluster" / "rbac.yaml", MANIFESTS / "base" / "lease-role.yaml"
Right = tuple[str, str]


def granted(path: Path = RBAC) -> set[Right]:
    """Resource, with its subresource, and verb."""
    roles = [one for one in yaml.safe_load_all(path.read_text()) if one["kind"] in ("ClusterRole", "Role")]
    rules = [rule for role in roles for rule in role["rules"]]
    return {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


class Asked:
    """Keeps what our controllers ask for; of the first patch of each resource the answer gets lost."""

    def __init__(self) -> None:
        self.rights: set[Right] = set()
        self._cut: set[str] = set()

    def __call__(self, request: Request) -> Cut | None:
        if not request.agent.startswith(AGENT):
            return None
        resource = f"{request.plural}/{request.subresource}" if request.subresource else request.plural
        self.rights.add((resource, request.verb))
        if request.verb != "patch" or request.dry_run or request.plural == "events" or resource in self._cut:
            return None
        self._cut.add(resource)
        return Cut.AFTER


async def used(flavour: kinds.WorkloadKind) -> set[Right]:
    """By some upgrades there and back, what comes between, and a resize."""
    async with open_embedded(controller=False, witnessed=False) as world:
        world.flavour, asked = flavour, Asked()
        world.cluster.server.plan = asked
        await world.start_controller()
        meta, selector = {"name": "web", "namespace": world.namespace}, {"matchLabels": {"app": "web"}}
        budget = {"metadata": meta, "spec": {"maxUnavailable": 1, "selector": selector}}
        await world.client.create(resources.PODDISRUPTIONBUDGETS, world.namespace, budget, type=dict)
        await test_resize.create(world, replicas=2)
        for tag in ("v2", "v1", "v2", "v1"):
            await world.set_image(world.app(tag))
            await world.wait_upgraded()
        await test_resize.resize(world, test_resize.LARGE)
        await world.wait_upgraded()
        if flavour.labelled:
            await _lose_revision(world)
        return asked.rights


async def _lose_revision(world: EmbeddedWorld) -> None:
    """A Pod names a revision that nobody has seen."""
    (pod, *_) = await world.pods()
    mark = {"metadata": {"labels": {names.REVISION_LABEL: "web-lost"}}}
    await world.client.patch(resources.PODS, pod.name, world.namespace, mark, patch_type=PatchType.MERGE, type=dict)
    await asyncio.sleep(120)


async def test_every_right_is_used_and_no_other_is_asked_for():
    found = set[Right]()
    for flavour in kinds.ALL:
        found |= await used(flavour)
    assert found - granted() == set(), "asked for without a right"
    assert granted() - found == set(), "a right that nothing uses"


async def test_the_lease_needs_each_of_its_rights():
    async with open_embedded(controller=False, witnessed=False) as world:
        asked = Asked()
        world.cluster.server.plan = asked
        client = world.cluster.client(AGENT)
        for identity in ("first", "second"):
            elector = Elector(
                client, world.namespace, names.LEASE, identity, world.clock, world.cluster.rng, NullObserver()
            )
            task = asyncio.create_task(elector.run())
            await elector.wait_leading()
            task.cancel()
            await asyncio.wait([task])
        assert asked.rights == granted(LEASE)


def test_every_right_names_a_test_that_there_is():
    tests = set(re.findall(r"def (test_\w+)", Path(__file__).read_text()))
    assert {why.test for why in (JUSTIFIED | PULL_RIGHTS).values()} <= tests
