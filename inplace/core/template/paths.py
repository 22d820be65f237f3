"""Where in a template something stands, as steps: what the API names is told apart from what an author chose.

Rules look at the steps (`match path: case ("spec", "containers", Chosen())`). The text of a path is for people only:
names that authors choose may be of any length and hold any character, so nothing is ever read from it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: The longest key of a label or an annotation, with its prefix: no name of an object, container or key is longer.
LONGEST_NAME: Final = 317


class Chosen(NamedTuple):
    """A step that the API does not name: the key of an object in a list, or of a map, or an index. In brackets."""

    key: str


#: A field is text, anything else is Chosen.
Step = str | Chosen
Path = tuple[Step, ...]


def text(path: Path) -> str:
    """The path in words: `spec.containers[app].env[MODE].value`; names beyond any that the API bounds are cut."""
    parts = (f"[{cut(step.key)}]" if isinstance(step, Chosen) else f".{step}" for step in path)
    return "".join(parts).removeprefix(".")


def cut(name: str, most: int = LONGEST_NAME) -> str:
    """The text, with an ellipsis for what is beyond `most` characters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"
