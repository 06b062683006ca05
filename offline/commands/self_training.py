"""Decide when a service trains itself: each time that enough events have come."""

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field

from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError, Manifest, parse_manifest
from app.contracts import StageError
from app.process.server_process import ServerError
from app.settings import Settings
from app.state.streams import parse_id
from app.trainings.trainer_notices import TrainerNotice
from app.trainings.training_folder import TrainingRunsError
from app.trainings.training_record import EVENTS as BY_EVENTS
from app.trainings.training_record import TrainingRecord, describe_end, new_training_id
from offline.archive.files import StreamFiles, archive_folder
from offline.archive.streams import EVENTS
from offline.commands.archive import ArchiveInUseError, archive_once
from offline.data.errors import DataError

log = logging.getLogger(__name__)

CHECK_SECONDS = 10.0  # between two counts of the new events


@dataclass(slots=True, eq=False)
class SelfTraining:
    """Counts the events since the last training. A training is due when they are enough."""

    settings: Settings
    data: str | None = None  # what trainings read beside the archive
    seconds: float = CHECK_SECONDS
    _checked: float = field(default=0.0, init=False)  # by the monotonic clock
    _new: int = field(default=0, init=False)  # events at the last check
    _counted: int = field(default=0, init=False)  # events when the last training began

    def notice(self) -> TrainerNotice:
        needed = self.settings.train_when_events
        return TrainerNotice(data=self.data, schedule=f"every {needed} events")

    def due(self) -> TrainingRecord | None:
        """Return a training if enough events are new. A failure is logged and tried again."""
        now = time.monotonic()
        if self._checked and now < self._checked + self.seconds:
            return None
        self._checked = now
        try:
            return self.check()
        except (DataError, BundleError, StageError, ServerError, OSError) as error:
            log.warning("whether to train cannot be decided now: %s", error)
            return None

    def check(self) -> TrainingRecord | None:
        """Archive what came; return a training if enough of it is new to the bundle in service.

        Raises:
            DataError: the archive cannot be read.
            BundleError: there is no sound bundle.
            StageError: the store does not answer.
            ServerError: no store runs.
            OSError: the archive cannot be written.
        """
        with suppress(ArchiveInUseError):  # an archiver runs beside the service
            archive_once(self.settings, start=False)
        manifest = parse_manifest(find_current_bundle(self.settings.out))
        self._new = count_new_events(self.settings, manifest)
        needed = self.settings.train_when_events
        if self._new < needed or self._new - self._counted < needed:
            return None
        log.info("%d new events: training begins", self._new)
        now = time.time()
        return TrainingRecord(
            training_id=new_training_id(now), by=BY_EVENTS, requested=now, from_archive=True
        )

    def ended(self, record: TrainingRecord) -> None:
        """Count from now on; after a failure the next training begins after more events."""
        log.info("%s", describe_end(record))
        if record.state == "published":
            self._counted = 0
        elif record.by == BY_EVENTS:
            self._counted = self._new

    def skipped(self, error: TrainingRunsError) -> None:
        log.info("no training begins now: %s", error)


def count_new_events(settings: Settings, manifest: Manifest) -> int:
    """Return how many archived events are newer than the bundle's training."""
    newest = manifest.stream_offsets.get(EVENTS.name)
    read = parse_id(newest) if newest else (0, 0)
    files = StreamFiles(archive_folder(settings.out) / EVENTS.name, EVENTS)
    unread = [file for file in files.files() if file.last > read]
    return sum(
        sum(parse_id(name) > read for name in table["stream_id"].to_list())
        for table in files.read(unread)
    )


def self_training(settings: Settings, data: str | None) -> SelfTraining:
    """Return what decides when a service trains itself.

    Raises:
        DataError: the bundle in service learned from files, which a training of the events alone
            would forget.
    """
    with suppress(BundleError):
        manifest = parse_manifest(find_current_bundle(settings.out))
        if data is None and manifest.needs_data:
            raise DataError(
                f"train_when_events trains from the archive alone, but {manifest.version} learned "
                f"from the files of {manifest.dataset}: set train_data to their folder, or set "
                "train_when_events to 0 and train with --data and --from-archive"
            )
    return SelfTraining(settings, data)
