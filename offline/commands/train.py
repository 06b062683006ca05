"""``recfunnel train``: reads the data, runs the job with a progress bar, prints the result."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.bundle.bundle import find_current_bundle, load_bundle
from app.bundle.manifest import BundleError, Manifest, read_manifest
from app.bundle.pointer import current_version
from app.kernels.compiled import compile_kernels
from app.recall.registry import override_channels
from app.settings import Settings
from offline.archive.archived_dataset import ARCHIVE_NAME, load_archived
from offline.choices import Factorisation, IndexKind, ItemSimilarity
from offline.commands.folders import require_writable
from offline.config import JobConfig, build_job_config, current_kind, read_config
from offline.data.errors import DataError
from offline.data.readers import MAX_BAD_SHARE, LoadedData, load_dataset, write_bad_rows
from offline.errors import RefusedError
from offline.evaluate.gate import GateConfig, gate_remarks, refusal_message
from offline.job import PhaseTimer, run_job
from offline.publish.attribute_changes import check_attribute_changes
from offline.publish.index import measure_bundle_indexes, resolve_kind
from offline.publish.starter import publish_starter
from offline.publish.versions import BUNDLES_KEPT
from offline.report.page import format_constants
from offline.report.report import prepare_report
from offline.setting_paths import with_values
from offline.training.objectives import ObjectiveWeights, parse_objectives

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


def train(data: Path | None, settings: Settings, options: TrainOptions) -> Path:
    """Run the whole job and print the result; return the bundle's folder.

    ``data`` may be None, or a folder without data, where the archive is read.

    Raises:
        DataError: the data cannot be used.
        RefusedError: the gate refused the bundle; it is written, but not published.
    """
    console = Console()
    data = find_data(data, settings.out, from_archive=options.from_archive)
    config = options.job_config(settings)
    require_writable(settings.out)
    prepare_report(with_plots=config.plots)
    compile_kernels(partial(console.print, soft_wrap=True))
    with _progress() as bar:
        task = bar.add_task("", total=len(PHASES), completed=-1)

        def show(phase: str) -> None:
            bar.update(task, description=PHASES[phase], advance=1)
            if not bar.console.is_terminal:
                bar.console.print(f"{PHASES[phase]} ...", soft_wrap=True)

        phases = PhaseTimer(on_begin=show)
        with phases("read"):
            archived = load_archived(settings, events=options.from_archive, is_alone=data is None)
            loaded = load_dataset(data, options.schema, options.max_bad_share, archived)
        for text in _warnings(loaded, settings.out, config):
            bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        is_untrained = not len(loaded.dataset.log)
        folder = Path() if is_untrained else run_job(loaded, settings.out, config, phases)
    if is_untrained:
        return _publish_starter(loaded, settings.out, console)
    if len(loaded.bad):
        path = settings.out / "bad_rows.csv"
        write_bad_rows(loaded.bad, path)
        console.print(f"{len(loaded.bad)} rows could not be used: see {path}", soft_wrap=True)
    console.print(_headline_table(folder))
    console.print(_constants_sentence(folder), soft_wrap=True, highlight=False)
    console.print(
        f"Bundle {folder.name} is in {settings.out}. The training took "
        f"{sum(phases.seconds.values()):.0f} s and {max(phases.peak_bytes.values()) / 1e6:,.0f} MB "
        f"of memory. The report: {settings.out / 'report.html'}",
        soft_wrap=True,
        highlight=False,
    )
    print_index_losses(console, folder, config.index.kind)
    _print_gate(console, folder, settings.out)
    return folder


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
        if current and current.dataset != ARCHIVE_NAME:
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


def _publish_starter(loaded: LoadedData, out: Path, console: Console) -> Path:
    """Put the items into service without models, unless trained models are in service.

    Raises:
        DataError: there are no items either, or trained models are in service.
    """
    n = len(loaded.dataset.catalogue)
    current = _trained_manifest(out)
    if not n or current:
        stays = f"; {current.version} stays in service" if current else ""
        raise DataError(f"There are no interactions to learn from{stays}.")
    folder = publish_starter(out, loaded.dataset, loaded.event_weights)
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


def print_index_losses(console: Console, folder: Path, kind: IndexKind) -> None:
    """Print what an index that is not exact misses."""
    actual = resolve_kind(kind, read_manifest(folder).rows["items"])
    if actual == "flat":
        return
    bundle = load_bundle(folder)
    for loss in measure_bundle_indexes(bundle.models, bundle.indexes):
        console.print(
            f"Index {actual} of {loss['name']}: it returns {loss['recall']:.1%} of what an exact "
            f"search returns, takes "
            f"{loss['bytes'] / 1e6:,.1f} MB, {loss['ms']:.2f} ms a query",
            highlight=False,
            soft_wrap=True,
        )


def _print_gate(console: Console, folder: Path, out: Path) -> None:
    gate = read_manifest(folder).gate
    if gate is None:
        return
    if gate.verdict == "refused":
        raise RefusedError(refusal_message(folder.name, gate, current_version(out)))
    for remark in gate_remarks(gate):
        console.print(remark, markup=False, highlight=False, soft_wrap=True)


def _headline_table(folder: Path) -> Table:
    metrics = read_manifest(folder).metrics
    title = f"NDCG@10 of {metrics['users']} users, as of the cut (95 % interval)"
    table = Table("method", title=title)
    for name in ("NDCG@10", "interval", "funnel is better by"):
        table.add_column(name, justify="right")
    for method, figure in sorted(metrics["ndcg@10"].items(), key=lambda m: -m[1]["mean"]):
        difference = metrics["against"].get(method)
        table.add_row(
            method,
            f"{figure['mean']:.3f}",
            f"{figure['low']:.3f} to {figure['high']:.3f}",
            f"{difference['mean']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f})"
            if difference
            else "",
        )
    return table


def _constants_sentence(folder: Path) -> str:
    """Return which constants of recall were chosen for the data."""
    choices = read_manifest(folder).constants
    moved = [one for one in choices if one["chosen"] != one["default"]]
    if not choices:
        return "Constants of recall: as configured."
    if not moved:
        return "Constants of recall: the defaults. No other value is clearly better."
    listed = "; ".join(map(_describe_choice, moved))
    return f"Constants of recall that were chosen for this data: {listed}."


def _describe_choice(choice: dict[str, Any]) -> str:
    default, chosen = (format_constants(choice[name]) for name in ("default", "chosen"))
    before, after = choice["ndcg"], choice["ndcg"] + choice["gain"]["mean"]
    return (
        f"{choice['setting']} {default} -> {chosen} "
        f"(NDCG@10 of {choice['channel']} alone {before:.3f} -> {after:.3f})"
    )


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
