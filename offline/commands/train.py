"""``recfunnel train``: reads the data, runs the job with a progress bar, says what came out."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.bundle.bundle import load_bundle
from app.bundle.manifest import read_manifest
from app.recall.registry import override_channels
from app.settings import Settings
from offline.archive.archived_dataset import load_archived
from offline.config import build_job_config, current_kind, read_config
from offline.data.readers import MAX_BAD_SHARE, load_dataset, write_bad_rows
from offline.errors import RefusedError
from offline.evaluate.gate import GateConfig, gate_remarks, refusal_message
from offline.job import JobConfig, PhaseTimer, run_job
from offline.publish.index import IndexKind, resolve_kind
from offline.publish.index_loss import measure_bundle_indexes
from offline.publish.pointer import current_version
from offline.publish.versions import BUNDLES_KEPT
from offline.training.objectives import ObjectiveWeights, parse_objectives

PHASES = {
    "read": "Reading and checking the data",
    "replay": "Replaying recall as of earlier moments",
    "fine": "Fitting the fine ranker",
    "coarse": "Fitting the coarse ranker",
    "evaluate": "Asking the real funnel for the test window",
    "gate": "Comparing with what is in service",
    "refit": "Fitting recall on everything",
    "publish": "Publishing the bundle",
}


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What the command line says about the models."""

    seed: int | None = None
    factorisation: Literal["als", "bpr", "sgd"] | None = None
    similarity: Literal["cosine", "adjusted_cosine"] | None = None
    index: IndexKind | None = None
    gate: GateConfig = field(default_factory=GateConfig)
    keep: int = BUNDLES_KEPT
    config: Path | None = None  # a file; what is said beside it wins
    objectives: str | None = None  # "conversion=1,click=0.3"
    fine_ranker: str | None = None  # a kind of ranker
    compare: bool = False
    from_archive: bool = False  # live events and served lists beside the data

    def job_config(self, settings: Settings) -> JobConfig:
        """Give the whole configuration.

        Raises:
            ChannelError: a setting is of no channel.
            ConfigError: the file cannot be used.
            DataError: the objectives are not what they should be.
        """
        base = read_config(self.config) if self.config else build_job_config({}, "defaults")
        similarity = self.similarity or base.recall.item_cf.similarity
        recall = replace(
            base.recall,
            seed=base.recall.seed if self.seed is None else self.seed,
            factorisation=self.factorisation or base.recall.factorisation,
            item_cf=replace(base.recall.item_cf, similarity=similarity),
        )
        return replace(
            base,
            seed=base.seed if self.seed is None else self.seed,
            recall=recall,
            objectives=ObjectiveWeights(**parse_objectives(self.objectives))
            if self.objectives
            else base.objectives,
            index=replace(base.index, kind=self.index or base.index.kind),
            rankers=replace(base.rankers, fine=current_kind(self.fine_ranker or base.rankers.fine)),
            compare=self.compare,
            channels=override_channels(base.channels, settings.channel_overrides()),
            policy=settings.policy,
            gate=self.gate,
            keep=self.keep,
            redis_url=settings.redis_url,
            key_prefix=settings.key_prefix,
        )


def train(
    data: Path,
    settings: Settings,
    choice: TrainOptions,
    *,
    schema: Path | None = None,
    max_bad_share: float = MAX_BAD_SHARE,
) -> Path:
    """Run the whole job and print its outcome; gives the bundle's folder.

    Raises:
        DataError: the data cannot be used; the text says why.
        RefusedError: the gate did not let the bundle pass; it is written, but not served.
    """
    console = Console()
    config = choice.job_config(settings)
    with _progress() as bar:
        task = bar.add_task("", total=len(PHASES), completed=-1)
        phases = PhaseTimer(
            on_begin=lambda phase: bar.update(task, description=PHASES[phase], advance=1)
        )
        with phases("read"):
            more = load_archived(settings, events=choice.from_archive)
            reading = load_dataset(data, schema, max_bad_share, more)
        folder = run_job(reading, settings.out, config, phases)
    if len(reading.bad):
        aside = settings.out / "bad_rows.csv"
        write_bad_rows(reading.bad, aside)
        console.print(f"{len(reading.bad)} rows could not be used: see {aside}", soft_wrap=True)
    console.print(_outcome(folder))
    console.print(
        f"Bundle {folder.name} in {settings.out}, {sum(phases.seconds.values()):.0f} s; "
        f"report: {settings.out / 'report.html'}",
        soft_wrap=True,
        highlight=False,
    )
    _tell_index(console, folder, config.index.kind)
    _tell_gate(console, folder, settings.out)
    return folder


def _tell_index(console: Console, folder: Path, kind: IndexKind) -> None:
    """Say what an index that is not exact misses."""
    made = resolve_kind(kind, read_manifest(folder).rows["items"])
    if made == "flat":
        return
    bundle = load_bundle(folder)
    for loss in measure_bundle_indexes(bundle.models, bundle.indexes):
        console.print(
            f"Index {made} of {loss['name']}: {loss['recall']:.1%} of what an exact search finds, "
            f"{loss['bytes'] / 1e6:,.1f} MB, {loss['ms']:.2f} ms a query",
            highlight=False,
            soft_wrap=True,
        )


def _tell_gate(console: Console, folder: Path, out: Path) -> None:
    gate = read_manifest(folder).gate
    if gate is None:
        return
    if gate.verdict == "refused":
        raise RefusedError(refusal_message(folder.name, gate, current_version(out)))
    for remark in gate_remarks(gate):
        console.print(remark, markup=False, highlight=False, soft_wrap=True)


def _outcome(folder: Path) -> Table:
    """Show the headline of each method."""
    metrics = read_manifest(folder).metrics
    table = Table(title=f"NDCG@10 of {metrics['users']} users, as of the cut (95 % interval)")
    table.add_column("method")
    table.add_column("NDCG@10", justify="right")
    table.add_column("interval", justify="right")
    table.add_column("funnel is better by", justify="right")
    for method, figure in sorted(metrics["ndcg@10"].items(), key=lambda m: -m[1]["mean"]):
        better = metrics["against"].get(method)
        table.add_row(
            method,
            f"{figure['mean']:.3f}",
            f"{figure['low']:.3f} to {figure['high']:.3f}",
            f"{better['mean']:+.3f} ({better['low']:+.3f} to {better['high']:+.3f})"
            if better
            else "",
        )
    return table


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        BarColumn(bar_width=20),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
