"""Every address of the desk, made from its URL map: what is added there is tried without anybody thinking of it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


def addresses(known: Mapping[str, str]) -> list[str]:
    """Each pattern once, with `known` values for what it takes, by the name it has there, and a 1 for the rest."""
    return sorted(set(_walk(get_resolver("serviceflow.urls").url_patterns, "/", known)))


def _walk(patterns: list[Any], before: str, known: Mapping[str, str]) -> Iterator[str]:
    for pattern in patterns:
        path = before + _filled(pattern, known)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path, known)
        elif isinstance(pattern, URLPattern):
            yield path


def _filled(pattern: URLPattern | URLResolver, known: Mapping[str, str]) -> str:
    path = str(pattern.pattern)
    if path == r"(?P<url>.*)$":  # admin's own answer to what it does not know
        return "nowhere"
    if path.startswith("^"):
        path = path.lstrip("^").rstrip("$")
        for written, value in REGULAR.items():
            path = path.replace(written, known.get(value, "1"))
        assert "(" not in path, f"say in REGULAR what stands for the groups of {path}"
    for name in pattern.pattern.converters:
        path = re.sub(rf"<(\w+:)?{name}>", known.get(name, "1"), path)
    assert "<" not in path, f"nothing stands for a part of {path}"
    return path.lstrip("/")


# Groups of regular expressions, as they are written, and the name of what stands for them.
REGULAR = {"(?P<file>[0-9a-f-]{36})": "file", "(?P<size>small|large)": "size", "(?P<app_label>": "app"}
