"""``/trainings``: start a training, see how far it is, read its log, cancel it."""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.access_control import Caller
from app.api.endpoint import describe_parameters, json_response, read_query_string, service_of
from app.api.errors import RefusalError, error_response
from app.api.schemas import error_bodies
from app.bundle.manifest import Manifest
from app.service.service import Service
from app.settings import Settings
from app.trainings.availability import training_obstacle
from app.trainings.trainer_notices import TrainerNotice, read_trainer
from app.trainings.training_folder import KEPT, TrainingRunsError
from app.trainings.training_record import (
    ID_PATTERN,
    TrainingRecord,
    TrainingState,
    new_training_id,
)

router = APIRouter(tags=["trainings"])
Reply = TypeVar("Reply")
ELSEWHERE = (
    "run `recfunnel train --every 24h --from-archive` beside it, where the folders can be written "
    "to, with the same settings `out` and `state`; `--every never` trains on request alone"
)
TrainingId = Annotated[
    str,
    Path(
        description="As the answer to `POST /trainings` names it.",
        pattern=ID_PATTERN,
        json_schema_extra={"example": "20260801T030000-0123ab"},
    ),
]
STARTED = error_bodies(
    {
        409: "Another training runs or waits; `Location` is its address.",
        422: "Not valid; the answer says where.",
        503: "Nothing here can train; the message says why and what to do.",
    }
)
NO_TRAINING = error_bodies(
    {404: "No such training, or no longer.", 422: "This is no id of a training."}
)
NOT_CANCELLED = {
    **NO_TRAINING,
    **error_bodies({409: "It has ended.", 503: "The request cannot be recorded."}),
}


class TrainingIn(BaseModel):
    """What a training reads, and whether its bundle must be published."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"force": False}]})
    from_archive: bool = Field(
        True,  # noqa: FBT003 - as pydantic has it
        description="Also learn from archived events and lists. False: from the data alone.",
    )
    force: bool = Field(
        False,  # noqa: FBT003 - as pydantic has it
        description="Publish the bundle even if the gate refuses it.",
    )


DEFAULTS = TrainingIn.model_validate({})


class TrainingBody(BaseModel):
    """A training. Times are unix seconds."""

    training_id: str
    state: TrainingState
    by: str | None  # name of an API key, or schedule, train_when_events, command line
    requested: float
    started: float | None
    finished: float | None
    seconds: float | None  # from its start until its end, or until now
    from_archive: bool
    force: bool
    phase: str | None
    progress: float  # share of its phases that have ended
    bundle: str | None  # version of the bundle that it wrote
    gate: str | None  # passed, refused or forced
    reason: str | None  # why it published no bundle, or what is missing beside it
    cancelling: bool  # it was requested to end, and has not ended yet


class TrainingWithLog(TrainingBody):
    """A training with the last lines of its log."""

    log: list[str]


class TrainingList(BaseModel):
    """The newest trainings, and what starts others."""

    trainings: list[TrainingBody]
    schedule: str | None = Field(description="When a training starts by itself, as `every 24h`.")
    next: float | None = Field(description="Unix seconds of the next one by the schedule.")
    unavailable: str | None = Field(
        description="Why `POST /trainings` would answer 503; null: it would not."
    )


class TrainingListQuery(BaseModel):
    """The query string of ``GET /trainings``."""

    model_config = ConfigDict(extra="forbid")
    limit: int = Field(20, ge=1, le=KEPT, description="How many trainings.")


@router.post(
    "/trainings",
    summary="Start a training",
    status_code=202,
    response_model=TrainingBody,
    responses=STARTED,
)
async def start_training(http: Request, options: TrainingIn = DEFAULTS) -> Response:
    """Request a training, which begins within seconds.

    One training runs at a time. It is a process of its own with low priority, and ends as one of
    the command line does: the gate decides whether its bundle comes into service.
    """
    service = service_of(http)
    trainer = await in_thread(lambda: read_trainer(service.trainings.path))
    manifest = service.deployment.bundle.manifest if service.deployment else None
    if obstacle := await in_thread(lambda: request_obstacle(service.settings, trainer, manifest)):
        raise RefusalError(503, obstacle)
    if not options.from_archive and not (trainer and trainer.data):
        raise RefusalError(422, "there is no data but the archive: set train_data", "from_archive")
    now = time.time()
    record = TrainingRecord(
        training_id=new_training_id(now),
        by=_name_of(http),
        by_request=True,
        requested=now,
        from_archive=options.from_archive,
        force=options.force,
    )
    try:
        await in_thread(lambda: service.trainings.request(record))
    except TrainingRunsError as error:
        refusal = error_response(409, str(error))
        refusal.headers["Location"] = f"/trainings/{error.training_id}"
        return refusal
    response = json_response(_render(record), 202)
    response.headers["Location"] = f"/trainings/{record.training_id}"
    return response


@router.get(
    "/trainings",
    summary="The newest trainings",
    response_model=TrainingList,
    responses=error_bodies({422: "The request is not valid; the answer says where."}),
    openapi_extra=describe_parameters(TrainingListQuery),
)
async def list_trainings(http: Request) -> Response:
    """Return the newest trainings, whoever started them, and what starts others."""
    options = read_query_string(http, TrainingListQuery)
    service = service_of(http)
    manifest = service.deployment.bundle.manifest if service.deployment else None

    def read() -> dict[str, Any]:
        trainer = read_trainer(service.trainings.path)
        return {
            "trainings": [_render(record) for record in service.trainings.newest(options.limit)],
            "schedule": trainer and trainer.schedule,
            "next": trainer and trainer.next,
            "unavailable": request_obstacle(service.settings, trainer, manifest),
        }

    return json_response(await in_thread(read))


@router.get(
    "/trainings/{training_id}",
    summary="A training and its log",
    response_model=TrainingWithLog,
    responses=NO_TRAINING,
)
async def get_training(http: Request, training_id: TrainingId) -> Response:
    """Return how far a training is or how it ended, with the last 200 lines of its log."""
    return json_response(await _with_log(service_of(http), training_id))


@router.delete(
    "/trainings/{training_id}",
    summary="Cancel a training",
    status_code=202,
    response_model=TrainingWithLog,
    responses=NOT_CANCELLED,
)
async def cancel_training(http: Request, training_id: TrainingId) -> Response:
    """Request that a training ends; it does so within a few seconds.

    Nothing is published then, unless the bundle came into service before: the state is then
    `published`.
    """
    service = service_of(http)
    was = await in_thread(lambda: service.trainings.cancel(training_id))
    training = await _with_log(service, training_id)
    if was == "ended":
        raise RefusalError(409, f"the training {training_id} has ended: {training['state']}")
    return json_response(training, 202)


def request_obstacle(
    settings: Settings, trainer: TrainerNotice | None, manifest: Manifest | None
) -> str | None:
    """Return why a request to train would not be served, and what to do; None: it would.

    Args:
        settings: of the service.
        trainer: the process that starts trainings; None: there is none.
        manifest: of the bundle in service; None: there is none.
    """
    if trainer is None:
        if obstacle := training_obstacle(settings):
            return f"this service cannot train: {obstacle}; or {ELSEWHERE}"
        if not (manifest and manifest.needs_data and settings.train_data is None):
            return (
                "no process starts trainings: start the service with `recfunnel serve`, or "
                f"{ELSEWHERE}"
            )
    if manifest and manifest.needs_data and not (trainer and trainer.data):
        return (
            f"{manifest.version} learned from the files of {manifest.dataset}, and the service "
            "does not know their folder: set train_data and restart it, or run `recfunnel train "
            "--every` with --data beside it"
        )
    return None


async def _with_log(service: Service, training_id: str) -> dict[str, Any]:
    record = await in_thread(lambda: service.trainings.find(training_id))
    if record is None:
        raise RefusalError(404, f"there is no training {training_id}", "training_id")
    lines = await in_thread(lambda: service.trainings.log_lines(training_id))
    return _render(record) | {"log": lines}


def _render(record: TrainingRecord) -> dict[str, Any]:
    fields = record.model_dump(exclude={"by_request"})
    return TrainingBody(**fields, seconds=record.seconds(time.time())).model_dump()


def _name_of(http: Request) -> str | None:
    key = http.scope.get("caller", Caller()).key
    return key.name if key else None


async def in_thread(work: Callable[[], Reply]) -> Reply:
    """Run work of the disk in a thread. Refuse if the folder of trainings cannot be used."""
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise RefusalError(503, f"the folder of trainings cannot be used: {error}") from error
