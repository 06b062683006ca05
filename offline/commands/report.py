"""``recfunnel report``: where the report lies, or two bundles side by side."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from app.build import FunnelConfig
from app.bundle.bundle import find_current_bundle
from app.bundle.integrity import verify_files
from app.bundle.manifest import BundleError, Manifest, parse_manifest
from app.cpu import Cpu
from app.deadline import NO_CHECKPOINTS
from app.features.views import view_hash
from app.rank.kinds import read_rankers
from app.settings import Settings
from offline.commands.bundles import headline
from offline.commands.train import TrainOptions
from offline.config import read_config
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.data.split import split_by_time
from offline.evaluate.gate import gate_remarks
from offline.evaluate.holdout import Holdout, leak_caveat
from offline.evaluate.metrics import Lists
from offline.job import JobConfig, build_holdout
from offline.publish.versions import BUNDLES_FOLDER
from offline.report.bundle_comparison import BundleComparison, conclusion, write_comparison
from offline.report.compared_bundles import bundle_facts, shared_window

NO_DATA = "No data was given, so each has the figures of the test window of its own day."
OTHER_RECALL = "a was made with other settings of recall; it is asked over that of b, as b is."
NO_PEER = "{} was trained for other features than this version computes, so it cannot be asked."


def print_report(out: Path) -> None:
    """Print where the report lies, and the headline of the bundle in service.

    Raises:
        BundleError: there is none.
    """
    manifest = parse_manifest(find_current_bundle(out))
    lines = [f"{manifest.version} is in service: NDCG@10 {headline(manifest)}."]
    lines += gate_remarks(manifest.gate) if manifest.gate else []
    lines.append(f"The report of the last training: {out / 'report.html'}")
    for line in lines:
        Console().print(line, markup=False, highlight=False, soft_wrap=True)


def compare_bundles(
    versions: tuple[str, str], settings: Settings, data: Path | None = None
) -> Path:
    """Write the comparison of two bundles; gives the page.

    With ``data`` both are asked for the users of its test window, over recall as of the cut.

    Raises:
        BundleError: one is not there, or damaged.
        DataError: the data cannot be used.
    """
    folders = [settings.out / BUNDLES_FOLDER / version for version in versions]
    manifests = [_checked(folder) for folder in folders]
    strangers = [NO_PEER.format(m.version) for m in manifests if m.view != view_hash()]
    warm = cold = None
    notes = strangers or ([] if data else [NO_DATA])
    if data and not strangers:
        cpu = Cpu(threads=1)
        try:
            exam = _exam(data, _config(folders[1], settings), cpu)
            lists = [_sit(exam, folder, m) for folder, m in zip(folders, manifests, strict=True)]
            warm, cold = (shared_window(exam, lists, who) for who in (exam.is_warm, ~exam.is_warm))
        finally:
            cpu.close()
        notes = [f"{m.version}: {why}." for m in manifests if (why := leak_caveat(m, exam))]
        notes += [OTHER_RECALL] if _recall(manifests[0]) != _recall(manifests[1]) else []
    a, b = (bundle_facts(folder, m) for folder, m in zip(folders, manifests, strict=True))
    versus = BundleComparison(a=a, b=b, warm=warm, cold=cold, notes=notes)
    page = write_comparison(versus, settings.out)
    for line in (conclusion(versus), *notes, f"Side by side: {page}"):
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
    return page


def _checked(folder: Path) -> Manifest:
    if not folder.is_dir():
        out = folder.parent.parent
        raise BundleError(
            f"there is no bundle {folder.name} in {out}: `recfunnel bundles --out {out}` lists them"
        )
    manifest = parse_manifest(folder)
    verify_files(folder, manifest)
    return manifest


def _config(folder: Path, settings: Settings) -> JobConfig:
    """Give a bundle's own settings, or the defaults if it is too old to tell them."""
    base = (
        read_config(folder)
        if parse_manifest(folder).settings
        else TrainOptions().job_config(settings)
    )
    return replace(base, policy=settings.policy)


def _recall(manifest: Manifest) -> dict[str, object]:
    return {name: v for name, v in manifest.settings.items() if name.startswith("recall.")}


def _exam(data: Path, config: JobConfig, cpu: Cpu) -> Holdout:
    dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
    wiring = FunnelConfig(
        cpu, NO_CHECKPOINTS, config.sizes, config.policy, channels=config.channels
    )
    return build_holdout(dataset, split_by_time(dataset.log), config, wiring)


def _sit(exam: Holdout, folder: Path, manifest: Manifest) -> Lists:
    return exam.compute_lists(
        read_rankers(folder, manifest.rankers), manifest.sizes, manifest.channel_configs()
    )
