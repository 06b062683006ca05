"""Write a bundle, the manifest last, and load its tables into Redis."""

import asyncio
import importlib.metadata
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import orjson

from app.artifacts import CellIndex, Factors, Indexes, Models, Rankers, Sizes, VectorIndex
from app.bundle.layout import collect_arrays, collect_index_arrays, hashed_size
from app.bundle.manifest import (
    FORMAT_VERSION,
    FileRecord,
    GateResult,
    IndexFacts,
    Manifest,
    file_sha256,
    files_digest,
    write_manifest,
)
from app.catalogue import attributes
from app.contracts import StageError
from app.event_weights import EventWeights
from app.features.views import view_hash
from app.observe.drift import DRIFT_FILE, DriftReference, write_reference
from app.rank.kinds import write_rankers
from app.rank.scorer import RankerKinds
from app.recall.channel import ChannelConfig
from app.recall.vectors import flat_indexes
from app.state.store import Store
from app.state.tables import load_tables
from offline.data.data_overlay import ArchiveState
from offline.evaluate.figures import ConstantChoice
from offline.publish.index import indexes_are_exact, measure_bundle_indexes
from offline.publish.versions import draft_folder

log = logging.getLogger(__name__)

HISTORICAL_AGE = 30 * 86_400.0  # seconds: older data are served as if they ended now
LIBRARIES = ("numpy", "scipy", "faiss-cpu", "lightgbm", "scikit-learn", "implicit", "polars")


@dataclass(frozen=True, slots=True, eq=False)
class TrainingResult:
    """Everything that a training job computed for a bundle."""

    models: Models
    rankers: Rankers
    ranker_kinds: RankerKinds
    sizes: Sizes
    event_weights: EventWeights
    dataset: str
    interactions: int
    seed: int
    metrics: dict[str, Any]
    channels: Mapping[str, ChannelConfig] = field(default_factory=dict)  # not named: the defaults
    rankers_end: float | None = None  # unix seconds; the rankers learned from events before
    settings: dict[str, Any] = field(default_factory=dict)  # for the manifest; plain values
    constants: list[ConstantChoice] = field(default_factory=list)  # that were tried for the data
    seconds: dict[str, float] = field(default_factory=dict)  # duration by phase
    gate: GateResult | None = None
    build_indexes: Callable[[Models], Indexes] = flat_indexes
    drift: DriftReference | None = None  # live traffic is compared with it
    archive_state: ArchiveState | None = None  # for live events; None: none were used
    time_margin: float = 0.0  # seconds by which the times of the data may be too early
    is_starter: bool = False  # nothing was trained, so all live events are still to be counted


def write_bundle(result: TrainingResult, out: Path, now: Callable[[], float] = time.time) -> Path:
    """Write ``out/bundles/<version>/`` and return the folder.

    A process that is killed at any moment leaves no unfinished bundle there.
    """
    created = now()
    with draft_folder(out, f"{created:.6f}") as folder:
        indexes = write_models(result.models, folder, result.build_indexes)
        write_rankers(result.rankers, result.ranker_kinds, folder)
        if result.drift:
            write_reference(result.drift, folder / DRIFT_FILE)
        files = {
            path.name: FileRecord(bytes=path.stat().st_size, sha256=file_sha256(path))
            for path in sorted(folder.iterdir())
        }
        manifest = _build_manifest(result, files, created, describe_indexes(result, indexes))
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
        write_manifest(folder, orjson.dumps(manifest.model_dump(), option=options))
        return folder.rename(folder.with_name(manifest.version))


def push_tables(version: str, models: Models, redis_url: str | None, prefix: str) -> None:
    """Write the neighbour tables into Redis, so that no worker has to do it during a swap.

    If there is no address, or Redis does not answer, the service loads them from the bundle.
    """
    if redis_url:
        asyncio.run(_push_tables(version, models, redis_url, prefix))


async def _push_tables(version: str, models: Models, redis_url: str, prefix: str) -> None:
    store = Store.connect(redis_url)
    try:
        await load_tables(store, prefix, version, models.tables)
    except StageError as error:
        log.warning("the service will load the tables itself: %s", error)
    finally:
        await store.close()


def write_models(
    models: Models, folder: Path, build_indexes: Callable[[Models], Indexes]
) -> Indexes:
    """Write every array as npy and both indexes; return the indexes."""
    for name, array in collect_arrays(models).items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    indexes = build_indexes(models)
    for name, index in (("factors", indexes.factors), ("content", indexes.content)):
        write_index(index, folder, name)
    return indexes


def write_index(index: VectorIndex, folder: Path, space: str) -> None:
    """Write an index of the space "factors" or "content": by FAISS, or as arrays."""
    if not isinstance(index, CellIndex):
        faiss.write_index(index, str(folder / f"{space}.faiss"))
        return
    for name, array in collect_index_arrays(index, space).items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)


def describe_indexes(result: TrainingResult, indexes: Indexes) -> dict[str, IndexFacts]:
    """Measure the indexes for the manifest; exact ones are left out."""
    if indexes_are_exact(indexes):
        return {}
    by_name = {"factors": indexes.factors, "content": indexes.content}
    return {
        loss["name"]: IndexFacts(
            type=type(by_name[loss["name"]]).__name__,
            recall=round(loss["recall"], 4),
            cells=getattr(by_name[loss["name"]], "nlist", None),
            probed=getattr(by_name[loss["name"]], "nprobe", None),
        )
        for loss in measure_bundle_indexes(result.models, indexes, result.seed)
    }


def _fold_in_settings(factors: Factors) -> dict[str, float]:
    """Return the finite settings of the fold-in. JSON has no infinity, so those are left out."""
    names = ("alpha", "reg", "power", "n_liked", "half_life")
    settings = {name: float(getattr(factors, name)) for name in names}
    return {name: value for name, value in settings.items() if np.isfinite(value)}


def _build_manifest(
    result: TrainingResult,
    files: dict[str, FileRecord],
    created: float,
    indexes: dict[str, IndexFacts],
) -> Manifest:
    models = result.models
    data_end = 0.0 if result.is_starter else models.popularity.at
    stamp = datetime.fromtimestamp(created, UTC).strftime("%Y%m%dT%H%M%SZ")
    return Manifest(
        format=FORMAT_VERSION,
        version=f"{stamp}-{files_digest(files)}",
        created=created,
        data_end=data_end,
        time_shift=result.archive_state.time_shift
        if result.archive_state
        else _time_shift(created - models.popularity.at),
        dataset=result.dataset,
        rows={
            "items": len(models.catalogue),
            "users": len(models.users.ids),
            "interactions": result.interactions,
        },
        view=view_hash(),
        positive_at=result.event_weights.positive_at,
        type_weights=dict(result.event_weights.type_weights),
        explicit=result.event_weights.explicit,
        sizes=result.sizes,
        channels={name: asdict(config) for name, config in result.channels.items()},
        category_names=list(models.catalogue.category_names),
        attributes=dict(attributes.column_kinds(models.catalogue.attributes)),
        segment_names=list(models.segments.names),
        segment_labels=[list(labels) for labels in models.segments.labels],
        segment_prior=models.segments.prior,
        tables=sorted(models.tables),
        centred=models.centred,
        factors=_fold_in_settings(models.factors),
        popularity_at=models.popularity.at,
        seed=result.seed,
        libraries=installed_versions(),
        metrics=result.metrics,
        indexes=indexes,
        files=files,
        rankers_end=result.rankers_end,
        settings=result.settings,
        constants=[dict(choice) for choice in result.constants],
        seconds=result.seconds,
        gate=result.gate,
        rankers=result.ranker_kinds,
        live_start=data_end + result.time_margin,
        is_starter=result.is_starter,
        hashed_content=hashed_size(models),
        stream_offsets=dict(result.archive_state.stream_offsets) if result.archive_state else {},
    )


def _time_shift(age: float) -> float:
    """Return the seconds from the end of the data to now; 0 if the data are recent."""
    return age if age > HISTORICAL_AGE else 0.0


def installed_versions(libraries: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Return the version of each library, without those of an extra that is not installed."""
    versions = {}
    for name in libraries:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
