"""Results as documents for programs: JSON, YAML, and what a JSONPath finds in them. Refuses to know what is in them.

A document begins with `apiVersion` and `kind`, and then, if it is about one workload, with `workload`, which names it;
several are the `items` of a list. They are described in docs/reference/output.md, and held by tests/commands/golden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import click
import msgspec
from click.shell_completion import CompletionItem

from inplace.cli.say import say_text

#: Every document begins with it and with its kind. Within a version fields are only added.
API_VERSION: Final = "inplace.dev/v1"
JSONPATH: Final = "jsonpath="
#: Of a workload, which `workload` names already.
_IDENTITY: Final = frozenset({"kind", "namespace", "name"})

Document = dict[str, Any]
_F = TypeVar("_F", bound=Callable[..., Any])


class Format(click.ParamType[str]):
    """What `-o` accepts: `text`, which is for people and each command's own, words of the command, and documents."""

    name = "format"

    def __init__(self, *own: str) -> None:
        self.words = ("text", *own, "json", "yaml")
        #: How they are written, for help and pages.
        self.spelled = (*self.words, f"{JSONPATH}TEMPLATE")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what is no format, before anything is asked of a cluster."""
        text = str(value)
        if text.startswith(JSONPATH):
            from inplace.cli.render import jsonpath

            try:
                jsonpath.parse(text.removeprefix(JSONPATH))
            except jsonpath.PathError as error:
                raise click.BadParameter(f"invalid jsonpath: {error}: expected {jsonpath.ACCEPTED}") from error
        elif text not in self.words:
            raise click.BadParameter(f'invalid format "{text}": expected {", ".join(self.spelled)}')
        return text

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """All of them."""
        return "|".join(self.spelled)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """All of them."""
        return [CompletionItem(word) for word in (*self.words, JSONPATH) if word.startswith(incomplete)]


def output_option(*own: str) -> Callable[[_F], _F]:
    """`-o`, which the command gets as `output`."""
    return click.option("-o", "--output", type=Format(*own), default="text", show_default=True, help="Output format.")


def is_document(output: str) -> bool:
    """Whether it is for programs."""
    return output in {"json", "yaml"} or output.startswith(JSONPATH)


def document(value: object, kind: str, workload: Mapping[str, str] | None = None) -> Document:
    """Plain data or a Struct as a document of this kind, about this workload."""
    plain: Document = msgspec.to_builtins(value, str_keys=True)
    head: Document = {"apiVersion": API_VERSION, "kind": kind}
    if workload is None:
        return {**head, **plain}
    return {**head, "workload": dict(workload), **{key: one for key, one in plain.items() if key not in _IDENTITY}}


def listed(documents: Sequence[Document], kind: str, *, alone: bool = False) -> Document:
    """Several documents of a kind as one; `alone`: one object was asked for by its name, as kubectl distinguishes."""
    if alone and len(documents) == 1:
        return documents[0]
    return {"apiVersion": API_VERSION, "kind": f"{kind}List", "items": list(documents)}


def show(value: object, output: str) -> None:
    """Print a document; what a JSONPath finds in it has no newline at its end, as with kubectl."""
    if not output.startswith(JSONPATH):
        say_text(render(value, output))
        return
    from inplace.cli.render import jsonpath

    plain = msgspec.json.decode(msgspec.json.encode(value))  # lists where there were tuples
    found = jsonpath.evaluate(output.removeprefix(JSONPATH), plain)
    say_text(found, newline=False)


def render(value: object, output: str) -> str:
    """Plain data or Structs as `json` or `yaml`, without a newline at its end."""
    plain = msgspec.to_builtins(value, str_keys=True)
    if output == "yaml":
        import yaml

        return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)).rstrip("\n")
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()
