"""A sort of write that the server refuses for good: the server's words are the reason, and the wait has an end.

400 is what a webhook's denial is that names no code; Kyverno and many others name none.
"""

from __future__ import annotations

import pytest

from inplace.core.state.statuses import Phase
from kubesim.api.faults import WORDS, Answer, Request
from tests.scenarios import kinds
from tests.scenarios.embedded import AGENT, VIRTUAL, open_embedded

pytestmark = VIRTUAL

#: Longer than the deadline of a rollout.
LONG = 700.0
#: Writes of one sort that a workload may try within that time: one every few seconds.
MOST_TRIES = 240

SORTS = {
    "pull Pods": lambda request: request.verb == "create" and request.plural == "pods",
    "image patches": lambda request: request.verb == "patch" and request.plural == "pods" and not request.subresource,
}


class Refusing:
    """Answers one sort of the controller's writes with one code."""

    def __init__(self, sort: str, code: int) -> None:
        self.tries = 0
        self._concerns = SORTS[sort]
        self._code = code

    def __call__(self, request: Request) -> Answer | None:
        if not request.agent.startswith(AGENT) or not self._concerns(request):
            return None
        self.tries += 1
        return Answer(self._code)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    ("kind", "code"), [("StatefulSet", 400), ("StatefulSet", 413), ("StatefulSet", 422), ("Deployment", 400)]
)
async def test_what_is_refused_for_good_is_said_and_not_asked_again_and_again(kind, sort, code):
    async with open_embedded() as world:
        world.flavour = kinds.BY_NAME[kind]
        await world.create_web(replicas=2)
        world.cluster.server.plan = refusing = Refusing(sort, code)
        await world.set_image(world.app("v2"))
        await world.clock.sleep(LONG)
        status = await world.status()
        said = " ".join([*(reason.message for reason in status.reasons), *(one.message for one in status.failures)])
        assert status.phase in {Phase.REFUSED, Phase.DEGRADED}
        assert WORDS[code][1] in said
        assert refusing.tries <= MOST_TRIES
