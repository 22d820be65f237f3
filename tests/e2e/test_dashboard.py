"""The page on a real cluster: an upgrade from beginning to end; what the authorizer says to its row of the rights."""

from __future__ import annotations

import yaml

from hack.browser import browser
from inplace.cli.rights import NEEDS, rule
from tests.e2e.test_rights import grant
from tests.page import opened, phase_of
from tests.scenarios.real import inplace

#: Each Pod is drained for so long that it is seen: a swap alone may be over between two looks.
SEEN = {"grace-period-seconds": "3"}


async def test_the_page_shows_a_real_upgrade(open_world):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations=SEEN)
        key = f"{world.namespace}/statefulset/web"
        async with opened(world.cluster.kubeconfig, "-n", world.namespace) as page:
            await page.until(lambda panels: phase_of(panels, key) == "UpToDate", "the workload")
            await world.set_image(world.app("v2"))
            await page.until(lambda panels: panels[key]["moving"] > 0, "a Pod in flight")
            [change] = page.panels[key]["changes"]
            assert (change["fromImage"], change["toImage"]) == (world.app("v1"), world.app("v2"))
            await page.until(lambda panels: panels[key]["done"] == 3 and panels[key]["endedAt"], "the end")
            panel = page.panels[key]
            assert {one["containers"][0]["evidence"] for one in panel["view"]["pods"]} == {"ImageChanged"}
            assert {"UpgradeStarted", "Killing", "Started"} <= {event["reason"] for event in panel["events"]}


async def test_a_browser_shows_a_real_upgrade(open_world, tmp_path):
    async with open_world() as world:
        await world.create_web(replicas=3, annotations=SEEN)
        async with (
            opened(world.cluster.kubeconfig, "-n", world.namespace) as page,
            browser(tmp_path) as tab,
        ):
            await tab.open(page.address)
            await tab.until("document.querySelectorAll('.settled .cell.Done[title]').length === 3")
            await world.set_image(world.app("v2"))
            await tab.until("document.querySelector('.cell.Draining[title], .cell.Swapping[title]')")
            assert "Until" in await tab.look("document.querySelector('table.pods').innerText")
            await tab.until("document.querySelectorAll('.settled .cell.Done[title]').length === 3")
            await tab.look("document.querySelector('.cell.Done[title]').click()")
            assert "ImageChanged" in await tab.look("document.querySelector('.detail').innerText")
            assert world.app("v2") in await tab.look("document.querySelector('.changes').innerText")
            assert tab.complaints == []


async def test_what_the_table_of_rights_says_is_enough_for_the_page(open_world):
    """A Role gives no right to nodes: without them, and every kind but one, the page shows what is left."""
    needs = NEEDS["dashboard"]
    seen = [right for right in needs.optional if right.resource == "statefulsets"]
    async with open_world() as world:
        await world.create_web(replicas=1, gate=False)
        user = grant(world, "watcher", *yaml.safe_load(rule([*needs.required, *seen])))
        await world.until(lambda: _may_list(world, user), "the rights to be known")
        async with opened(world.cluster.kubeconfig, "-n", world.namespace, user) as page:
            await page.until(lambda panels: f"{world.namespace}/statefulset/web" in panels, "the workload")
            hidden = {note.split()[2].rstrip(":") for note in page.panels[""]["notes"]}
        assert hidden == {right.resource for right in needs.optional} - {"statefulsets"}
        code, out, err = await inplace(world, "dashboard", grant(world, "nobody"))
        assert (code, out) == (1, "")
        assert "pods is forbidden" in err


async def _may_list(world, user):
    return (await inplace(world, "list", "sts", user))[0] == 0
