"""Inputs near real ones: made by the types that they are decoded to, or real ones with something else in them."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any, Final

from msgspec import inspect as types

#: What is at an edge of something: of a type, a format, a range, an encoding.
ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**400, 0.5, 1e308, "", " ", "\0", "\x1b[2J", "\ud800",
    "a" * 300, "null", "{", "[]", "{}", "true", "-1", "1e9", "100%", "9" * 5000, "🙂", "\u202e", "../..", "a/b/c",
    "a,b,,c", "*" * 300, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-01-01T00:00:00+23:59",
    "2026-01-01T24:00:00Z", "2026-13-01", [], {}, [None], {"": None}, [[]], {"a": {}}, {"$patch": "delete"},
    {"name": None},
)  # fmt: skip
DEEP: Final = ("[" * 1200 + "]" * 1200, '{"a":' * 3000 + "1" + "}" * 3000, "[" * 50)
_MARK: Final = "<deep>"


def odd(rng: random.Random) -> Any:
    """One of them, for the taker alone: trees are changed."""
    return copy.deepcopy(rng.choice(ODD))


def mutated(rng: random.Random, seed: Any) -> Any:
    """The tree with one to four other things in it."""
    tree = json.loads(json.dumps(seed))
    for _ in range(rng.randint(1, 4)):
        tree = _one(rng, tree)
    return tree


def _one(rng: random.Random, tree: Any) -> Any:
    places = list(_places(tree))
    if not places:
        return odd(rng)
    holder, key = rng.choice(places)
    match rng.randrange(8):
        case 0:
            del holder[key]
        case 1 | 2:
            holder[key] = odd(rng)
        case 3:
            other, where = rng.choice(places)
            holder[key] = json.loads(json.dumps(other[where], default=str))
        case 4 if isinstance(holder, list):
            holder.extend([holder[key]] * rng.choice((1, 2, 100)))
        case 4:
            holder[str(odd(rng))[:300]] = holder[key]
        case 5 if isinstance(holder[key], str):
            holder[key] = _text(rng, holder[key])
        case 6 if isinstance(holder[key], int):
            holder[key] = rng.choice((-holder[key], holder[key] * 2**40, str(holder[key]), 0.5))
        case 7:
            holder[key] = _MARK
        case _:
            holder[key] = [holder[key]]
    return tree


def _places(tree: Any) -> Any:
    """Every holder in a tree, with a key or an index of it."""
    stack = [tree]
    while stack:
        holder = stack.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            yield holder, key
            stack.append(holder[key])


def _text(rng: random.Random, text: str) -> str:
    """Another text; of JSON in a text, as annotations have it, another document."""
    if text[:1] == "{" and rng.random() < 0.8:
        try:
            return json.dumps(mutated(rng, json.loads(text)))
        except (ValueError, RecursionError):
            return text[:-1]
    at = rng.randint(0, len(text))
    return text[:at] + str(odd(rng))[:500] + text[rng.randint(at, len(text)) :]


def encoded(rng: random.Random, tree: Any) -> bytes:
    """As bytes; now and then with some of them wrong, or nested beyond what Python could have made."""
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5)
    text = text.replace(json.dumps(_MARK), rng.choice(DEEP))
    raw = bytearray(text.encode(errors="surrogatepass"))
    if raw and rng.random() < 0.15:
        for _ in range(rng.randint(1, 5)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        if rng.random() < 0.3:
            del raw[rng.randrange(len(raw)) :]
    return bytes(raw)


def made(rng: random.Random, type_: Any) -> Any:
    """A tree that a type could be decoded from, but for what is odd in it."""
    return _made(rng, types.type_info(type_), 0)


def _made(rng: random.Random, kind: types.Type, depth: int) -> Any:
    if rng.random() < 0.05 or depth > 8:
        return odd(rng)
    simple: dict[type, Callable[[], Any]] = {
        types.IntType: lambda: rng.choice((0, 1, 3, 100, -1, 2**31)),
        types.FloatType: rng.random,
        types.BoolType: lambda: rng.random() < 0.5,
        types.NoneType: lambda: None,
        types.StrType: lambda: rng.choice(("", "a", "web-0", "Ready", "True", "app:v1", "Pod", "10%", "v1.36.0")),
        types.DateTimeType: lambda: rng.choice(("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+02:00")),
    }
    if type(kind) in simple:
        return simple[type(kind)]()
    match kind:
        case types.StructType():
            fields = (field for field in kind.fields if field.required or rng.random() < 0.7)
            return {field.encode_name: _made(rng, field.type, depth + 1) for field in fields}
        case types.UnionType():
            return _made(rng, rng.choice(kind.types), depth)
        case types.VarTupleType() | types.ListType():
            return [_made(rng, kind.item_type, depth + 1) for _ in range(rng.randrange(4))]
        case types.DictType():
            return {rng.choice(("a", "app", "inplace.dev/mode", "")): _made(rng, kind.value_type, depth + 1)}
        case types.EnumType():
            return rng.choice([member.value for member in kind.cls])
    return odd(rng)
