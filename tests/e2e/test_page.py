"""The page in a real browser: what it draws of a stream, by mouse and keyboard, in dark and in a narrow window."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import msgspec
import pytest
from msgspec.structs import replace

from hack.browser import browser
from inplace.cli.dashboard import files
from inplace.core.objects.model import Meta
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.state.statuses import Phase
from inplace.core.views.events import About, FullEvent
from inplace.core.views.panel import panel
from inplace.serve.http import Server
from inplace.serve.page import Feed, page_routes
from tests.factories import NOW, later
from tests.unit.cli.showing import pod, pods, workload

TOKEN = "t" * 32
#: Everything that somebody may call an object or write into it.
HOSTILE = '<img src=x onerror="window.struck = 1"><script>window.struck = 1</script>'
LONG = "a-name-that-is-as-long-as-names-may-be-" * 6
#: The contrast of a text with what is behind it (WCAG 2, 1.4.3), at least 4.5 for text of this size.
CONTRAST = """(() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parts(color).slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (parts(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.offsetParent) continue;
    const [one, other] = [getComputedStyle(element).color, behind(element)].map(light).sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) found.push([element.className, element.textContent.slice(0, 30), contrast]);
  }
  return found;
})()"""


class Shown:
    """A page in a browser, and what it is sent."""

    def __init__(self, tab, feed, server):
        self.tab, self.feed, self.server = tab, feed, server
        self.look, self.until, self.press = tab.look, tab.until, tab.press

    async def show(self, *panels, notes=(), where="namespace shop"):
        """Send this, and wait until it is drawn."""
        head = {"key": "", "where": where, "notes": list(notes)}
        self.feed.put({"": msgspec.json.encode(head), **{one.key: msgspec.json.encode(one) for one in panels}})
        ids = "[...document.querySelectorAll('.workload')].map((one) => one.id).sort()"
        wanted = json.dumps(sorted(f"workload {one.key}" for one in panels))
        await self.until(f"document.getElementById('where').textContent === {json.dumps(where)}")
        await self.until(f"JSON.stringify({ids}) === JSON.stringify({wanted})")

    async def text(self, selector):
        """What somebody reads there."""
        return " ".join((await self.look(f"document.querySelector({json.dumps(selector)}).innerText")).split())

    async def table(self, selector="table.pods tbody tr"):
        """Its rows."""
        cells = "[...document.querySelectorAll(%s)].map((row) => [...row.cells].map((cell) => cell.textContent))"
        return await self.look(cells % json.dumps(selector))

    @property
    def focused(self):
        return self.look("document.activeElement.title || document.activeElement.textContent.slice(0, 40)")


@asynccontextmanager
async def page(folder, width=1100):
    """The page, opened at the time of what it is shown; whatever a browser complains of fails the test."""
    feed = Feed()
    async with (
        Server(("127.0.0.1", 0), page_routes(TOKEN, files(), feed)) as server,
        browser(folder, width, 900) as tab,
    ):
        await tab.stop_clock(NOW)
        address = f"http://127.0.0.1:{server.port}/{TOKEN}/"
        await tab.open(address)
        await tab.until("document.getElementById('connection').textContent === 'live'")
        yield Shown(tab, feed, server)
        assert tab.complaints == []
        assert all(one.startswith(address) for one in tab.requested), tab.requested


def shown(view, *events, warnings=(), key=None):
    """A workload on the page."""
    return panel(key or f"{view.namespace}/{view.kind.lower()}/{view.name}", view, events, tuple(warnings), NOW)


def event(number, reason, message, **fields):
    meta, about = Meta(name=f"e{number}"), About("Pod", "web-1", "u")
    return FullEvent(reason, message, 1, metadata=meta, last_timestamp=later(-number), involved_object=about, **fields)


async def test_it_says_what_moves_what_waits_for_what_and_until_when(tmp_path):
    told = (event(5, "Killing", "stopping app"), event(60, "Failed", "no such image", type="Warning"))
    async with page(tmp_path) as at:
        await at.show(shown(workload(*pods(40, 53, failed=1)), *told))
        assert await at.text("h2") == "statefulset/web"
        assert await at.text(".changes") == "app registry.example.test/shop/web:v1 → registry.example.test/shop/web:v2"
        assert await at.text(".bar") == "40 of 97 Pods done, 3 in flight, 1 failed about 27s left, for 1m00s"
        pulled = 'ImagePull: containers[app]: image "shop/web:v2" not found; app: ImagePullBackOff'
        starts = "WaitingForSwap: containers[app]: waiting for the kubelet to start it; app: ContainerCreating"
        assert await at.table() == [
            ["web-96", "Failed", pulled, ""],
            ["web-55", "Draining", "GracePeriod: the grace period of 30 s is not over", "ends in 12s"],
            ["web-53", "Swapping", starts, "fails in 9m50s"],
            ["web-54", "Swapping", starts, "fails in 9m50s"],
            ["53 Pods", "Waiting", "Budget: max-unavailable is used up: 3 of 3 Pods are in flight", ""],
        ]
        assert await at.look("document.querySelectorAll('.cell[title]').length") == 97
        assert await at.text("#summary") == "1 Progressing web"
        assert await at.look("document.title") == "1 Progressing · inplace"
        await at.look("document.querySelector('summary').click()")
        assert [row[1:] for row in await at.table("details tbody tr")] == [
            ["Killing", "pod/web-1", "stopping app"],
            ["Failed", "pod/web-1", "no such image"],
        ]


async def test_it_changes_where_it_stands(tmp_path):
    async with page(tmp_path) as at:
        await at.show(shown(workload(pod(0, "Waiting"), pod(1, "Swapping"))))
        await at.look("document.querySelector('.cells').lastChild.focus()")
        await at.look("window.cell = document.activeElement")
        await at.show(shown(workload(pod(0, "Swapping"), pod(1, "Done"))))
        await at.until("window.cell.textContent === '✓'")
        assert await at.look("document.activeElement === window.cell"), "who is there stays there"
        done = workload(pod(0, "Done"), pod(1, "Done"), phase=Phase.UP_TO_DATE)
        await at.show(shown(done))
        await at.until("document.querySelector('.workload.settled')")
        assert await at.text("#summary") == "1 UpToDate"
        assert await at.look("document.title") == "inplace", "nothing to look at"
        assert await at.text(".bar") == "2 of 2 Pods done took 20s, just now"
        await at.show(shown(replace(done, pods=done.pods[:1])))
        await at.until("document.querySelectorAll('.cell[title]').length === 1")
        await at.show()
        assert await at.text("#empty") == "No workload is opted in here. inplace enable TYPE/NAME opts one in."


async def test_who_needs_somebody_is_a_click_away(tmp_path):
    kinds = {"a": Phase.UP_TO_DATE, "b": Phase.PROGRESSING, "z": Phase.DEGRADED}
    many = [shown(replace(workload(*pods(20, 200), phase=phase), name=name)) for name, phase in kinds.items()]
    async with page(tmp_path) as at:
        await at.show(*many)
        assert await at.text("#summary") == "1 Degraded z 1 Progressing b 1 UpToDate"
        assert await at.look("document.title") == "1 Degraded, 1 Progressing · inplace"
        await at.look("document.querySelector('#summary a').click()")
        await at.until("scrollY > 0 && document.querySelector(':target').getBoundingClientRect().top < 500")
        assert await at.text(":target h2") == "statefulset/z"


async def test_all_of_it_can_be_done_by_the_keyboard(tmp_path):
    async with page(tmp_path) as at:
        await at.show(shown(workload(*(pod(number, "Done") for number in range(5)))))
        for _ in range(10):
            await at.press("Tab")
            if await at.focused == "web-0: Done":
                break
        assert await at.focused == "web-0: Done"
        for key, name in [("ArrowRight", "web-1"), ("End", "web-4"), ("ArrowRight", "web-4"), ("ArrowLeft", "web-3")]:
            await at.press(key)
            assert await at.focused == f"{name}: Done", key
        await at.press("Enter")
        detail = await at.text(".detail")
        assert detail.startswith("web-3 Done, Ready, on node-0 app registry.example.test/shop/web:v1 → ")
        assert detail.endswith("running, 1 restart ImageChanged")
        await at.press("Escape")
        assert await at.look("document.querySelector('.detail').hidden")
        await at.press("Tab")
        assert await at.focused != "web-4: Done", "all cells are one stop"


async def test_what_others_write_is_text(tmp_path):
    bad = Reason(ReasonCode.ImagePull, HOSTILE, HOSTILE)
    one = pod(0, "Failed")
    one = replace(one, name=HOSTILE, reason=bad, containers=(replace(one.containers[0], name=HOSTILE, image=HOSTILE),))
    view = workload(one)
    assert view.status is not None
    view = replace(view, name=HOSTILE, status=replace(view.status, message=HOSTILE), target=HOSTILE)
    async with page(tmp_path) as at:
        await at.show(
            shown(view, event(1, HOSTILE, HOSTILE), warnings=[HOSTILE], key="x"), notes=[HOSTILE], where=HOSTILE
        )
        await at.look("document.querySelector('.cell').click(); document.querySelector('summary').click()")
        assert (await at.text("body")).count("<img src=x") >= 8
        assert await at.look("document.querySelectorAll('img, body script').length") == 0
        assert await at.look("window.struck") is None


async def test_the_policy_forbids_what_is_not_ours(tmp_path):
    image = "http://127.0.0.1:1/x.png"
    async with page(tmp_path) as at:
        await at.show(shown(workload(pod(0, "Done"))))
        await at.look("""(() => {
          const script = document.createElement("script");
          script.textContent = "window.struck = 1";
          const image = document.createElement("img");
          image.src = "http://127.0.0.1:1/x.png";
          document.body.append(script, image);
          document.body.setAttribute("onclick", "window.struck = 2");
          document.body.click();
        })()""")
        await at.until("document.querySelector('img').complete")
        assert await at.look("window.struck") is None
        refused = [one for one in at.tab.complaints if "Content Security Policy" in one]
        assert len(refused) == len(at.tab.complaints) >= 3, at.tab.complaints
        at.tab.complaints.clear()
        at.tab.requested.remove(image)  # what the browser was asked for, and has refused


async def test_what_is_old_does_not_pass_for_the_present(tmp_path):
    async with page(tmp_path) as at:
        await at.show(shown(workload(pod(0, "Swapping"))))
        port = at.server.port
        await at.server.__aexit__(None, None, None)
        await at.until("document.getElementById('connection').textContent === 'lost, trying again …'")
        assert float(await at.look("getComputedStyle(document.querySelector('main')).opacity")) < 1
        assert await at.text("h2") == "statefulset/web", "what was known last"
        at.tab.complaints.clear()  # that the server is gone
        again = Server(("127.0.0.1", port), page_routes(TOKEN, files(), at.feed))
        async with again:
            await at.show(shown(workload(pod(0, "Done"))))
            await at.until("document.getElementById('connection').textContent === 'live'")
            await at.until("document.querySelector('.cell[title]').title === 'web-0: Done'")
        at.tab.complaints.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_can_be_read(tmp_path, scheme):
    stages = ("Done", "Settling", "Swapping", "Draining", "Failed", "Held", "Waiting", "Kept", "Unmanaged")
    every = [
        shown(replace(workload(*map(pod, range(9), stages), phase=phase), name=phase.lower()), warnings=["a warning"])
        for phase in Phase
    ]
    async with page(tmp_path) as at:
        await at.tab.prefers(scheme)
        await at.show(*every, notes=["a note"])
        await at.look("document.querySelectorAll('.workload .cells :first-child').forEach((cell) => cell.click())")
        assert await at.look(CONTRAST) == []
        back = await at.look("getComputedStyle(document.body).backgroundColor")
        assert (int(back.partition("(")[2].partition(",")[0]) < 60) == (scheme == "dark")


@pytest.mark.parametrize("width", [320, 700, 2000])
async def test_no_window_is_too_narrow(tmp_path, width):
    view = workload(*pods(20, 30, failed=2, containers=2))
    long = replace(view, name=LONG, pods=tuple(replace(one, name=LONG + one.name) for one in view.pods))
    async with page(tmp_path, width) as at:
        await at.show(shown(view), shown(long), notes=[LONG])
        await at.look("document.querySelectorAll('.cell[title]').forEach((cell) => cell.click())")
        assert await at.look("document.documentElement.scrollWidth") <= width


async def test_a_thousand_pods_are_drawn_and_few_are_listed(tmp_path):
    async with page(tmp_path) as at:
        await at.show(shown(workload(*pods(400, 577, failed=20))))
        assert await at.look("document.querySelectorAll('.cell[title]').length") == 1000
        assert len(await at.table()) == 9
        assert await at.text(".more") == "and 15 Pods more"
