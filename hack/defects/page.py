"""The page of `inplace dashboard` and the live view: whom it answers, how long, and what they say."""

from __future__ import annotations

from typing import Final

from hack.defects.defect import Defect

PAGE: Final = "serve/page.py"
LOOKS: Final = "core/views/looks.py"

DEFECTS: Final = (
    Defect(
        "answer whoever knows the port of the page",
        PAGE,
        'if not secrets.compare_digest(request.match_info["token"].encode(), token.encode()):',
        "if False:",
        ("unit/serve/test_page.py::test_who_has_not_gets_nothing",),
    ),
    Defect(
        "answer a browser that another site's name led to the page",
        PAGE,
        'if host.partition(":")[0].lower() not in HOSTS:',
        "if False:",
        ("unit/serve/test_page.py::test_another_host_is_refused",),
    ),
    Defect(
        "send a refusal of the page without its policy",
        PAGE,
        "refusal.headers.update(HEADERS)",
        "pass",
        ("unit/serve/test_page.py::test_every_answer_forbids_what_is_not_ours",),
    ),
    Defect(
        "open as many streams of the page as somebody likes",
        PAGE,
        "if room.locked():",
        "if False:",
        ("unit/serve/test_page.py::test_streams_are_bounded_and_a_closed_one_makes_room",),
    ),
    Defect(
        "keep what is gone on the page",
        PAGE,
        "gone = [(key, None) for key in seen if key not in self._shown]",
        "gone = list[tuple[str, bytes | None]]()",
        ("unit/serve/test_page.py::test_a_stream_tells_all_and_then_what_changes",),
    ),
    Defect(
        "cut a stream of the page off as an answer that takes too long",
        PAGE,
        "guards.goes_on(request)",
        "pass",
        ("unit/serve/test_page.py::test_a_stream_outlives_the_time_for_one_answer",),
    ),
    Defect(
        "print where a stream ended when a tab is closed",
        PAGE,
        "except ConnectionResetError:",
        "except KeyError:",
        ("unit/serve/test_page.py::test_of_a_closed_tab_nothing_is_said",),
    ),
    Defect(
        "show on the page what nobody has opted in",
        "cluster/overview.py",
        "if is_ours(workload.metadata) and kinds.owner_of",
        "if kinds.owner_of",
        ("commands/test_dashboard.py::test_a_workload_that_nobody_has_opted_in_is_not_shown",),
    ),
    Defect(
        "show what was decided before its time came as what is decided now",
        LOOKS,
        "(seen.until is None or now < seen.until) and ",
        "",
        ("unit/core/test_looks.py::test_what_ends_by_itself_is_decided_anew_when_it_does",),
    ),
    Defect(
        "show what was decided of other Pods as what is decided now",
        LOOKS,
        " and seen.snapshot == snapshot",
        "",
        ("unit/core/test_looks.py::test_what_has_changed_is_decided_anew",),
    ),
    Defect(
        "lose a cancellation that comes together with what is waited for",
        "runtime/waiting.py",
        "async with asyncio.timeout(seconds):\n            await event.wait()",
        "await asyncio.wait_for(event.wait(), seconds)",
        ("unit/runtime/test_waiting.py::test_a_cancellation_that_comes_together_with_the_event_counts",),
    ),
)
