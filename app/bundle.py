"""The published artifacts as one frozen object: where they lie, how they are checked and loaded.

A bundle is a folder ``bundles/<version>/`` of plain files. ``manifest.json`` is written last and
names every file with its size and SHA-256; ``current`` beside ``bundles`` is the pointer.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import lightgbm
import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from app.artifacts import Content, Factors, Models, Popularity, Segments, Table, Users
from app.assemble import Indexes, Rankers, Sizes
from app.catalogue import Catalogue, IdIndex, Texts
from app.features import view_hash
from app.preferences import Preferences
from app.rank.coarse import Coarse
from app.rank.fine import Fine

FORMAT = 1
MANIFEST = "manifest.json"
POINTER = "current"


class BundleError(Exception):
    """A bundle that must not be served. The text says which file and what to do."""


class FileFact(BaseModel):
    """What a file must be."""

    model_config = ConfigDict(frozen=True)
    bytes: int
    sha256: str


class SizesFact(BaseModel):
    """How many candidates each stage lets through."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    recall: int
    coarse: int
    fine: int

    def sizes(self) -> Sizes:
        """Give the sizes as the funnel reads them."""
        return Sizes(self.recall, self.coarse, self.fine)


class Manifest(BaseModel):
    """All that is said about a bundle; the only file that is not listed in itself."""

    model_config = ConfigDict(frozen=True)
    format: int
    version: str
    created: float  # unix seconds, wall clock
    data_end: float  # unix seconds, time of the last interaction
    time_shift: float  # seconds: wall clock less data clock; not 0 for a historical data set
    dataset: str
    rows: dict[str, int]
    view: str  # fingerprint of the feature views
    positive_at: float
    type_weights: dict[str, float]
    explicit: bool  # values are ratings
    sizes: SizesFact
    category_names: list[str]
    segment_names: list[str]
    segment_labels: list[list[str]]
    tables: list[str]
    centred: bool  # whether the table "raters" holds ratings less the user's mean
    factors: dict[str, float]
    popularity_at: float
    seed: int
    libraries: dict[str, str]
    metrics: dict[str, Any]
    files: dict[str, FileFact]

    def preferences(self) -> Preferences:
        """Give the rule that turns events into weights."""
        return Preferences(self.positive_at, dict(self.type_weights), self.explicit)


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """One version of everything that was learned. Never changed; replaced as a whole."""

    manifest: Manifest
    models: Models
    indexes: Indexes
    rankers: Rankers

    @property
    def version(self) -> str:
        """The bundle's name."""
        return self.manifest.version

    @property
    def sizes(self) -> Sizes:
        """The numbers of candidates that the rankers were trained with."""
        return self.manifest.sizes.sizes()


def current(out: Path) -> Path:
    """Give the folder of the bundle that ``out/current`` points to.

    Raises:
        BundleError: there is no pointer, or it points nowhere.
    """
    pointer = out / POINTER
    if not pointer.is_file():
        raise BundleError(f"there is no bundle in {out}: run `recfunnel train --out {out}` first")
    try:
        folder = out / "bundles" / pointer.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(
            f"{pointer} cannot be read ({error}): write a bundle's name into it"
        ) from None
    if not folder.is_dir():
        raise BundleError(
            f"{pointer} points to {folder.name}, which does not exist: train again, or write the "
            f"name of a folder of {out / 'bundles'} into it"
        )
    return folder


def sha256(path: Path) -> str:
    """Give the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(files: Mapping[str, FileFact]) -> str:
    """Give the end of the version: a fingerprint of all files."""
    whole = "".join(files[name].sha256 for name in sorted(files))
    return hashlib.sha256(whole.encode()).hexdigest()[:8]


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest alone.

    Raises:
        BundleError: it is absent, unreadable, of another format, name, or for other features.
    """
    path = folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BundleError(
            f"{folder} has no {MANIFEST}: it was never finished; train again"
        ) from None
    except ValidationError as error:
        raise BundleError(
            f"{path} is damaged ({error.error_count()} faults): restore it or train again"
        ) from None
    if manifest.format != FORMAT:
        raise BundleError(
            f"{path} has format {manifest.format}, this service reads {FORMAT}: train again with "
            "this version"
        )
    if manifest.version != folder.name:
        raise BundleError(
            f"{folder} holds the bundle {manifest.version}: give the folder that name, and write "
            f"it into {POINTER}"
        )
    if manifest.view != view_hash():
        raise BundleError(
            f"{path} was trained for the features {manifest.view}, this service computes "
            f"{view_hash()}: train again with this version"
        )
    return manifest


def verify(folder: Path, manifest: Manifest) -> None:
    """Check that the folder holds the listed files, each of its size and SHA-256.

    Raises:
        BundleError: a file is absent, differs, or is not listed.
    """
    strays = {path.name for path in folder.iterdir()} - {MANIFEST, *manifest.files}
    if strays:
        raise BundleError(
            f"{folder} holds {min(strays)}, which {MANIFEST} does not list: remove it"
        )
    if not manifest.version.endswith(digest(manifest.files)):
        raise BundleError(f"{folder / MANIFEST} lists other files than were published: train again")
    for name, fact in manifest.files.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise BundleError(f"{path} is missing: restore the bundle or train again")
        if size != fact.bytes or sha256(path) != fact.sha256:
            raise BundleError(
                f"{path} is corrupt ({size} bytes, {fact.bytes} expected, or its SHA-256 differs): "
                "restore the bundle or train again"
            )


def load(folder: Path) -> Bundle:
    """Verify a bundle and map it into memory; workers share the pages.

    Raises:
        BundleError: it must not be served.
    """
    manifest = read_manifest(folder)
    verify(folder, manifest)
    try:
        models = _models(folder, manifest)
        indexes = Indexes(_index(folder / "factors.faiss"), _index(folder / "content.faiss"))
        coarse = read_coarse(folder / "coarse.json")
        booster = lightgbm.Booster(model_file=str(folder / "fine.txt"))
    except (OSError, ValueError, KeyError, RuntimeError, lightgbm.basic.LightGBMError) as error:
        raise BundleError(f"{folder} cannot be read ({error}): train again") from error
    return Bundle(manifest, models, indexes, Rankers(coarse, Fine(booster)))


def read_coarse(path: Path) -> Coarse:
    """Read the coarse weights, one object a column."""
    stored = orjson.loads(path.read_bytes())
    columns = stored["columns"]
    mean, scale, weights = (
        np.array([column[key] for column in columns], np.float32)
        for key in ("mean", "scale", "weight")
    )
    return Coarse(mean, scale, weights, float(stored["bias"]))


def _models(folder: Path, manifest: Manifest) -> Models:
    def array(name: str) -> NDArray[Any]:
        mapped = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        return np.asarray(mapped)

    def arrays(part: str, *names: str) -> dict[str, NDArray[Any]]:
        return {name: array(f"{part}.{name}") for name in names}

    return Models(
        catalogue=Catalogue(
            ids=IdIndex(array("catalogue.ids")),
            titles=Texts(**arrays("catalogue.titles", "ends", "utf8")),
            category_names=tuple(manifest.category_names),
            **arrays("catalogue", "categories", "released", "available"),
        ),
        users=Users(
            ids=IdIndex(array("users.ids")),
            **arrays("users", "indptr", "rows", "values", "weights", "times", "segments"),
        ),
        popularity=Popularity(
            at=manifest.popularity_at,
            **arrays("popularity", "counts", "liked", "first_seen", "mean_value"),
        ),
        segments=Segments(
            names=tuple(manifest.segment_names),
            labels=tuple(map(tuple, manifest.segment_labels)),
            **arrays("segments", "offsets", "share"),
        ),
        factors=Factors(
            alpha=manifest.factors["alpha"],
            reg=manifest.factors["reg"],
            **arrays("factors", "items", "gram"),
        ),
        content=Content(**arrays("content", "items")),
        tables={
            name: Table(**arrays(f"tables.{name}", "indptr", "rows", "weights"))
            for name in manifest.tables
        },
        centred=manifest.centred,
    )


def _index(path: Path) -> faiss.Index:
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
