"""Settings: total, deterministic, and no bad value hides another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inplace.core.objects.model import Meta
from inplace.core.objects.reasons import ReasonCode
from inplace.core.settings import annotations as table
from inplace.core.settings.annotations import Amount, Native
from inplace.core.settings.grammar import MAX_COUNT, MAX_SECONDS

NAMES = tuple(table._SETTINGS)
GOOD = {
    "max-unavailable": "2", "partition": "10%", "paused": "true", "grace-period-seconds": "5",
    "min-ready-seconds": "7", "progress-deadline-seconds": "900", "on-failure": "Rollback", "max-failures": "3",
    "drain": "Required", "keep-ready-containers": "a,b", "container-order": "a > b", "gates": "before-drain=a.b/C",
    "order-by": "w", "spread-by": "z", "steps": "1:5m,2", "pre-pull": "Never", "restart-on": "x/*",
    "init-images": "SpecOnly", "disruption-budgets": "Ignore",
}  # fmt: skip
#: A space inside is accepted nowhere but around commas, and this has none.
BAD = "no such thing"

amounts = st.builds(Amount, st.integers(0, 100), st.booleans())
natives = st.builds(Native, st.none() | amounts, st.none() | amounts, st.integers(0, 2**31 - 1))
values = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"-?[0-9]{1,30}%?", fullmatch=True),
    st.sampled_from([*GOOD.values(), "", "0", "Auto", "true", "1,2,3", ">", ",", ":", "="]),
)
keys = (
    st.sampled_from(NAMES).map("inplace.dev/{}".format)
    | st.text(max_size=20).map("inplace.dev/{}".format)
    | st.text(max_size=20)
)
metadata = st.builds(
    Meta,
    labels=st.none() | st.dictionaries(keys | st.just("inplace.dev/mode"), values, max_size=4),
    annotations=st.none() | st.dictionaries(keys, values, max_size=12),
)


@given(metadata, natives)
def test_parsing_is_total_and_its_result_is_usable(meta, native):
    parsed = table.parse(meta, native)
    assert parsed == table.parse(meta, native)
    found = parsed.settings
    assert found.budget(10) >= 1
    assert 0 <= found.held_back(10) <= 10
    assert 0 <= found.grace_period_seconds <= MAX_SECONDS
    assert 1 <= found.progress_deadline_seconds <= MAX_SECONDS
    assert 1 <= found.max_unavailable.value <= MAX_COUNT
    assert all(error.code == ReasonCode.SettingInvalid and error.path and error.message for error in parsed.errors)
    assert all("\n" not in error.message for error in parsed.errors)


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_every_bad_value_is_an_error_and_every_good_one_counts(good, bad):
    given = {**{name: GOOD[name] for name in good}, **dict.fromkeys(bad, BAD)}
    parsed = table.parse(Meta(annotations={f"inplace.dev/{name}": text for name, text in given.items()}), Native())
    assert {error.path for error in parsed.errors} == {f"metadata.annotations[inplace.dev/{name}]" for name in bad}
    alone = table.parse(Meta(annotations={f"inplace.dev/{name}": GOOD[name] for name in NAMES}), Native()).settings
    for name in good - bad:
        field = name.replace("-", "_")
        assert getattr(parsed.settings, field) == getattr(alone, field)


@given(st.text(max_size=30).filter(lambda text: text not in {"true", "false"}))
def test_whatever_paused_says_but_false_pauses(text):
    assert table.parse(Meta(annotations={"inplace.dev/paused": text}), Native()).settings.paused


@given(amounts, st.integers(0, 10**6))
def test_rounding_up_and_down_differ_by_at_most_one(amount, total):
    up, down = amount.resolve(total, round_up=True), amount.resolve(total, round_up=False)
    assert 0 <= up - down <= 1
    if amount.percent:
        assert down * 100 <= total * amount.value <= up * 100
