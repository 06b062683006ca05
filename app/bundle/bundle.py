"""Find, verify and load a bundle. ``Bundle`` holds the loaded files and never changes.

A bundle is a folder ``bundles/<version>/`` of plain files. ``manifest.json`` names
every file with its size and SHA-256, and ``manifest.sha256`` has its own. The file ``current``, in
the folder that contains ``bundles/``, names the version in service.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss

from app.artifacts import (
    NO_VISITS,
    CellIndex,
    Content,
    Factors,
    Friends,
    Indexes,
    Models,
    NeighbourTable,
    Popularity,
    Rankers,
    Segments,
    Sizes,
    Users,
    VectorIndex,
    Visits,
)
from app.bundle.layout import list_arrays, list_index_arrays, read_arrays
from app.bundle.manifest import (
    FORMAT_WITHOUT_TAG_LISTS,
    BundleError,
    Manifest,
    read_manifest,
)
from app.bundle.pointer import POINTER
from app.bundle.verification import verify_files_once
from app.catalogue.attributes import NumberColumn, TextColumn
from app.catalogue.catalogue import Catalogue
from app.catalogue.cold_items import ColdItemModel, ContentEncoder, HashedEncoder
from app.catalogue.duplicates import NO_DUPLICATES
from app.catalogue.ids import IdIndex, Texts
from app.catalogue.tag_lists import TagLists
from app.contracts import Matrix
from app.observe.drift import DRIFT_FILE, DriftReference, read_reference
from app.rank.kinds import read_rankers


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """One version of everything that training learned. It is never changed, only replaced."""

    manifest: Manifest
    models: Models
    indexes: Indexes
    rankers: Rankers
    drift: DriftReference | None = None  # None: the bundle has none

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def sizes(self) -> Sizes:
        """The number of candidates of each stage, as the rankers were trained with."""
        return self.manifest.sizes


def find_current_bundle(out: Path) -> Path:
    """Return the folder of the bundle that ``out/current`` names.

    Raises:
        BundleError: There is no such file, or it names no bundle.
    """
    pointer = out / POINTER
    if not pointer.is_file():
        raise BundleError(f"there is no bundle in {out}: run `recfunnel train --out {out}` first")
    try:
        folder = out / "bundles" / pointer.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(
            f"{pointer} cannot be read ({error}): write the name of a bundle into it"
        ) from None
    if not folder.is_dir():
        raise BundleError(
            f"{pointer} points to {folder.name}, which does not exist: train again, or write the "
            f"name of a folder of {out / 'bundles'} into it"
        )
    return folder


def load_bundle(folder: Path) -> Bundle:
    """Verify a bundle and map its files into memory, so that workers share the pages.

    Raises:
        BundleError: The bundle must not be served.
    """
    manifest = read_manifest(folder)
    verify_files_once(folder, manifest)
    try:
        models = _load_models(folder, manifest)
        indexes = Indexes(
            _map_index(folder, manifest, "factors", models.factors.items),
            _map_index(folder, manifest, "content", models.content.items),
        )
        rankers = read_rankers(folder, manifest.rankers)
        drift = read_reference(folder / DRIFT_FILE) if DRIFT_FILE in manifest.files else None
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BundleError(f"{folder} cannot be read ({error}): train again") from error
    return Bundle(manifest, models, indexes, rankers, drift)


def _load_models(folder: Path, manifest: Manifest) -> Models:
    files = list_arrays(
        manifest.tables,
        manifest.attributes,
        has_cold_items="cold_items.slope.npy" in manifest.files,
        has_tag_lists=manifest.format > FORMAT_WITHOUT_TAG_LISTS,
        has_marked_flags="catalogue.flags.npy" in manifest.files,
        has_event_types="users.types.npy" in manifest.files,
        has_duplicates="duplicates.npy" in manifest.files,
        has_visits="visits.indptr.npy" in manifest.files,
    )
    parts = read_arrays(folder, files)
    return Models(
        catalogue=_build_catalogue(parts["catalogue"], manifest),
        users=Users(**{**parts["users"], "ids": IdIndex(**parts["users"]["ids"])}),
        popularity=Popularity(at=manifest.popularity_at, **parts["popularity"]),
        segments=Segments(
            names=tuple(manifest.segment_names),
            labels=tuple(map(tuple, manifest.segment_labels)),
            prior=manifest.segment_prior,
            **parts["segments"],
        ),
        factors=Factors(
            alpha=manifest.factors["alpha"],
            reg=manifest.factors["reg"],
            power=manifest.factors["power"],
            n_liked=int(manifest.factors["n_liked"]),
            half_life=manifest.factors.get("half_life", math.inf),
            **parts["factors"],
        ),
        content=Content(**parts["content"]),
        tables={name: NeighbourTable(**table) for name, table in parts["tables"].items()},
        friends=Friends(**parts["friends"]),
        centred=manifest.centred,
        cold_item_model=_build_cold_item_model(parts.get("cold_item_model"), manifest),
        duplicates=parts.get("duplicates", NO_DUPLICATES),
        visits=Visits(**parts["visits"]) if "visits" in parts else NO_VISITS,
    )


def _build_catalogue(arrays: dict[str, Any], manifest: Manifest) -> Catalogue:
    columns = {
        name: NumberColumn(**column)
        if manifest.attributes[name] == "number"
        else TextColumn(column["codes"], IdIndex(**column["names"]))
        for name, column in arrays.get("attributes", {}).items()
    }
    nested = {
        "ids": IdIndex(**arrays["ids"]),
        "titles": Texts(**arrays["titles"]),
        "provider_names": Texts(**arrays["provider_names"]),
        "attributes": columns,
    }
    names = tuple(manifest.category_names)
    lists = _build_tag_lists(arrays, manifest)
    return Catalogue(**{**arrays, **nested, **lists, "category_names": names})


def _build_tag_lists(arrays: dict[str, Any], manifest: Manifest) -> dict[str, TagLists]:
    """Return the lists of categories and flags; a bundle of format 2 has matrices instead."""
    if manifest.format == FORMAT_WITHOUT_TAG_LISTS:
        marks = arrays.get("flags")
        return {} if marks is None else {"flags": TagLists.of_marks(marks, manifest.flag_names)}
    return {
        name: TagLists(**{**arrays[name], "names": IdIndex(**arrays[name]["names"])})
        for name in ("category_lists", "flags")
    }


def _build_cold_item_model(
    arrays: dict[str, Any] | None, manifest: Manifest
) -> ColdItemModel | None:
    if size := manifest.hashed_content:
        return ColdItemModel.without_factors(HashedEncoder(size), size)
    if arrays is None:
        return None
    return ColdItemModel(**{**arrays, "encoder": ContentEncoder(**arrays["encoder"])})


def _map_index(folder: Path, manifest: Manifest, space: str, vectors: Matrix) -> VectorIndex:
    """Map the index of the vectors of a space into memory: that of FAISS, or arrays."""
    if f"{space}.faiss" in manifest.files:
        return faiss.read_index(str(folder / f"{space}.faiss"), faiss.IO_FLAG_MMAP_IFC)
    files = list_index_arrays(space)
    index = CellIndex(**read_arrays(folder, files), nprobe=manifest.indexes[space].probed or 1)
    if (index.ntotal, index.means.shape[1]) != vectors.shape:
        raise ValueError(f"the index of {space} is not one of {space}.items.npy")
    return index
