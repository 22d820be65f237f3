"""What stands in a template of the chart where plain YAML does not: expressions, guards, and the text of it all.

Knows YAML and Helm's template language; knows nothing of the objects.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

#: No node at all.
ABSENT: Any = object()


@dataclass(frozen=True)
class Text:
    """A string with expressions in it; whatever they give, it is a string."""

    template: str


@dataclass(frozen=True)
class Expression:
    """A scalar that an expression gives as it is: a number, a boolean."""

    template: str


@dataclass(frozen=True)
class Tree:
    """YAML that an expression gives."""

    expression: str


@dataclass(frozen=True)
class Splice:
    """Entries that an expression gives, among those of a mapping or list. As a mapping's key it needs no value."""

    expression: str


@dataclass(frozen=True)
class When:
    """An entry that is there only under a condition (`if …` or `with …`); else perhaps another one."""

    condition: str
    node: Any
    otherwise: Any = ABSENT


def unless(condition: str) -> str:
    """The opposite of an `if`."""
    said = condition.removeprefix("if ")
    return f"if not ({said})" if " " in said else f"if not {said}"


def literal(text: str) -> str:
    """Text that Helm prints as it is."""
    return text.replace("{{", '{{ "{{" }}')


def emit(node: Any, indent: int = 0) -> str:
    """The lines of a mapping or list, each with its end."""
    pad = " " * indent
    if isinstance(node, dict):
        return "".join(_entry(pad, f"{_key(key)}:", value, key) for key, value in node.items())
    return "".join(_entry(pad, "-", value, value) for value in node)


def _entry(pad: str, lead: str, node: Any, key: Any) -> str:
    if isinstance(node, When):
        other = (
            f"{pad}{{{{- else }}}}\n{_entry(pad, lead, node.otherwise, key)}" if node.otherwise is not ABSENT else ""
        )
        held = _entry(pad, lead, node.node, node.node if lead == "-" else key)
        return f"{pad}{{{{- {node.condition} }}}}\n{held}{other}{pad}{{{{- end }}}}\n"
    if isinstance(key, Splice):
        return f"{pad}{{{{- {key.expression} | nindent {len(pad)} }}}}\n"
    if isinstance(node, Tree):
        return f"{pad}{lead}\n{pad}  {{{{- {node.expression} | nindent {len(pad) + 2} }}}}\n"
    if isinstance(node, dict | list) and node:
        if lead == "-":  # the first entry stands beside the dash, where no guard can
            guarded = isinstance(next(iter(node.values())) if isinstance(node, dict) else node[0], When | Splice)
            inner = emit(node, len(pad) + 2)
            return f"{pad}-\n{inner}" if guarded else f"{pad}- {inner[len(pad) + 2 :]}"
        return f"{pad}{lead}\n{emit(node, len(pad) + 2)}"
    return f"{pad}{lead} {_scalar(node, len(pad))}\n"


def _key(key: Any) -> str:
    return "" if isinstance(key, Splice) else _plain(key)


def _scalar(node: Any, indent: int) -> str:
    match node:
        case Expression(template):
            return template
        case Text(template):
            return f'"{template}"' if _is_short(template) else _block(template, indent)
        case str() if not _is_short(node):
            return _block(literal(node), indent)
        case str():
            return literal(_plain(node))
    return json.dumps(node)


def _is_short(text: str) -> bool:
    inside = re.sub(r"\{\{.*?\}\}", "", text)
    return "\n" not in text and len(text) < 100 and not {'"', "\\"} & set(inside)


def _block(text: str, indent: int) -> str:
    lines = text.split("\n")
    assert lines[0] == lines[0].lstrip(), "a block would lose the indentation of its first line"
    chomp = "-" if lines[-1] else ""
    pad = " " * (indent + 2)
    return f"|{chomp}\n" + "\n".join(f"{pad}{line}" if line else "" for line in (lines if chomp else lines[:-1]))


def _plain(text: str) -> str:
    return yaml.safe_dump(text, width=10_000).removesuffix("\n").removesuffix("\n...")
