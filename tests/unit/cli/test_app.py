"""The program: commands, options before and after them, exit codes of usage errors."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import click
import pytest
from click.testing import CliRunner

import inplace
from inplace.cli import app, options
from inplace.cli.app import main, program_name
from inplace.cli.commands import COMMANDS
from inplace.cli.options import Connection, connection_options, with_connection


def run(*args, **extra):
    return CliRunner().invoke(main, list(args), **extra)


def loaded_by(*args):
    """The modules that the program has loaded when it is done."""
    code = (
        "import sys\n"
        "from inplace.cli.app import main\n"
        "try:\n"
        f"    main({list(args)!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print('\\n' + ' '.join(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


# -- commands


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there(name):
    _, short = COMMANDS[name]
    command = app.main.get_command(click.Context(app.main), name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert short.endswith(".")
    first, _, details = (command.help or "").partition("\n\n")
    assert (first, command.short_help) == (short, short)
    assert details


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_every_command(flag):
    done = run(flag)
    assert done.exit_code == 0
    for name, (_, short) in COMMANDS.items():
        assert f"  {name}" in done.output
        assert short in done.output


def test_help_loads_no_command():
    found = loaded_by("--help")
    assert not {module for module, _ in COMMANDS.values()} & found
    assert not {"yaml", "aiohttp", "asyncio", "kubernetes_asyncio", "rich"} & found


def test_version():
    assert run("version").output == f"inplace {inplace.__version__}\n"
    assert f'"version": "{inplace.__version__}"' in run("version", "-o", "json").output
    assert f"version: {inplace.__version__}\n" in run("version", "-o", "yaml").output


@pytest.mark.parametrize(
    ("argv0", "name"),
    [
        ("/usr/local/bin/inplace", "inplace"),
        ("/usr/local/bin/kubectl-inplace", "kubectl inplace"),
        ("kubectl-inplace", "kubectl inplace"),
        ("__main__.py", "inplace"),
    ],
)
def test_the_name_follows_how_it_was_called(argv0, name):
    assert program_name(argv0) == name


def test_as_a_plugin_the_help_speaks_of_kubectl(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kubectl-inplace"])
    assert "Usage: kubectl inplace diff" in run("diff", "--help").output
    assert "(see kubectl inplace explain --help)" in run("explain").stderr


def test_both_entry_points_and_the_module_are_the_same_program():
    done = subprocess.run([sys.executable, "-m", "inplace", "version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"inplace {inplace.__version__}\n"


def test_where_the_demos_cluster_is_missing_that_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "kubesim", None)
    done = run("demo")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: the demo's cluster is not in the controller's image: pip install")


# -- usage errors


def test_the_program_alone_shows_its_help_and_half_a_command_is_an_error():
    """As kubectl and its groups of commands do."""
    whole = run()
    assert (whole.exit_code, whole.stderr) == (0, "")
    assert whole.stdout == run("--help").stdout
    half = run("set")
    assert (half.exit_code, half.stdout) == (1, "")
    assert "Usage: inplace set" in half.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param(("dif",), "no such command 'dif'", id="unknown command"),
        pytest.param(("explain",), "missing argument 'POD...'", id="missing argument"),
        pytest.param(("diff",), "expected OLD and NEW, two files, or a WORKLOAD with -f FILE", id="missing file"),
        pytest.param(("version", "c"), "got unexpected extra argument (c)", id="extra argument"),
        pytest.param(("diff", "a", "b", "c"), "with -f FILE or --revision N, found 3", id="extra file"),
        pytest.param(("diff", "sts/web", "b"), "what is sts/web to be compared with? expected -f FILE", id="no file"),
        pytest.param(("--colour", "diff"), "no such option", id="unknown option"),
        pytest.param(("--as-user-extra", "view", "version"), 'invalid extra "view": expected KEY=VALUE', id="extra"),
        pytest.param(
            ("diff", "a", "b", "-o", "xml"),
            'invalid format "xml": expected text, json, yaml, jsonpath=TEMPLATE',
            id="bad choice",
        ),
        pytest.param(("-n", "a/b", "version"), 'invalid name "a/b": expected the name of a namespace', id="namespace"),
        pytest.param(("run", "--watch-namespace", "a/b"), 'invalid name "a/b": expected', id="watched namespace"),
        pytest.param(("run", "--lease-namespace", ".."), 'invalid name "..": expected', id="namespace of the Lease"),
        pytest.param(
            ("--request-timeout", "5x", "version"), 'invalid duration "5x": expected 30, 30s, 5m or 1h', id="duration"
        ),
        pytest.param(
            ("diff", "a", "b", "--kubelet", "new"),
            'invalid Kubernetes version "new": expected MAJOR.MINOR',
            id="version",
        ),
    ],
)
def test_usage_errors_are_one_line_and_exit_1(args, said):
    done = run(*args)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "--help)" in done.stderr


def test_ctrl_c_exits_130(monkeypatch):
    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("inplace.cli.version").version, "callback", interrupted)
    assert run("version").exit_code == 130


# -- connection options


@pytest.fixture
def probe(monkeypatch):
    """A command that keeps the connection it was given."""
    seen: list[Connection] = []

    @click.command()
    @with_connection
    @click.option("--other")
    def probe(connection: Connection, other: str | None) -> None:
        seen.append(connection)

    @click.group(cls=app.Program)
    @connection_options
    def group() -> None:
        """A group with the options before the command."""

    monkeypatch.setattr(app.Program, "get_command", lambda *_: probe)

    def call(*args):
        done = CliRunner().invoke(group, list(args))
        assert done.exit_code == 0, done.output
        return seen[-1]

    return call


GIVEN = (
    "--kubeconfig", "f", "--context", "c", "-n", "ns", "-A", "-l", "a=b", "--as", "me", "--request-timeout", "5m",
)  # fmt: skip
WANTED = Connection("f", "c", "ns", all_namespaces=True, selector="a=b", as_user="me", request_timeout=300)


def test_without_options_the_kubeconfig_decides(probe):
    assert probe("probe") == Connection()


@pytest.mark.parametrize("after", [False, True])
def test_every_option_before_or_after_the_command(probe, after):
    assert probe(*(("probe", *GIVEN) if after else (*GIVEN, "probe"))) == WANTED


def test_options_on_both_sides_add_up_and_the_later_wins(probe):
    found = probe("-n", "first", "--context", "c", "probe", "-n", "second", "--other", "x")
    assert found == Connection(context="c", namespace="second")


def test_nothing_stays_from_one_call_to_the_next(probe):
    assert probe("-n", "x", "probe").namespace == "x"
    assert probe("probe").namespace is None


def test_a_timeout_of_zero_is_no_limit_of_ones_own(probe):
    assert probe("--request-timeout", "5s", "probe", "--request-timeout", "0").request_timeout is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("30s", 30), ("5m", 300), ("1h", 3600), ("500ms", 0.5), ("1.5m", 90), ("0", 0)]
)
def test_durations(text, seconds):
    assert options.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "1d", "1m30s", "٣", "1 s"])
def test_what_is_no_duration(text):
    with pytest.raises(click.BadParameter, match="invalid duration"):
        options.seconds(text)


@pytest.mark.parametrize(
    "line",
    [
        "explain web-0", "events sts/web", "report sts/web", "restart pod/web-0",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("given", "named"), [(["-A"], "--all-namespaces"), (["-l", "a=b"], "--selector"), (["--selector="], "--selector")]
)
@pytest.mark.parametrize("after", [False, True])
def test_what_would_choose_many_objects_is_refused_by_name(line, given, named, after):
    done = CliRunner().invoke(app.main, [*line.split(), *given] if after else [*given, *line.split()])
    assert done.exit_code == 1
    assert done.stderr == f"error: {named} is not supported: expected one object by its name, and --namespace\n"


@pytest.mark.parametrize(
    "command", ["plan", "status", "history", "enable", "disable", "check", "pause", "undo", "restart"]
)
@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["-A"], "--all-namespaces cannot be given when a workload is named: expected TYPE/NAME, TYPE NAME,"),
        (["-l", "a=b"], "--selector cannot be given when a workload is named: expected TYPE/NAME, TYPE NAME,"),
        (["--selector="], 'invalid --selector "": expected labels, such as app=web'),
        (["-l", "a=(b"], 'invalid --selector "a=(b": expected app=web, tier!=db, env in (a,b), mesh or !mesh'),
        (["-f", "FILE"], "--filename cannot be given when a workload is named: expected TYPE/NAME, TYPE NAME,"),
    ],
)
def test_flags_that_contradict_each_other_are_refused_before_a_cluster_is_asked(command, given, says):
    if given[0] == "-f" and command == "plan":  # where the file is what is planned
        says = "FILE: No such file or directory"
    done = run(command, "sts/web", *given)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {says}"), done.stderr


@pytest.mark.parametrize(("option", "said"), [("--listen=off", "--listen off"), ("--dry-run", "--dry-run")])
def test_series_for_each_workload_are_refused_where_nobody_could_read_them(option, said):
    done = run("run", "--metrics-per-workload", option)
    assert done.exit_code != 0
    assert f"--metrics-per-workload cannot be used with {said}: nobody could read the metric" in done.stderr


def test_the_help_of_run_names_the_metric_that_the_option_adds():
    text = " ".join(run("run", "--help").output.split())
    assert "--metrics-per-workload Also serve inplace_workload_info, a series for every opted-in workload." in text
