"""Lists of the embedded server: selectors, pages, and pages that come too late."""

from __future__ import annotations

import pytest

from inplace.kube.errors import Expired
from tests.unit.kubesim.conftest import CONFIGMAPS

pytestmark = pytest.mark.looptime


async def names(served, **options):
    found = await served.client.list(CONFIGMAPS, "test", type=dict, **options)
    return [one["metadata"]["name"] for one in found.items]


async def test_pages_are_one_consistent_list(serve):
    async with serve() as served:
        for name in "abcde":
            await served.config_map(name)
        pages = served.client.pages(CONFIGMAPS, "test", limit=2)
        first = await anext(pages)
        await served.client.delete(CONFIGMAPS, "d", "test")
        await served.config_map("f")
        rest = [page async for page in pages]
        assert [len(page.items) for page in (first, *rest)] == [2, 2, 1]
        assert {page.metadata.resource_version for page in (first, *rest)} == {first.metadata.resource_version}
        assert await names(served) == list("abcef")


async def test_a_page_of_a_forgotten_list_is_410(serve):
    async with serve() as served:
        for name in "abc":
            await served.config_map(name)
        pages = served.client.pages(CONFIGMAPS, "test", limit=2)
        await anext(pages)
        served.server.forget_history()
        with pytest.raises(Expired):
            await anext(pages)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("tier=web", ["a", "b"]),
        ("tier!=web", ["c", "d"]),
        ("tier", ["a", "b", "c"]),
        ("!tier", ["d"]),
        ("tier in (web, db)", ["a", "b", "c"]),
        ("tier notin (web)", ["c", "d"]),
        ("tier=web,size=big", ["b"]),
    ],
)
async def test_label_selectors(serve, selector, expected):
    async with serve() as served:
        await served.config_map("a", tier="web")
        await served.config_map("b", tier="web", size="big")
        await served.config_map("c", tier="db")
        await served.config_map("d")
        assert await names(served, label_selector=selector) == expected


async def test_field_selectors(serve):
    async with serve() as served:
        await served.config_map("a")
        await served.config_map("b")
        assert await names(served, field_selector="metadata.name!=a") == ["b"]
