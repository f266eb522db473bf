"""The command line's edges: what is patched, what an error looks like, which exit code a script sees."""

import json
import os
import subprocess
import sys

import click
import pytest

from ppc_engine import cli
from ppc_engine.__main__ import command_name
from ppc_engine.values.errors import BadValueError, ConfigError, Issue, OutsideError


def run_python(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=50, check=False, **options
    )


def is_patched(command):
    """Whether a process started as ``ppc COMMAND`` is patched."""
    probe = (
        "import sys, json; sys.argv = ['ppc', *sys.argv[1:]]\n"
        "import ppc_engine.__main__\n"
        "patched = 'gevent' in sys.modules and __import__('gevent.monkey').monkey.is_module_patched('socket')\n"
        "print(json.dumps(patched))"
    )
    done = run_python("-c", probe, *command)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", [["serve"], ["demo", "--seed", "1"], ["--help", "serve"]])
def test_commands_that_run_calls_are_patched(command):
    assert is_patched(command)


@pytest.mark.parametrize("command", [["qualify"], ["call", "list", "demo"], [], ["--version"]])
def test_batch_commands_are_not(command):
    assert not is_patched(command)


def test_patching_comes_before_any_other_import_of_ours():
    probe = (
        "import sys; sys.argv = ['ppc', 'serve']\n"
        "from gevent import monkey\n"
        "def seen(**kw): print([m for m in ('click', 'ppc_engine.cli', 'socket', 'ssl') if m in sys.modules])\n"
        "monkey.patch_all = seen\n"
        "import ppc_engine.__main__"
    )
    done = run_python("-c", probe)
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_the_command_is_the_first_word_that_is_no_option():
    assert command_name(["--version"]) == ""
    assert command_name(["-h", "serve", "demo"]) == "serve"


@pytest.fixture
def failing(monkeypatch):
    """Make ``ppc call`` raise what a test wants."""

    def install(error):
        @click.command()
        def command():
            raise error

        monkeypatch.setattr(cli.LazyGroup, "get_command", lambda self, ctx, name: command)

    return install


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (OutsideError("the switch at 127.0.0.1:8021\nrefuses us"), 3, "ppc: the switch at 127.0.0.1:8021 refuses us\n"),
        (BadValueError("no call begins with 12"), 1, "ppc: no call begins with 12\n"),
        (click.UsageError("no such option"), 2, "Error: no such option\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (BrokenPipeError(), 141, ""),
    ],
    ids=["outside", "value", "usage", "interrupt", "pipe"],
)
def test_an_error_is_one_line_and_an_exit_code(failing, capsys, error, code, line):
    failing(error)
    assert cli.run(["call"]) == code
    captured = capsys.readouterr()
    assert captured.err.endswith(line) and captured.out == ""
    assert "Traceback" not in captured.err


def test_a_refused_configuration_is_listed_issue_by_issue(failing, capsys):
    issues = [
        Issue(file="b.yaml", line=3, column=5, path="offers.0.amount", message='"x" is not an amount'),
        Issue(file="a.yaml", message="is empty"),
        Issue(file="c.yaml", line=1, column=1, message="is not used", severity="warning"),
    ]
    failing(ConfigError(issues))
    assert cli.run(["call"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "a.yaml: is empty",
        'b.yaml:3:5: offers.0.amount: "x" is not an amount',
        "c.yaml:1:1: warning: is not used",
        "2 problems; the configuration was refused as a whole",
    ]


def test_a_bug_is_not_hidden(failing):
    failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.run(["call"])


def test_wrong_usage_is_exit_code_2():
    done = run_python("-m", "ppc_engine", "teleport")
    assert done.returncode == 2 and "No such command 'teleport'" in done.stderr and "Traceback" not in done.stderr


def test_a_closed_pipe_ends_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", PIPE_PROBE], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=50, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


PIPE_PROBE = """
import sys, click
from ppc_engine import cli
@click.command()
def command():
    for n in range(100_000): click.echo(n)
cli.LazyGroup.get_command = lambda self, ctx, name: command
sys.argv = ["ppc", "call"]
cli.main()
"""


def test_help_lists_every_command_and_imports_none():
    probe = "import sys; from ppc_engine import cli; cli.run(['--help']); print('sqlalchemy' in sys.modules)"
    done = run_python("-c", probe)
    listed = [line.split()[0] for line in done.stdout.split("Commands:")[1].splitlines() if line.startswith("  ")]
    assert listed == list(cli.COMMANDS)
    assert done.stdout.endswith("False\n")


@pytest.mark.parametrize("noun", cli.COMMANDS)
def test_every_listed_command_is_there(noun):
    assert isinstance(cli.ppc.get_command(click.Context(cli.ppc), noun), click.Command)
