"""Writes a bundle: plain files first, the manifest last; and its tables into Redis."""

import asyncio
import importlib.metadata
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import orjson

from app.artifacts import Factors, Models, Rankers, Sizes
from app.bundle.integrity import file_sha256, files_digest
from app.bundle.layout import collect_arrays
from app.bundle.manifest import (
    FORMAT_VERSION,
    MANIFEST,
    FileRecord,
    GateResult,
    Manifest,
)
from app.catalogue import attributes
from app.contracts import Matrix, StageError
from app.event_weights import EventWeights
from app.features.views import view_hash
from app.observe.drift import DRIFT_FILE, DriftReference, write_reference
from app.rank.kinds import RankerKinds, write_rankers
from app.recall.channel import ChannelConfig
from app.recall.vectors import flat_index
from app.state.store import Store
from app.state.tables import load_tables
from offline.data.data_overlay import ArchiveState
from offline.publish.versions import draft_folder

log = logging.getLogger(__name__)

HISTORICAL_AGE = 30 * 86_400.0  # seconds: data that ended longer ago is replayed as if it ended now
LIBRARIES = ("numpy", "scipy", "faiss-cpu", "lightgbm", "scikit-learn", "implicit", "polars")


@dataclass(frozen=True, slots=True, eq=False)
class TrainingResult:
    """All that a training run made."""

    models: Models
    rankers: Rankers
    kinds: RankerKinds
    sizes: Sizes
    preferences: EventWeights
    dataset: str
    interactions: int
    seed: int
    metrics: dict[str, Any]
    channels: Mapping[str, ChannelConfig] = field(default_factory=dict)  # not named: the defaults
    rankers_end: float | None = None  # unix seconds; the rankers learned nothing from then on
    settings: dict[str, Any] = field(default_factory=dict)  # for the manifest; plain values
    seconds: dict[str, float] = field(default_factory=dict)  # of each phase so far
    gate: GateResult | None = None
    index: Callable[[Matrix], faiss.Index] = flat_index
    drift: DriftReference | None = None  # what live traffic is held against
    archive_state: ArchiveState | None = None  # of live events, where it learnt from them


def write_bundle(trained: TrainingResult, out: Path) -> Path:
    """Write ``out/bundles/<version>/``; killed at any moment, it leaves no half bundle there.

    Returns:
        The bundle's folder.
    """
    created = time.time()
    with draft_folder(out, f"{created:.6f}") as folder:
        write_models(trained.models, folder, trained.index)
        write_rankers(trained.rankers, trained.kinds, folder)
        if trained.drift:
            write_reference(trained.drift, folder / DRIFT_FILE)
        files = {
            path.name: FileRecord(bytes=path.stat().st_size, sha256=file_sha256(path))
            for path in sorted(folder.iterdir())
        }
        manifest = _manifest(trained, files, created)
        (folder / MANIFEST).write_bytes(
            orjson.dumps(manifest.model_dump(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        )
        return folder.rename(folder.with_name(manifest.version))


def push_tables(version: str, models: Models, redis_url: str | None, prefix: str) -> None:
    """Write the similarity tables into Redis, so that no worker has to when it swaps.

    Without an address, or when Redis does not answer, the service does it from the bundle.
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


def write_models(models: Models, folder: Path, index: Callable[[Matrix], faiss.Index]) -> None:
    """Write every array as npy and the indexes by FAISS."""
    for name, array in collect_arrays(models).items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
    for name, items in (("factors", models.factors.items), ("content", models.content.items)):
        faiss.write_index(index(items), str(folder / f"{name}.faiss"))


def _folding(factors: Factors) -> dict[str, float]:
    """Give what folds users in beside the vectors; JSON knows no infinity, so it is left out."""
    fields = {
        "alpha": factors.alpha,
        "reg": factors.reg,
        "power": factors.power,
        "known": factors.n_liked,
        "half_life": factors.half_life,
    }
    return {name: float(value) for name, value in fields.items() if np.isfinite(value)}


def _manifest(trained: TrainingResult, files: dict[str, FileRecord], created: float) -> Manifest:
    models = trained.models
    data_end = models.popularity.at
    stamp = datetime.fromtimestamp(created, UTC).strftime("%Y%m%dT%H%M%SZ")
    return Manifest(
        format=FORMAT_VERSION,
        version=f"{stamp}-{files_digest(files)}",
        created=created,
        data_end=data_end,
        time_shift=trained.archive_state.time_shift
        if trained.archive_state
        else _shift(created - data_end),
        dataset=trained.dataset,
        rows={
            "items": len(models.catalogue),
            "users": len(models.users.ids),
            "interactions": trained.interactions,
        },
        view=view_hash(),
        positive_at=trained.preferences.positive_at,
        type_weights=dict(trained.preferences.type_weights),
        explicit=trained.preferences.explicit,
        sizes=trained.sizes,
        channels={name: asdict(config) for name, config in trained.channels.items()},
        category_names=list(models.catalogue.category_names),
        flag_names=list(models.catalogue.flag_names),
        attributes=dict(attributes.column_kinds(models.catalogue.attributes)),
        segment_names=list(models.segments.names),
        segment_labels=[list(labels) for labels in models.segments.labels],
        segment_prior=models.segments.prior,
        tables=sorted(models.tables),
        centred=models.centred,
        factors=_folding(models.factors),
        popularity_at=models.popularity.at,
        seed=trained.seed,
        libraries={name: importlib.metadata.version(name) for name in LIBRARIES},
        metrics=trained.metrics,
        files=files,
        rankers_end=trained.rankers_end,
        settings=trained.settings,
        seconds=trained.seconds,
        gate=trained.gate,
        rankers=trained.kinds,
        stream_offsets=dict(trained.archive_state.stream_offsets) if trained.archive_state else {},
    )


def _shift(age: float) -> float:
    """Give the seconds that data of this age are moved by, to end now; 0 where they are recent."""
    return age if age > HISTORICAL_AGE else 0.0
