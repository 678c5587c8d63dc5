"""Stores that clouds have. Each module in here is one cloud's: it says which kinds of stores that has, and opens them.

A module has `SECRET_STORES`, `SNAPSHOT_STORES` and `METRIC_STORES`, and may have `LOG_STORES`, from the type that
host.json names to what opens such a store with its settings. Its docstring is part of the manual.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

from ..basics import Problem

Opener = Callable[[Mapping[str, str]], Any]

CLOUDS = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
SECRET_STORES: dict[str, Opener] = {kind: opener for cloud in CLOUDS for kind, opener in cloud.SECRET_STORES.items()}
SNAPSHOT_STORES: dict[str, Opener] = {
    kind: opener for cloud in CLOUDS for kind, opener in cloud.SNAPSHOT_STORES.items()
}
METRIC_STORES: dict[str, Opener] = {kind: opener for cloud in CLOUDS for kind, opener in cloud.METRIC_STORES.items()}
LOG_STORES: dict[str, Opener] = {
    kind: opener for cloud in CLOUDS for kind, opener in getattr(cloud, "LOG_STORES", {}).items()
}

MANUALS = [inspect.getdoc(cloud) or "" for cloud in CLOUDS]


def open_by_type(what: str, settings: Mapping[str, str], openers: Mapping[str, Opener]) -> Any:
    """@param what kind of store the settings in host.json are of"""
    kind = settings.get("type", "")
    if kind not in openers:
        raise Problem(f"{kind!r} is not a type of {what}.", f"Known types: {', '.join(openers)}.")
    try:
        return openers[kind](settings)
    except KeyError as error:
        raise Problem(f"The {what} in host.json lacks {error}.", "Add it.") from error
