"""Reads a request's parameters as Stripe does, and refuses what the types of its own library (16.1) do not name.

Those types are generated from Stripe's specification of its API: a parameter that is misspelt, missing or of the wrong kind is refused here as
it is there. What they don't say (lengths, what goes together) is said in stripe_books.py where it matters to us.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from types import SimpleNamespace, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from stripe._request_options import RequestOptions
from typing_extensions import is_typeddict

MOST_METADATA, LONGEST_METADATA_KEY, LONGEST_METADATA_VALUE = 50, 40, 500


class ApiError(Exception):
    """An answer of Stripe's that is a refusal."""

    def __init__(self, status: int, message: str, *, kind: str = "invalid_request_error", code: str | None = None, param: str | None = None) -> None:
        self.status = status
        self.body = {"error": {"type": kind, "message": message, "code": code, "param": param}}
        super().__init__(message)


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return nested parameters: a[b][0]=c becomes {"a": {"b": {"0": "c"}}}."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if not re.fullmatch(r"[^\[\]]+(\[[^\[\]]*\])*", name):
            raise ApiError(400, f"Invalid parameter name: {name}")
        path = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        place = found
        for step in path[:-1]:
            place = place.setdefault(step or str(len(place)), {})
            if not isinstance(place, dict):
                raise ApiError(400, f"Invalid parameter: {name}", param=name)
        place[path[-1] or str(len(place))] = value
    return found


@cache
def fields(cls: type) -> dict[str, object]:
    """The parameters of a TypedDict of the library with their types. Options of its transport, which it has beside them, are left out."""
    named = cls.__annotations__
    options = set(RequestOptions.__annotations__)
    if options <= set(named):
        named = {name: hint for name, hint in named.items() if name not in options}
    return get_type_hints(SimpleNamespace(__annotations__=named), globalns=vars(sys.modules[cls.__module__]))


def checked(value: Any, hint: Any, path: str = "") -> Any:
    """Return a parameter in its type. Raises: ApiError."""
    origin = get_origin(hint)
    if is_typeddict(hint):
        return _record(value, hint, path)
    if origin in (Union, UnionType):
        return _one_of(value, get_args(hint), path)
    if origin is list:
        if not isinstance(value, dict):
            raise ApiError(400, "Invalid array", param=path)
        return [checked(value[key], get_args(hint)[0], f"{path}[{key}]") for key in sorted(value, key=_place)]
    if origin is dict:
        return _metadata(value, path)
    return _plain(value, hint, path)


def _place(key: str) -> int:
    if not key.isdigit():
        raise ApiError(400, "Invalid array")
    return int(key)


def _record(value: Any, cls: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ApiError(400, f"Invalid hash: {path}", param=path)
    known = fields(cls)
    for name in value:
        if name not in known:
            full = f"{path}[{name}]" if path else name
            raise ApiError(400, f"Received unknown parameter: {full}", code="parameter_unknown", param=full)
    for name in cls.__required_keys__ & set(known):
        if name not in value:
            full = f"{path}[{name}]" if path else name
            raise ApiError(400, f"Missing required param: {full}.", code="parameter_missing", param=full)
    return {name: checked(inner, known[name], f"{path}[{name}]" if path else name) for name, inner in value.items()}


def _one_of(value: Any, hints: tuple[Any, ...], path: str) -> Any:
    # The library adds `str` to every list of words, for words to come; Stripe takes those of its list.
    if any(get_origin(hint) is Literal for hint in hints):
        hints = tuple(hint for hint in hints if hint is not str)
    if isinstance(value, dict):
        hints = tuple(hint for hint in hints if is_typeddict(hint) or get_origin(hint) in (dict, list)) or hints
    refused: ApiError | None = None
    for hint in hints:
        try:
            return checked(value, hint, path)
        except ApiError as error:
            refused = refused or error
    assert refused
    raise refused


def _metadata(value: Any, path: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(inner, str) for inner in value.values()):
        raise ApiError(400, f"Invalid hash: {path}", param=path)
    if len(value) > MOST_METADATA or any(len(key) > LONGEST_METADATA_KEY or len(inner) > LONGEST_METADATA_VALUE for key, inner in value.items()):
        raise ApiError(400, "Metadata is too long.", param=path)
    return {key: inner for key, inner in value.items() if inner}


def _plain(value: Any, hint: Any, path: str) -> Any:
    if not isinstance(value, str):
        raise ApiError(400, f"Invalid string: {path}", param=path)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ApiError(400, f"Invalid {path}: must be one of {', '.join(map(str, get_args(hint)))}", param=path)
        return value
    if hint is int:
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise ApiError(400, f"Invalid integer: {value}", code="parameter_invalid_integer", param=path)
        return int(value)
    if hint is bool:
        if value not in ("true", "false"):
            raise ApiError(400, f"Invalid boolean: {value}", param=path)
        return value == "true"
    if hint is Decimal:
        return Decimal(value)
    assert hint is str, f"{path}: the stand-in does not know the type {hint}"
    return value
