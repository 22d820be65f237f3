"""The in-cluster credentials of kubernetes_asyncio, and nothing else of it.

Importing the whole library runs some 850 generated modules, none of which we use: 36 MB of memory for the lifetime of
the process, and 0.3 s at every start of the command line. Only its own `__init__` files import them, so two of these
are replaced by empty packages of the same path; everything below them is the library's, unchanged.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple

LIBRARY = "kubernetes_asyncio"


class Loaders(NamedTuple):
    """`config` is the library's module of that name, `configuration` its class of connection settings."""

    config: Any
    configuration: Any


@cache
def loaders() -> Loaders:
    """Import them. If the whole library has been imported already, it is used as it is."""
    if LIBRARY not in sys.modules:
        _prepare()
    config = import_module(f"{LIBRARY}.config")
    return Loaders(config, import_module(f"{LIBRARY}.client.configuration").Configuration)


def _prepare() -> None:
    spec = find_spec(LIBRARY)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"{LIBRARY} is not installed", name=LIBRARY)
    root = list(spec.submodule_search_locations)
    _bare(LIBRARY, root)
    client = _bare(f"{LIBRARY}.client", [f"{folder}/client" for folder in root])
    vars(client)["Configuration"] = import_module(f"{LIBRARY}.client.configuration").Configuration
    vars(client)["ApiClient"] = object  # in the loaders' signatures, instantiated only by functions that we never call


def _bare(name: str, path: list[str]) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = path
    sys.modules[name] = module
    return module
