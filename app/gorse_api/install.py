"""Adds Gorse's API to the application."""

from typing import Any

from fastapi import FastAPI

from app.gorse_api import feedback, health, item_lists, items, recommend, users
from app.gorse_api.edge import START, GorseEdge
from app.gorse_api.schemas import describe_errors

RESOURCES = (users, items, feedback, recommend, item_lists, health)


def install_gorse_api(app: FastAPI) -> None:
    """Add the routes below ``/api``, and the step before all others. Call it last."""
    for resource in RESOURCES:
        app.include_router(resource.router)
    app.add_middleware(GorseEdge)
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        schema = describe()
        for path, operations in schema["paths"].items():
            if path.startswith(START):
                for operation in operations.values():
                    describe_errors(operation)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
