"""Exit codes, and how every failure becomes one line on stderr.

Does not depend on any command. Bad input and a cluster that does not answer never end in a traceback; a defect of ours
does, because its traceback is the information.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import click

from inplace.cli.say import say, say_text

OK: Final = 0
ERROR: Final = 1
CHANGES: Final = 2
REFUSED: Final = 3
FAILED: Final = 4
#: Somebody has to do something: to promote, or to resume.
AWAITS: Final = 5
TIMED_OUT: Final = 124
INTERRUPTED: Final = 130


class InputError(Exception):
    """What the user gave cannot be used; the message is one line, names the thing and says what is expected."""


def run(command: Callable[[], int | None]) -> int:
    """Run a command and give its exit code: its own, 1 with one line on stderr, or 130 after Ctrl-C."""
    try:
        return command() or OK
    except click.Abort:
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:  # as kubectl: asking it nothing is fine, half a command is not
        is_whole = error.ctx.parent is None
        say_text(error.message, err=not is_whole)
        return OK if is_whole else ERROR
    except click.UsageError as error:
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx is not None else ""
        return _fail(_lowered(error.format_message()) + hint)
    except click.ClickException as error:
        return _fail(_lowered(error.format_message()))
    except _expected() as error:
        return _fail(told(error))
    except BaseExceptionGroup as group:
        known, others = group.split(_expected())
        if known is None or others is not None:
            raise
        return _fail(told(_first(known)))


#: What to do next, by the name of a failure that does not say so itself.
_NEXT: Final = {
    "Denied": "run `inplace check` for the rules that are missing",
    "Unreachable": "run `kubectl config view --minify` to see which server is asked, and as whom",
}


def told(error: BaseException) -> str:
    """A failure as one line that says what to do next."""
    line = " ".join(str(error).split()) or type(error).__name__
    following = _NEXT.get(type(error).__name__)
    return f"{line}: {following}" if following else line


#: Failures that are no defects, by the module that has them: looked up only if something has loaded it.
_EXPECTED: Final = {"inplace.kube.errors": "KubeError", "inplace.serve.http": "ListenError"}


def _expected() -> tuple[type[Exception], ...]:
    loaded = ((sys.modules.get(module), name) for module, name in _EXPECTED.items())
    return (InputError, OSError, *(getattr(module, name) for module, name in loaded if module is not None))


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    """One failure of a group: its parts fail together because one of them did."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _lowered(message: str) -> str:
    """Click's sentences, without their capital and full stop, to stand after `error: `."""
    return message[:1].lower() + message[1:].removesuffix(".")


def _fail(message: str) -> int:
    say(f"error: {' '.join(message.split())}", err=True)
    return ERROR
