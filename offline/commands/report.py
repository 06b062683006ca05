"""``recfunnel report``: where the report is and what it shows, or the comparison of two bundles."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError, Manifest, parse_manifest
from app.bundle.stored_bundles import BUNDLES_FOLDER
from app.bundle.verification import verify_files
from app.cpu import Cpu
from app.features.views import view_hash
from app.rank.kinds import read_rankers
from app.recall.vectors import flat_indexes
from app.settings import Settings
from offline.commands.bundles import headline
from offline.commands.train import TrainOptions
from offline.config import JobConfig, read_config
from offline.data.readers import MAX_BAD_SHARE, load_dataset
from offline.data.split import split_by_time
from offline.evaluate.gate import gate_remarks
from offline.evaluate.holdout import leak_caveat
from offline.job import build_holdout, funnel_config
from offline.report.bundle_comparison import (
    BundleComparison,
    SharedWindow,
    bundle_facts,
    conclusion,
    shared_window,
    write_comparison,
)

NO_DATA = "Without --data, each bundle has the figures of its own test window."
OTHER_RECALL = "a was trained with other settings of recall. Both are evaluated with those of b."
OTHER_FEATURES = "{} was trained for other features than this version has, so it is not evaluated."


def print_report(out: Path) -> None:
    """Print the headline of the bundle in service, and the path of the last report.

    Raises:
        BundleError: there is no bundle in service.
    """
    manifest = parse_manifest(find_current_bundle(out))
    lines = [f"{manifest.version} is in service: NDCG@10 {headline(manifest)}."]
    lines += gate_remarks(manifest.gate) if manifest.gate else []
    lines.append(f"The report of the last training: {out / 'report.html'}")
    _print(lines)


def compare_bundles(
    versions: tuple[str, str], settings: Settings, data: Path | None = None
) -> Path:
    """Write the comparison of two bundles; return the path of the page.

    With ``data`` both are evaluated for the users of its test window, over recall as of the cut.

    Raises:
        BundleError: a bundle does not exist, or is damaged.
        DataError: the data cannot be used.
    """
    folders = [settings.out / BUNDLES_FOLDER / version for version in versions]
    manifests = [_read_manifest(folder) for folder in folders]
    notes = [OTHER_FEATURES.format(m.version) for m in manifests if m.view != view_hash()]
    warm = cold = None
    if data and not notes:
        config = _config_of(folders[1], settings)
        warm, cold, notes = _evaluate(data, config, folders, manifests)
    elif not data:
        notes = notes or [NO_DATA]
    a, b = (bundle_facts(folder, m) for folder, m in zip(folders, manifests, strict=True))
    comparison = BundleComparison(a=a, b=b, warm=warm, cold=cold, notes=notes)
    page = write_comparison(comparison, settings.out)
    _print([conclusion(comparison), *notes, f"The comparison: {page}"])
    return page


def _evaluate(
    data: Path, config: JobConfig, folders: list[Path], manifests: list[Manifest]
) -> tuple[SharedWindow | None, SharedWindow | None, list[str]]:
    """Evaluate both bundles for warm and for cold users; return notes on what favours one."""
    dataset = load_dataset(data, None, MAX_BAD_SHARE).dataset
    cpu = Cpu(threads=1)
    try:
        funnel = replace(funnel_config(config, cpu), indexes=flat_indexes)
        holdout = build_holdout(dataset, split_by_time(dataset.log), config, funnel)
        lists = [
            holdout.compute_lists(read_rankers(folder, m.rankers), m.sizes, m.channel_configs())
            for folder, m in zip(folders, manifests, strict=True)
        ]
        warm, cold = (shared_window(holdout, lists, w) for w in (holdout.is_warm, ~holdout.is_warm))
    finally:
        cpu.close()
    caveats = [(m.version, leak_caveat(m, holdout)) for m in manifests]
    notes = [f"{version}: {caveat}." for version, caveat in caveats if caveat]
    notes += [OTHER_RECALL] if _recall(manifests[0]) != _recall(manifests[1]) else []
    return warm, cold, notes


def _read_manifest(folder: Path) -> Manifest:
    if not folder.is_dir():
        out = folder.parent.parent
        raise BundleError(
            f"there is no bundle {folder.name} in {out}: `recfunnel bundles --out {out}` lists them"
        )
    manifest = parse_manifest(folder)
    verify_files(folder, manifest)
    return manifest


def _config_of(folder: Path, settings: Settings) -> JobConfig:
    """Return the settings of a bundle, or the defaults if its manifest has none."""
    has_settings = bool(parse_manifest(folder).settings)
    config = read_config(folder) if has_settings else TrainOptions().job_config(settings)
    return replace(config, policy=settings.policy)


def _recall(manifest: Manifest) -> dict[str, object]:
    return {name: v for name, v in manifest.settings.items() if name.startswith("recall.")}


def _print(lines: list[str]) -> None:
    for line in lines:
        Console().print(line, markup=False, highlight=False, soft_wrap=True)
