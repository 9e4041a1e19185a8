"""Every address of the desk, taken from its URL map."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    """`name` as reverse() knows it; what has no name is called by its address. `parameters` in their order."""

    name: str
    address: str
    parameters: tuple[str, ...]
    view: Any


def everything() -> list[Route]:
    return list(_routes(get_resolver("serviceflow.urls").url_patterns, "", ""))


def routes() -> dict[str, Route]:
    """{name: route}. The same view at the same address by another name, or with a slash more, is the same route."""
    found: dict[str, Route] = {}
    first: dict[str, Route] = {}
    for route in everything():
        twin = first.setdefault(route.address.removesuffix("/"), route)
        if twin is not route and twin.view is route.view:
            continue
        assert route.name not in found, f"two addresses are called {route.name}"
        found[route.name] = route
    return found


def _routes(patterns: list[Any], space: str, before: str) -> Iterator[Route]:
    for pattern in patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _routes(pattern.url_patterns, inner, address)
        elif isinstance(pattern, URLPattern):
            groups = pattern.pattern.regex.groupindex
            parameters = tuple(pattern.pattern.converters) or tuple(groups)
            yield Route(
                f"{space}{pattern.name}" if pattern.name else address, address, parameters, pattern.callback
            )
