"""The bundle in service, as a newer one meets it in the gate."""

from dataclasses import dataclass
from pathlib import Path

from app.artifacts import Rankers
from app.bundle.bundle import find_current_bundle, read_rankers
from app.bundle.integrity import verify_files
from app.bundle.manifest import BundleError, Manifest, parse_manifest
from app.features.views import view_hash
from offline.evaluate.holdout import Holdout


@dataclass(frozen=True, slots=True)
class ProductionBundle:
    """What is served now. Without rankers it cannot be asked, and ``caveat`` says why."""

    version: str
    manifest: Manifest | None = None
    rankers: Rankers | None = None
    caveat: str = ""  # a clause: why it cannot be asked, or what its figures may owe to


def read_production_bundle(out: Path, exam: Holdout) -> ProductionBundle | None:
    """Read the rankers of the bundle in service; None when there is none."""
    try:
        folder = find_current_bundle(out)
    except BundleError:
        return None
    try:
        manifest = parse_manifest(folder)
        verify_files(folder, manifest)
        if manifest.view != view_hash():
            return ProductionBundle(folder.name, manifest, None, _of_other_features(manifest))
        return ProductionBundle(
            folder.name, manifest, read_rankers(folder), leak_caveat(manifest, exam)
        )
    except (BundleError, OSError) as error:
        return ProductionBundle(folder.name, caveat=f"it cannot be asked: {error}")


def leak_caveat(manifest: Manifest, exam: Holdout) -> str:
    """Say how the bundle's rankers may have seen the test window; "" when they have not.

    Rankers learn from windows before their own cut, so those of the same data, or of less, have
    not. Recall is fitted anew as of this cut, for both. A manifest that does not say when its
    rankers stopped learning is taken to have used all its data.
    """
    end = manifest.data_end if manifest.rankers_end is None else manifest.rankers_end
    if exam.dataset.traits.has_times and end <= exam.cut:
        return ""
    if end == exam.cut and manifest.rows["interactions"] == len(exam.dataset.log):
        return ""
    return "its rankers may have learned from events of this test window, which favours it"


def _of_other_features(manifest: Manifest) -> str:
    told = manifest.metrics.get("ndcg@10", {}).get("funnel")
    figure = f"{told['mean']:.3f} on the test window of its own day" if told else "unknown"
    return (
        "it was trained for other features and cannot be asked again; its manifest's NDCG@10 is "
        f"{figure}, which cannot be compared"
    )
