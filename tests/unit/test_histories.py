"""The history by which scenarios are judged: what a list brings after an outage is one moment."""

from __future__ import annotations

from tests.factories import pod
from tests.scenarios.history import History, Seen


def test_a_list_is_one_moment_where_the_watch_was_cut():
    """Pod 1 became ready before Pod 0 was drained; a list has Pod 0 first."""
    first = [Seen(0.0, pod(name="web-0", ready=True), turn=0), Seen(0.0, pod(name="web-1", ready=False), turn=0)]
    listed = [Seen(9.0, pod(name="web-0", ready=False), turn=1), Seen(9.1, pod(name="web-1", ready=True), turn=1)]
    history = History([*first, *listed])
    assert history.most_unready(2, after=1.0, gaps=True) == 1
    assert history.most_unready(2, after=1.0) == 2, "what a watch brings is judged event by event"
