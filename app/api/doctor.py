"""``/doctor``: what is in the data that trainings read, and what is wrong with it."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.endpoint import json_response, service_of
from app.api.errors import RefusalError
from app.api.schemas import error_bodies
from app.api.trainings import in_thread, request_obstacle
from app.service.service import Service
from app.trainings.data_diagnosis import DataDiagnosis
from app.trainings.data_examination import DataExamination, ExaminationRecord, ExaminationState
from app.trainings.trainer_notices import read_trainer

router = APIRouter(tags=["trainings"])
NO_DATA = (
    "trainings read the archive alone: there are no files to examine. If there are, set train_data "
    "to their folder and restart the service. Each training examines the archived events"
)


class DoctorBody(BaseModel):
    """The newest examination of the data."""

    state: ExaminationState = Field(description="Whether another examination waits or runs.")
    unavailable: str | None = Field(
        description="Why `POST /doctor` would answer 503; null: it would not."
    )
    examined: float | None = Field(description="Unix seconds; null: not yet.")
    data: str | None = Field(description="The folder or file; null: the archive alone.")
    training_id: str | None = Field(
        description="The training that read the data, archived events included; null: on request."
    )
    error: str | None = Field(description="Why the data could not be read, and what to do.")
    diagnosis: DataDiagnosis | None


@router.get(
    "/doctor",
    summary="The newest examination of the data",
    response_model=DoctorBody,
    responses=error_bodies({503: "The folder of trainings cannot be used."}),
)
async def get_diagnosis(http: Request) -> Response:
    """Return what `recfunnel doctor` finds in the data of trainings: counts, columns, bad rows.

    Each training examines what it has read, and `POST /doctor` examines the files at once.
    """
    return json_response(await in_thread(lambda: _render(service_of(http))))


@router.post(
    "/doctor",
    summary="Examine the data",
    status_code=202,
    response_model=DoctorBody,
    responses=error_bodies({503: "Nothing here can examine data; the message says what to do."}),
)
async def examine_data(http: Request) -> Response:
    """Request an examination of the files that trainings read, unless one waits or runs.

    It begins within seconds, or when the training that runs has ended. It is a process of its own
    with low priority. `GET /doctor` has its result.
    """
    service = service_of(http)

    def request() -> dict[str, Any]:
        if obstacle := _obstacle(service):
            raise RefusalError(503, obstacle)
        DataExamination(service.trainings.path).request()
        return _render(service)

    response = json_response(await in_thread(request), 202)
    response.headers["Location"] = "/doctor"
    return response


def _obstacle(service: Service) -> str | None:
    """Return why a request to examine the data would not be served; None: it would."""
    trainer = read_trainer(service.trainings.path)
    manifest = service.deployment.bundle.manifest if service.deployment else None
    if obstacle := request_obstacle(service.settings, trainer, manifest):
        return obstacle
    return None if trainer and trainer.data else NO_DATA


def _render(service: Service) -> dict[str, Any]:
    examination = DataExamination(service.trainings.path)
    record = examination.read()
    fields = dict(record) if record else dict.fromkeys(ExaminationRecord.model_fields)
    body = DoctorBody(
        state=examination.state(),
        unavailable=_obstacle(service),
        **fields,
    )
    return body.model_dump(mode="json")
