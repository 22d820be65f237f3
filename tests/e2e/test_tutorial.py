"""The tutorial, command by command, on the real cluster: its page is what a run gives."""

from __future__ import annotations

import pytest

from hack.cluster import api
from hack.pages import tutorial
from tests.scenarios.real import kubectl


@pytest.fixture
def cluster():
    """The cluster, without what is created here: other tests, and runs that failed, leave some of it."""
    found = api.current()
    _clear(found)
    yield found
    _clear(found)


def _clear(cluster):
    for kind in ("statefulset/web", "service/web"):
        kubectl(cluster, "delete", "-n", "default", "--ignore-not-found", kind)
    kubectl(cluster, "delete", "--ignore-not-found", "-k", str(tutorial.ROOT / "manifests"))


@pytest.mark.alone  # its controller watches all namespaces
@pytest.mark.long
def test_the_page_is_what_its_commands_give(cluster):
    page = tutorial.PAGE.read_text(encoding="utf-8")
    assert tutorial.masked(tutorial.run(page, cluster)) == tutorial.masked(page), "run: python -m hack.pages.tutorial"
