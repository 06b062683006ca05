"""Composition root: settings -> Redis -> bundle -> funnel -> warm-up -> routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from time import monotonic

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import (
    errors,
    events,
    explain,
    health,
    item_counts,
    items,
    onboarding,
    recommend,
    user_blocks,
    users,
)
from app.api.body_limit import BodyLimit
from app.api.path_ids import EncodedSlashes
from app.observe import logs
from app.observe.metrics import Metrics
from app.service import Service
from app.settings import Settings

DESCRIPTION = "Picks the items that a user should see now, live, on every request, inside 100 ms."


class ArrivalTiming:
    """Notes when a request reached us, and what became of it, whatever its status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, timed."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["arrived"] = monotonic()
        status = 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.request_started()
        try:
            await self._app(scope, receive, sent)
        finally:
            self._metrics.request_ended()
            route = scope.get("route")
            path = route.path if route else "unknown"
            self._metrics.record_request(path, status, monotonic() - scope["arrived"])


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; uvicorn calls this in each worker."""
    settings = settings or Settings()
    logs.configure(settings.log_level)
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = Service(settings, metrics)
        app.state.service = service
        service.start()
        try:
            if settings.workers > 1:  # the others answer until this one can
                await service.first_attempt.wait()
            yield
        finally:
            await service.stop()

    app = FastAPIOffline(  # its /docs needs nothing from outside
        title="recfunnel", version=version("recfunnel"), description=DESCRIPTION, lifespan=lifespan
    )
    app.add_middleware(BodyLimit)
    app.add_middleware(ArrivalTiming, metrics=metrics)
    app.add_middleware(EncodedSlashes)
    errors.install(app)
    for router in (
        recommend.direct,
        recommend.router,
        explain.router,
        events.router,
        user_blocks.router,
        items.router,
        onboarding.router,
        users.router,
        item_counts.router,
        health.router,
    ):
        app.include_router(router)
    return app
