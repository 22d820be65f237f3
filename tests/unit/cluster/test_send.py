"""What a dry run of an image patch tells."""

from __future__ import annotations

import pytest

from inplace.cluster import send
from inplace.core.actions.actions import DryRunPatch
from inplace.core.objects.reasons import ReasonCode
from inplace.kube.errors import Conflict, Denied, KubeError
from tests.factories import NOW, pod
from tests.unit.kube.server import Answer, ok, serving, status

pytestmark = pytest.mark.looptime(noop_cycles=0)
RBAC = 'pods "web-0" is forbidden: User "u" cannot patch resource "pods" in API group "" in the namespace "default"'


def stored(image: str) -> Answer:
    """The Pod as it would be stored."""
    return ok({"kind": "Pod", "metadata": {"name": "web-0"}, "spec": {"containers": [{"name": "app", "image": image}]}})


async def told(answer: Answer):
    async with serving(answer) as (client, _, _):
        return await send.ask(client, DryRunPatch(pod(), {"app": "app:v2"}, "sort"), NOW)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(stored("app:v2"), None, id="as asked for"),
        pytest.param(stored("mirror.test/app:v2"), ReasonCode.ImageRewritten, id="another image"),
        pytest.param(
            status(422, reason="Invalid", message="no", details={"kind": "Pod"}),
            ReasonCode.AdmissionRejected,
            id="invalid",
        ),
        pytest.param(status(403, reason="Forbidden", message="never"), ReasonCode.AdmissionRejected, id="forbidden"),
    ],
)
async def test_admission_answers_a_dry_run(answer, code):
    reason = await told(answer)
    assert (reason.code if reason is not None else None) == code


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(status(403, reason="Forbidden", message=RBAC), Denied, id="rights that are missing"),
        pytest.param(status(409, reason="Conflict", message="again"), Conflict, id="a race that was lost"),
        pytest.param(status(404, reason="NotFound", message="gone"), KubeError, id="a Pod that is gone"),
    ],
)
async def test_what_is_no_answer_is_raised(answer, error):
    with pytest.raises(error):
        await told(answer)
