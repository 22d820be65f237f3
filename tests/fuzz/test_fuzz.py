"""What failed once, and so many inputs more as fit; the same ones in every run, so that a failure is of the change."""

from __future__ import annotations

import json

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.decoders import DECODERS, Decoder
from tests.fuzz.fuzz import CORPUS, corpus, inputs, tried

#: Over all decoders: some fifteen seconds of CPU.
INPUTS = 60_000
SHARES = sum(decoder.share for decoder in DECODERS.values())


@pytest.mark.parametrize("name", DECODERS)
def test_what_failed_once(name):
    assert [(path.name, failure.error) for path, raw in corpus(name) if (failure := tried(name, raw))] == []


@pytest.mark.parametrize("name", DECODERS)
def test_nothing_but_typed_errors_within_bounded_time(name):
    count = INPUTS * DECODERS[name].share // SHARES
    failed = (failure for raw in inputs(name, 1, count) if (failure := tried(name, raw)) is not None)
    assert [(failure.error, failure.raw[:2000]) for failure in failed] == []


@pytest.mark.parametrize("name", DECODERS)
def test_real_inputs_are_taken(name):
    """An input that is refused for what it is tries nothing."""
    for seed in DECODERS[name].seeds:
        assert DECODERS[name].read(json.dumps(seed).encode()) is not None
    assert len(set(inputs(name, 1, 50))) > 45, "they differ"
    assert list(inputs(name, 2, 3)) == list(inputs(name, 2, 3)), "the same seed, the same inputs"


def test_the_corpus_belongs_to_decoders_that_exist():
    assert {path.name.replace("-", " ") for path in CORPUS.iterdir()} <= DECODERS.keys()


def test_what_fails_is_kept_and_told(monkeypatch, tmp_path, capsys):
    def read(raw):
        if len(raw) % 2:
            raise KeyError("odd")

    monkeypatch.setitem(DECODERS, "odd lengths", Decoder(read, ({"a": "b"},)))
    monkeypatch.setattr("tests.fuzz.fuzz.CORPUS", tmp_path)
    assert main(["--inputs", "20", "--only", "odd"]) == 1
    out = capsys.readouterr().out
    assert "FAILED odd lengths: KeyError at test_fuzz.py:" in out
    (kept,) = (tmp_path / "odd-lengths").iterdir()
    assert len(kept.read_bytes()) % 2 == 1
    monkeypatch.setitem(DECODERS, "odd lengths", Decoder(len, ({"a": "b"},)))
    assert main(["--inputs", "20", "--only", "odd"]) == 0
    assert "odd lengths     1 kept,       20 inputs" in capsys.readouterr().out


def test_what_takes_too_long_is_a_failure(monkeypatch):
    monkeypatch.setattr("tests.fuzz.fuzz.MOST_SECONDS", -1.0)
    assert (tried("record", b"{}") or None).error == "took too long"
