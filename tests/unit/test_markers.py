"""Which kinds of workloads a scenario runs for."""

from tests.scenarios.markers import flavours_of, in_turn


def marks(**given):
    return given.get


def test_turns_as_many_as_kinds_run_a_scenario_for_each_kind_but_the_one_that_another_stands_for():
    found = flavours_of(marks(), "hollow")
    taken = [in_turn(found, "test_something", turn)[0].id for turn in (33, 34, 35)]
    assert sorted(taken) == ["DaemonSet", "Deployment", "StatefulSet"]
    assert len({in_turn(found, name, 33)[0].id for name in ("test_a", "test_b", "test_c", "test_d")}) > 1


def test_where_no_kind_can_show_a_scenario_no_turn_does():
    assert in_turn([], "test_something", 33) == []
