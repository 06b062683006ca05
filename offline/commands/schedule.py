"""``recfunnel train --every`` and ``--at``: train regularly until SIGTERM."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

from rich.console import Console

from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError, parse_manifest
from app.observe import logs
from app.settings import Settings
from app.trainings.availability import training_obstacle
from offline.data.errors import DataError
from offline.trainings.schedule import (
    Scheduled,
    TimeOfDay,
    TrainingInterval,
    first_time,
    train_by_schedule,
)
from offline.trainings.trainer import TrainingStarter


@dataclass(frozen=True, slots=True)
class ScheduledTraining:
    """What each training by the schedule is."""

    arguments: Sequence[str]  # of ``recfunnel``, the two options below left out
    data: Path | None
    schema: Path | None
    from_archive: bool
    force: bool


def schedule(
    settings: Settings, timetable: TrainingInterval | TimeOfDay, training: ScheduledTraining
) -> None:
    """Train by the timetable and on request until SIGTERM or Ctrl-C; print a line for each end.

    Raises:
        DataError: this process cannot train, there is nothing to learn from, or the bundle in
            service learned from files that are not named.
    """
    logs.configure(settings.log_level)
    if obstacle := training_obstacle(settings):
        raise DataError(f"trainings cannot be started here: {obstacle}")
    is_on_request = isinstance(timetable, TrainingInterval) and timetable.seconds == inf
    if training.data is None and not training.from_archive and not is_on_request:
        raise DataError(
            "There is no data to train on: name a folder with --data, or read the events of the "
            "service with --from-archive."
        )
    created = None
    with suppress(BundleError):
        manifest = parse_manifest(find_current_bundle(settings.out))
        created = manifest.created
        if training.data is None and manifest.needs_data:
            raise DataError(
                f"{manifest.version} in {settings.out} learned from the files of "
                f"{manifest.dataset}, which a training of the archive alone would forget: name "
                "their folder with --data. To learn from the archive alone from now on, run "
                "`recfunnel train --from-archive` once without --every and --at."
            )
    console = Console()
    scheduled = Scheduled(
        timetable,
        0.0,
        lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
        data=str(training.data) if training.data else None,
        from_archive=training.from_archive,
        force=training.force,
    )
    schema = str(training.schema) if training.schema else None
    trainer = TrainingStarter(settings, training.arguments, scheduled, schema=schema)
    scheduled.next = first_time(timetable, trainer.folder, created, time.time())
    train_by_schedule(trainer, scheduled)
