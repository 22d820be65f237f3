"""Every failure becomes an exit code and one line."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from inplace.cli import errors
from inplace.cli.errors import InputError
from inplace.kube.errors import ConfigError
from inplace.serve.http import ListenError


def failing(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize("code", [0, 2, 3, 4, 124])
def test_a_commands_own_code_is_kept(code):
    assert errors.run(lambda: code) == code


def test_no_code_is_success():
    assert errors.run(lambda: None) == 0


@pytest.mark.parametrize(
    ("error", "line"),
    [
        pytest.param(InputError("web: names no workload"), "web: names no workload", id="bad input"),
        pytest.param(click.UsageError("No such option: --x."), "no such option: --x", id="usage"),
        pytest.param(click.ClickException("Broken."), "broken", id="click"),
        pytest.param(PermissionError(13, "Permission denied", "f"), "[Errno 13] Permission denied: 'f'", id="file"),
        pytest.param(TimeoutError(), "TimeoutError", id="without a message"),
        pytest.param(ConfigError("no such context: x"), "no such context: x", id="cluster"),
        pytest.param(ListenError("cannot listen"), "cannot listen", id="port"),
        pytest.param(InputError("two\nlines  of it"), "two lines of it", id="never more than one line"),
        pytest.param(
            ExceptionGroup("parts", [ExceptionGroup("inner", [InputError("first")]), OSError("second")]),
            "first",
            id="parts that failed together",
        ),
    ],
)
def test_a_failure_is_one_line_and_exit_1(error, line, capsys):
    assert errors.run(failing(error)) == errors.ERROR
    captured = capsys.readouterr()
    assert captured.err == f"error: {line}\n"
    assert captured.out == ""


def test_ctrl_c_is_130():
    assert errors.run(failing(click.Abort())) == 130


@pytest.mark.parametrize("error", [ValueError("a defect"), ExceptionGroup("x", [InputError("a"), KeyError("b")])])
def test_a_defect_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        errors.run(failing(error))


def test_a_reader_that_went_away_is_no_traceback(tmp_path):
    manifest = tmp_path / "pod.json"
    manifest.write_text('{"metadata": {}, "spec": {"containers": [{"name": "a", "image": "b"}]}}')
    done = subprocess.run(
        f"{sys.executable} -m inplace diff {manifest} {manifest} -o json | true",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
