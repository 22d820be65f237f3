"""Results as documents for programs: JSON and YAML. Refuses to know what is in them."""

from __future__ import annotations

from typing import Final

import msgspec

#: What `-o` accepts; `text` is for people and each command's own.
FORMATS: Final = ("text", "json", "yaml")


def render(value: object, output: str) -> str:
    """A value of plain data or Structs as a `json` or `yaml` document, without a newline at its end."""
    plain = msgspec.to_builtins(value, str_keys=True)
    if output == "yaml":
        import yaml

        return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)).rstrip("\n")
    return msgspec.json.format(msgspec.json.encode(plain), indent=2).decode()
