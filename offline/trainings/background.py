"""The trainer of ``recfunnel serve``: it starts what is requested, and trains itself if set so."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.settings import Settings
from app.trainings.trainer_notices import TrainerNotice
from app.trainings.training_folder import TrainingRunsError
from app.trainings.training_record import TrainingRecord, describe_end
from offline.trainings.child_process import END_SECONDS
from offline.trainings.trainer import Occasion, TrainingStarter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OnRequest:
    """Trains on request alone."""

    data: str | None = None

    def notice(self) -> TrainerNotice:
        return TrainerNotice(data=self.data)

    def due(self) -> TrainingRecord | None:
        return None

    def ended(self, record: TrainingRecord) -> None:
        log.info("%s", describe_end(record))

    def skipped(self, error: TrainingRunsError) -> None:
        """Do nothing: no training is ever due."""


@contextmanager
def training_in_background(settings: Settings) -> Iterator[None]:
    """Start trainings in the background while the context lasts.

    Raises:
        DataError: ``train_when_events`` is set, and the bundle in service learned from files whose
            folder is not set.
    """
    data = str(settings.train_data) if settings.train_data else None
    occasion: Occasion = OnRequest(data)
    if settings.train_when_events:
        from offline.commands.self_training import self_training  # noqa: PLC0415 - slow to import

        occasion = self_training(settings, data)
    trainer = TrainingStarter(settings, service_arguments(settings), occasion)
    thread = threading.Thread(target=trainer.run, name="trainer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        trainer.ending.set()
        thread.join(2 * END_SECONDS)


def service_arguments(settings: Settings) -> list[str]:
    """Return the arguments of ``recfunnel`` for a training that the service starts."""
    named = {
        "--out": settings.out,
        "--data": settings.train_data,
        "--config": settings.train_config,
    }
    set_ones = [(name, str(value.absolute())) for name, value in named.items() if value]
    return ["train", *(part for pair in set_ones for part in pair)]
