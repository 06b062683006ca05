"""Composition root of a worker: settings -> Redis -> bundle -> funnel -> warm-up -> routes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from app.api import (
    errors,
    events,
    explain,
    health,
    items,
    onboarding,
    recommend,
    users,
)
from app.api.middleware import AdmissionControl, ArrivalTiming, BodyLimit, EncodedSlashes
from app.observe import logs
from app.observe.metrics import Metrics
from app.service.rollout import DEFAULT_TIMING, RolloutTiming
from app.service.service import Service
from app.settings import Settings, shared_metrics_folder

DESCRIPTION = "Selects the items that a user should see now, live, per request, inside 100 ms."
RESOURCES = (recommend, explain, events, items, onboarding, users, health)


def create_app(settings: Settings | None = None, timing: RolloutTiming = DEFAULT_TIMING) -> FastAPI:
    """Build the application; uvicorn calls this in each worker."""
    settings = settings or Settings()
    logs.configure(settings.log_level)
    metrics = Metrics(shared_metrics_folder())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = Service(settings, metrics, timing)
        app.state.service = service
        service.start()
        try:
            if settings.workers > 1:  # the other workers answer until this one can
                await service.first_attempt.wait()
            yield
        finally:
            await service.stop()

    app = FastAPIOffline(  # its /docs needs nothing from the network
        title="recfunnel", version=version("recfunnel"), description=DESCRIPTION, lifespan=lifespan
    )
    # The last one added is the first that a request passes.
    app.add_middleware(recommend.PlainQueries)
    app.add_middleware(BodyLimit)
    app.add_middleware(AdmissionControl)
    app.add_middleware(ArrivalTiming, metrics=metrics)
    app.add_middleware(EncodedSlashes)
    errors.install(app)
    for resource in RESOURCES:
        app.include_router(resource.router)
    return app
