"""Adds Gorse's API to the application."""

from fastapi import FastAPI

from app.gorse_api import feedback, health, item_lists, items, recommend, users
from app.gorse_api.edge import GorseEdge

RESOURCES = (users, items, feedback, recommend, item_lists, health)


def install_gorse_api(app: FastAPI) -> None:
    """Add the routes below ``/api``, and the step before all others. Call it last."""
    for resource in RESOURCES:
        app.include_router(resource.router)
    app.add_middleware(GorseEdge)
