"""``recfunnel train``: reads the data, runs the job with a progress bar, prints the result."""

import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError, Manifest, read_manifest
from app.contracts import StageError
from app.kernels.compiled import compile_kernels
from app.process.server_process import ServerError
from app.recall.registry import override_channels
from app.settings import Settings
from offline.archive.archived_dataset import has_archived_events, load_archived
from offline.batch.processes import count_cores
from offline.choices import Factorisation, IndexKind, ItemSimilarity
from offline.commands.archive import ArchiveInUseError, archive_once
from offline.commands.folders import require_writable
from offline.commands.training_result import print_result
from offline.config import JobConfig, build_job_config, current_kind, read_config
from offline.data.errors import DataError
from offline.data.layouts import require_data
from offline.data.readers import MAX_BAD_SHARE, LoadedData, load_dataset, write_bad_rows
from offline.evaluate.gate import GateConfig
from offline.job import run_job
from offline.phases import PhaseTimer
from offline.publish.attribute_changes import check_attribute_changes
from offline.publish.starter import publish_starter
from offline.publish.versions import BUNDLES_KEPT
from offline.report.report import prepare_report
from offline.setting_paths import with_values
from offline.training.objectives import ObjectiveWeights, parse_objectives
from offline.trainings.handover import Handover
from offline.trainings.recording import RecordedTraining, recorded_training

log = logging.getLogger(__name__)

PHASES = {
    "read": "Reading and checking the data",
    "constants": "Choosing the constants of recall",
    "rows": "Running recall at earlier moments",
    "fine": "Fitting the fine ranker",
    "coarse": "Fitting the coarse ranker",
    "evaluate": "Evaluating the funnel on the test window",
    "gate": "Comparing with the bundle in service",
    "refit": "Fitting recall on all data",
    "publish": "Publishing the bundle",
}

PROCESSES_FROM = 500_000  # events


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """The options of a training. None leaves a setting as the configuration has it."""

    seed: int | None = None
    factorisation: Factorisation | None = None
    similarity: ItemSimilarity | None = None
    index: IndexKind | None = None
    gate: GateConfig = field(default_factory=GateConfig)
    keep: int = BUNDLES_KEPT
    config: Path | None = None  # a file or a bundle; the other options override it
    objectives: str | None = None  # "conversion=1,click=0.3"
    fine_ranker: str | None = None  # a kind of ranker
    compare: bool = False
    from_archive: bool = False  # also learn from archived events and lists
    processes: int | None = None  # that compute at once; None: by the data, see PROCESSES_FROM
    schema: Path | None = None  # a file that maps the columns of the data
    max_bad_share: float = MAX_BAD_SHARE

    def job_config(self, settings: Settings) -> JobConfig:
        """Return the whole configuration.

        Raises:
            ChannelError: a setting belongs to no channel.
            ConfigError: the file cannot be used.
            DataError: the objectives cannot be read.
        """
        base = read_config(self.config) if self.config else build_job_config({}, "defaults")
        changes = {
            "seed": self.seed,
            "recall.seed": self.seed,
            "recall.factorisation": self.factorisation,
            "recall.item_cf.similarity": self.similarity,
            "index.kind": self.index,
            "rankers.fine": current_kind(self.fine_ranker or base.rankers.fine),
            "objectives": self.objectives and ObjectiveWeights(**parse_objectives(self.objectives)),
        }
        return replace(
            with_values(base, {path: v for path, v in changes.items() if v is not None}),
            compare=self.compare,
            channels=override_channels(base.channels, settings.channel_overrides()),
            policy=settings.policy,
            gate=self.gate,
            keep=self.keep,
            redis_url=None if settings.tables == "mapped" else settings.redis_url,
            key_prefix=settings.key_prefix,
        )


def train(
    data: Path | None,
    settings: Settings,
    options: TrainOptions,
    handover: Handover | None = None,
) -> Path:
    """Run the whole job and print the result; return the bundle's folder.

    The run is recorded, as ``GET /trainings`` shows it. ``data`` may be None, or a folder without
    data, where the archive is read. ``handover`` is from a process that starts trainings.

    Raises:
        DataError: the data cannot be used.
        RefusedError: the gate refused the bundle; it is written, but not published.
        TrainingInProgressError: another training runs in this folder.
    """
    require_writable(settings.out)
    if handover is None:  # a slip on the command line is no training, and makes no folder
        data = find_data(data, settings.out, from_archive=options.from_archive)
        if data is not None:
            require_data(data)
    with recorded_training(
        settings,
        from_archive=options.from_archive,
        force=options.gate.force,
        handover=handover,
    ) as training:
        if handover and options.from_archive:
            is_archived = archive_new_events(settings)
            options = replace(options, from_archive=is_archived or data is None)
            if not options.from_archive:
                Console().print("There are no archived events yet: training from the data alone.")
        return _train(data, settings, options, training)


def archive_new_events(settings: Settings) -> bool:
    """Archive what came since the last round, if no archiver runs; return whether there is any.

    A failure is logged: the training then learns from what is archived.
    """
    try:
        with suppress(ArchiveInUseError):
            archive_once(settings, start=False)
    except (DataError, StageError, ServerError, OSError) as error:
        log.warning("the newest events cannot be archived now: %s", error)
    return has_archived_events(settings)


def _train(
    data: Path | None, settings: Settings, options: TrainOptions, training: RecordedTraining
) -> Path:
    console = Console()
    data = find_data(data, settings.out, from_archive=options.from_archive)
    config = options.job_config(settings)
    prepare_report(with_plots=config.plots)
    compile_kernels(partial(console.print, soft_wrap=True))
    with _progress() as bar:
        task = bar.add_task("", total=len(PHASES), completed=-1)

        def show(phase: str) -> None:
            training.begin_phase(PHASES[phase], len(PHASES))
            bar.update(task, description=PHASES[phase], advance=1)
            if not bar.console.is_terminal:
                bar.console.print(f"{PHASES[phase]} ...", soft_wrap=True)

        phases = PhaseTimer(on_begin=show)
        with phases("read"):
            archived = load_archived(settings, events=options.from_archive, is_alone=data is None)
            loaded = load_dataset(data, options.schema, options.max_bad_share, archived)
            training.examine(loaded, data)
        config = replace(config, processes=options.processes or choose_processes(loaded))
        for text in _warnings(loaded, settings.out, config):
            bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        is_untrained = not len(loaded.dataset.log)
        folder = (
            Path()
            if is_untrained
            else run_job(loaded, settings.out, config, phases, training.wrote_bundle)
        )
    if is_untrained:
        return _publish_starter(loaded, settings.out, console, training)
    if len(loaded.bad):
        path = settings.out / "bad_rows.csv"
        write_bad_rows(loaded.bad, path)
        console.print(f"{len(loaded.bad)} rows could not be used: see {path}", soft_wrap=True)
    print_result(console, folder, phases, config.index.kind)
    return folder


def choose_processes(loaded: LoadedData) -> int:
    """Return how many processes compute at once: 2 for much data, if there are cores for them.

    To start another process takes seconds, and its memory.
    """
    is_much = len(loaded.dataset.log) >= PROCESSES_FROM
    return min(2, count_cores()) if is_much else 1


def find_data(data: Path | None, out: Path, *, from_archive: bool) -> Path | None:
    """Return the data to read; None if the archive is all that there is.

    A folder may be empty or absent before anything was trained from files. Later it is a mistake.

    Raises:
        DataError: there is no data, and the archive is not read.
    """
    if data is None and from_archive:
        return None
    if data and from_archive and (not data.exists() or _is_empty_folder(data)):
        current = _trained_manifest(out)
        if current and current.needs_data:
            raise DataError(
                f"There is nothing at {data}, but {current.version} in {out} learned from the "
                f"files of {current.dataset}: name their folder with --data, or leave --data out "
                "to learn from the archive alone."
            )
        return None
    if data is None:
        raise DataError(
            "There is no data to train on: name a folder with --data, or read the events of the "
            "service with --from-archive."
        )
    return data


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _publish_starter(
    loaded: LoadedData, out: Path, console: Console, training: RecordedTraining
) -> Path:
    """Put the items into service without models, unless trained models are in service.

    Raises:
        DataError: there are no items either, or trained models are in service.
    """
    n = len(loaded.dataset.catalogue)
    current = _trained_manifest(out)
    if not n or current:
        stays = f"; {current.version} stays in service" if current else ""
        raise DataError(f"There are no interactions to learn from{stays}.")
    folder = publish_starter(
        out, loaded.dataset, loaded.event_weights, on_written=training.wrote_bundle
    )
    console.print(
        f"There are {n} items and no interactions yet, so nothing was trained. The starter bundle "
        f"{folder.name} in {out} lists new items, what is popular by live events, and what is "
        "similar to what the user liked. Train again when there are interactions.",
        soft_wrap=True,
        highlight=False,
    )
    return folder


def _trained_manifest(out: Path) -> Manifest | None:
    """Return the manifest of the bundle in service if models were trained for it."""
    try:
        manifest = read_manifest(find_current_bundle(out))
    except BundleError:
        return None
    return None if manifest.is_starter else manifest


def _warnings(loaded: LoadedData, out: Path, config: JobConfig) -> list[str]:
    """Return what is to be known before minutes of training.

    Raises:
        DataError: an attribute of the data has another kind than in the bundle in service.
    """
    texts = [finding.text for finding in loaded.findings if finding.level != "good"]
    catalogue = loaded.dataset.catalogue
    return texts + check_attribute_changes(catalogue, out, force=config.gate.force)


def _progress() -> Progress:
    """Return a bar for a terminal. Elsewhere it is disabled: each phase prints a line."""
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        BarColumn(bar_width=20),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
