"""The list of deliberate defects holds against the tree, and only a failed test counts as having caught one."""

from __future__ import annotations

import pytest

from hack import mutation
from hack.defects import DEFECTS
from hack.defects.defect import Defect
from hack.mutation import Outcome, judge
from tests.campaign.mended import MENDED

FAILED = "FAILED tests/unit/core/test_pod.py::test_it[a-b] - assert 1 == 2\n1 failed, 3 passed in 0.10s\n"


def test_every_defect_can_be_made_and_names_tests_that_there_are():
    assert mutation.problems() == []


@pytest.mark.parametrize(
    ("defect", "problem"),
    [
        pytest.param(Defect("x", "__init__.py", "no such text", "y"), "0 times, not once", id="text that is gone"),
        pytest.param(Defect("x", "core/kinds/kind.py", "def ", "y"), "times, not once", id="text that is ambiguous"),
        pytest.param(Defect("x", "core/none.py", "x", "y"), "0 times, not once", id="a file that is gone"),
        pytest.param(Defect("x", "__init__.py", "__version__", "1 +"), "no Python any more", id="no Python"),
        pytest.param(
            Defect("x", "__init__.py", "__version__", "other", ("unit/test_defects.py::test_none",)),
            "no test unit/test_defects.py::test_none",
            id="a test that is gone",
        ),
    ],
)
def test_a_defect_that_does_not_apply_is_a_problem(defect, problem):
    (found,) = mutation.problems([defect])
    assert problem in found


def test_a_story_of_the_campaign_names_a_defect():
    names = [one.defect for one in MENDED]
    assert sorted(one.name for one in mutation.told(DEFECTS)) == sorted(names)


def test_names_are_told_apart():
    assert mutation.problems([DEFECTS[0], DEFECTS[0]]) == [f"{DEFECTS[0].name}: the name of several"]


@pytest.mark.parametrize(
    ("code", "output", "outcome", "detail"),
    [
        pytest.param(1, FAILED, Outcome.CAUGHT, "unit/core/test_pod.py::test_it[a-b]", id="a test failed"),
        pytest.param(
            2,
            FAILED + "!!! xdist.dsession.Interrupted: stopping after 1 failures !!!\n",
            Outcome.CAUGHT,
            "unit/core/test_pod.py::test_it[a-b]",
            id="a test failed on one of several workers",
        ),
        pytest.param(2, FAILED, Outcome.ERROR, None, id="somebody interrupted it"),
        pytest.param(0, "3 passed in 0.10s\n", Outcome.MISSED, "", id="all passed"),
        pytest.param(
            1,
            "E   Failed: Timeout (>120.0s) from pytest-timeout.\n" + FAILED,
            Outcome.ERROR,
            "a test hung",
            id="a test was stopped",
        ),
        pytest.param(
            2,
            "1 error in 0.10s\n",
            Outcome.ERROR,
            "pytest exited with 2: 1 error in 0.10s",
            id="it cannot be collected",
        ),
        pytest.param(
            1, "1 error in 0.10s\n", Outcome.ERROR, "pytest exited with 1: 1 error in 0.10s", id="a fixture failed"
        ),
        pytest.param(4, "", Outcome.ERROR, "pytest exited with 4: no output", id="no such test"),
    ],
)
def test_only_a_test_that_failed_has_caught_a_defect(code, output, outcome, detail):
    found = judge(code, output)
    assert found.outcome is outcome
    assert detail in {None, found.detail}


def test_a_defect_is_undone(tmp_path):
    target = tmp_path / "inplace" / "x.py"
    target.parent.mkdir()
    target.write_text("one = 1\n")
    with mutation.made(Defect("x", "x.py", "1", "2"), tmp_path):
        assert target.read_text() == "one = 2\n"
    assert target.read_text() == "one = 1\n"
