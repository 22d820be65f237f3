"""What `inplace status` prints of a status."""

from __future__ import annotations

from msgspec.structs import replace

from inplace.cli.connect import Ref
from inplace.cli.status import _lines as lines
from inplace.core import kinds
from inplace.core.objects.reasons import Reason, ReasonCode
from inplace.core.state import statuses
from inplace.core.state.statuses import MAX_REASONS, Failure, Phase, Status
from tests.factories import NOW, workload

WEB = Ref(kinds.BY_NAME["StatefulSet"], "default", "web")
TOLD = Status(1, 1, "web-1", Phase.PROGRESSING, 3, 0, 3, 0, 0, NOW, message="0 of 3 Pods upgraded")


def test_the_words_of_every_reason_are_told_once():
    quota = Reason(ReasonCode.PrePullImpossible, "", "image app:v2 on node n: exceeded quota")
    waits = replace(TOLD, waiting={"PrePullImpossible": 1}, reasons=(quota,))
    assert lines(WEB, waits)[1:] == [
        "  Pods that wait: 1 PrePullImpossible",
        f"  PrePullImpossible: {quota}",
    ]
    held = replace(TOLD, message=f"0 of 3 Pods upgraded: {quota.message}", reasons=(quota,))
    assert " ".join(lines(WEB, held)).count("exceeded quota") == 1
    failed = replace(TOLD, failures=(Failure("web-0", "PrePullImpossible", quota.message),), reasons=(quota,))
    assert " ".join(lines(WEB, failed)).count("exceeded quota") == 1


def test_pods_that_failed_alike_share_a_line_and_those_left_out_are_counted():
    failures = (
        Failure("web-4", "ImagePull", "no such image"),
        Failure("web-3", "CrashLoop", "exited with 1"),
        Failure("web-2", "ImagePull", "no such image"),
    )
    seen = replace(TOLD, phase=Phase.DEGRADED, failures=failures, failed=5)
    assert lines(WEB, seen)[1:] == [
        "  web-4, web-2: ImagePull: no such image",
        "  web-3: CrashLoop: exited with 1",
        "  and 2 more Pods",
    ]


def test_how_many_reasons_are_left_out_is_told():
    fields = tuple(Reason(ReasonCode.FieldChanged, f"spec.f{n}", f"field {n} changed") for n in range(13))
    whole = replace(TOLD, phase=Phase.REFUSED, reasons=fields)
    stored = statuses.encode(whole)
    own = workload()
    found = statuses.read(replace(own.metadata, annotations={"inplace.dev/status": stored}))
    assert found is not None
    assert len(found.reasons) == MAX_REASONS
    assert found.reasons[:-1] == fields[: MAX_REASONS - 1]
    assert lines(WEB, found)[-1] == "  FieldChanged: 4 more reasons are left out"
    assert statuses.encode(found) == stored, "read and written again, it says the same"
