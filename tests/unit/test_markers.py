"""Which kinds of workloads a scenario runs for."""

import pytest

from tests.scenarios import markers
from tests.scenarios.markers import flavours_of, in_turn, stands_for_others


def marks(**given):
    return given.get


def test_turns_as_many_as_kinds_run_a_scenario_for_each_kind_but_the_one_that_another_stands_for():
    found = flavours_of(marks(), "hollow")
    taken = [in_turn(found, "test_something", turn)[0].id for turn in (33, 34, 35)]
    assert sorted(taken) == ["DaemonSet", "Deployment", "StatefulSet"]
    assert len({in_turn(found, name, 33)[0].id for name in ("test_a", "test_b", "test_c", "test_d")}) > 1


def test_where_no_kind_can_show_a_scenario_no_turn_does():
    assert in_turn([], "test_something", 33) == []


@pytest.mark.parametrize(
    ("mark", "world", "one_is_enough"),
    [
        (markers.core, "real", False),
        (markers.core_by_turns, "real", True),
        (markers.core_of_held, "real", True),
        (None, "real", True),
        (markers.core_by_turns, "embedded", False),
        (None, "embedded", True),
    ],
)
def test_where_not_all_kinds_are_asked_for_core_scenarios_run_for_all_and_most_real_ones_by_turns(
    mark, world, one_is_enough
):
    assert (
        stands_for_others(lambda name: mark.mark if mark is not None and name == "core" else None, world)
        is one_is_enough
    )
