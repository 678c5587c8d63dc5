"""The keys in Consul by which hosts tell each other what they have, and what they need."""

from __future__ import annotations

import base64
from typing import Any

from .api import Api, ApiError

WANTED = "/v1/kv/meshform/rotation"
HOSTS = "/v1/kv/meshform/hosts"
FEDERATION = "/v1/kv/meshform/federation"


def read_texts(consul: Api, path: str) -> dict[str, str]:
    """The values of a key, or of all keys that begin with it if `?recurse` is appended.

    @returns by what follows `meshform/` or `meshform/hosts/` in the name
    """
    entries = none_if_missing(consul, path) or []
    return {short_name(entry["Key"]): decode(entry["Value"]) for entry in entries}


def read_names(consul: Api, path: str) -> list[str]:
    """The same names, of all keys that begin with the path."""
    return [short_name(name) for name in none_if_missing(consul, f"{path}?keys") or []]


def none_if_missing(consul: Api, path: str) -> list[Any] | None:
    try:
        found: list[Any] = consul.call("GET", path)
        return found
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def short_name(name: str) -> str:
    return name.removeprefix("meshform/").removeprefix("hosts/")


def decode(value: str | None) -> str:
    return base64.b64decode(value or "").decode(errors="replace").strip('"')
