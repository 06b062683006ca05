"""Train while the service runs, each time that enough events have come: one training at a time."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError, Manifest, parse_manifest
from app.contracts import StageError
from app.process.server_process import ServerError
from app.settings import Settings
from app.state.streams import parse_id
from offline.archive.archived_dataset import ARCHIVE_NAME
from offline.archive.files import StreamFiles, archive_folder
from offline.archive.streams import EVENTS
from offline.commands.archive import ArchiveInUseError, archive_once
from offline.data.errors import DataError

log = logging.getLogger(__name__)

CHECK_SECONDS = 10.0  # between two counts of the new events
END_SECONDS = 5.0  # for a training to end when the service ends

Train = Callable[[Settings], "subprocess.Popen[bytes]"]


def start_training(settings: Settings) -> "subprocess.Popen[bytes]":
    """Start ``recfunnel train --from-archive`` in a process of its own."""
    command = ("-m", "offline.cli", "train", "--from-archive", "--out", str(settings.out))
    return subprocess.Popen([sys.executable, *command])  # noqa: S603 - the command is ours


@dataclass(slots=True, eq=False)
class SelfTraining:
    """Counts the events since the last training, and trains when they are enough."""

    settings: Settings
    train: Train = start_training
    seconds: float = CHECK_SECONDS
    trainings: int = field(default=0, init=False)  # so far
    _counted: int = field(default=0, init=False)  # events when the last training began
    _ending: threading.Event = field(default_factory=threading.Event, init=False)

    def run(self) -> None:
        """Check regularly until ``end`` is called. A failure is logged and tried again."""
        while not self._ending.wait(self.seconds):
            try:
                self.check()
            except (DataError, BundleError, StageError, ServerError, OSError) as error:
                log.warning("whether to train cannot be decided now: %s", error)

    def end(self) -> None:
        """Let ``run`` return; a training that runs is ended."""
        self._ending.set()

    def check(self) -> None:
        """Archive what came, and train if enough of it is new to the bundle in service.

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
        new = count_new_events(self.settings, manifest)
        needed = self.settings.train_when_events
        if new >= needed and new - self._counted >= needed:
            log.info("%d new events: training begins", new)
            self._counted = new
            self._train()

    def _train(self) -> None:
        process = self.train(self.settings)
        self.trainings += 1
        while process.poll() is None:
            if self._ending.wait(0.1):
                process.terminate()
                try:
                    process.wait(END_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                return
        if process.returncode:
            log.warning(
                "the training ended with status %d; the next one begins after %d more events",
                process.returncode,
                self.settings.train_when_events,
            )
        else:
            self._counted = 0


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


@contextmanager
def self_training(settings: Settings) -> Iterator[None]:
    """Train in the background while the context lasts.

    Raises:
        DataError: the bundle in service learned from files, which a training of the events alone
            would forget.
    """
    _require_archive_alone(settings)
    training = SelfTraining(settings)
    thread = threading.Thread(target=training.run, name="self-training", daemon=True)
    thread.start()
    try:
        yield
    finally:
        training.end()
        thread.join(2 * END_SECONDS)


def _require_archive_alone(settings: Settings) -> None:
    try:
        manifest = parse_manifest(find_current_bundle(settings.out))
    except BundleError:
        return
    if not manifest.is_starter and manifest.dataset != ARCHIVE_NAME:
        raise DataError(
            f"train_when_events trains from the archive alone, but {manifest.version} learned from "
            f"the files of {manifest.dataset}: set it to 0, and train with --data and "
            "--from-archive"
        )
