"""The routes of the application, whichever router they come from."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import fastapi.routing
from fastapi import FastAPI
from starlette.routing import BaseRoute, compile_path

# Newer versions of FastAPI keep an included router as one route.
iterate_routes: Callable[[Sequence[BaseRoute]], Iterable[Any]] = getattr(
    fastapi.routing, "iter_route_contexts", iter
)


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """Return the methods of a path. Starlette names those of its first route alone."""
    methods: set[str] = set()
    for route in iterate_routes(app.routes):
        if getattr(route, "methods", None) and compile_path(route.path)[0].match(path):
            methods |= set(route.methods)
    return sorted(methods)
