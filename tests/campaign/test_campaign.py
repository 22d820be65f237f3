"""As many stories as `--stories` says, the first seeds first; and a story for each fault that is mended or known."""

from __future__ import annotations

import pytest

from tests.campaign.known import KNOWN, kinds
from tests.campaign.mended import MENDED
from tests.campaign.pool import of_seed, tried
from tests.campaign.story import decode
from tests.campaign.vocabulary import recipe


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--stories")))


def test_a_story_shows_no_fault_that_is_not_known(seed):
    _shows_nothing_new(of_seed(seed), f"--replay {seed} --shrink")


@pytest.mark.parametrize("row", MENDED, ids=[one.defect for one in MENDED])
def test_a_mended_fault_is_not_shown_again(row):
    _shows_nothing_new(tried(decode(row.story)), f"--story '{row.story}'")


def _shows_nothing_new(outcome, command):
    news = [one for one in outcome.verdicts if one.kind not in kinds(outcome.story.start.kind)]
    told = "\n".join(f"=> {one.kind}: {one.seen}" for one in news)
    assert not news, f"python -m tests.campaign {command}\n{recipe(outcome.story)}\n{told}"


@pytest.mark.parametrize("row", KNOWN, ids=[f"{one.fault} {one.workloads[0]}" for one in KNOWN])
def test_a_known_fault_is_still_there(row):
    """One that is mended leaves the table."""
    story = decode(row.story)
    assert story.start.kind in row.workloads
    assert row.fault in tried(story).kinds, f"{row.fault} is mended: take its row away\n{recipe(story)}"
