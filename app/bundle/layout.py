"""The arrays of a bundle: which file holds which array of ``Models``, of what type and shape.

This is the only list of them. Publishing writes it, loading reads it and checks each array.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.artifacts import CellIndex, Models
from app.catalogue.attributes import ColumnKind, column_kinds
from app.catalogue.cold_items import HashedEncoder


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """One array: its file, its path in ``Models``, its type and its shape."""

    file: str  # without the suffix .npy
    path: str  # names of attributes and keys from ``Models`` on, joined by dots
    dtype: str  # "bytes" stands for byte strings of any length
    shape: tuple[str, ...]  # a named dimension each; "items + 1" is one more than "items"
    by_column: bool = False  # stored column by column (Fortran order)


def _array(
    file: str, dtype: str, *shape: str, path: str = "", by_column: bool = False
) -> ArrayFile:
    return ArrayFile(file, path or file, dtype, shape, by_column)


MODEL_ARRAYS = (
    _array("catalogue.ids", "bytes", "items", path="catalogue.ids.keys"),
    _array("catalogue.titles.ends", "int64", "items + 1"),
    _array("catalogue.titles.utf8", "uint8", "title bytes"),
    _array("catalogue.categories", "uint8", "items", "categories"),
    _array("catalogue.released", "float32", "items"),
    _array("catalogue.available", "bool", "items"),
    _array("catalogue.providers", "int32", "items"),
    _array("catalogue.provider_names.ends", "int64", "providers + 1"),
    _array("catalogue.provider_names.utf8", "uint8", "provider bytes"),
    _array("users.ids", "bytes", "users", path="users.ids.keys"),
    _array("users.indptr", "int64", "users + 1"),
    _array("users.rows", "int32", "events"),
    _array("users.values", "float32", "events"),
    _array("users.weights", "float32", "events"),
    _array("users.times", "float64", "events"),
    _array("users.segments", "int32", "users", "segment attributes"),
    _array("friends.indptr", "int64", "users with a list of friends + 1"),
    _array("friends.rows", "int32", "friends"),
    _array("popularity.counts", "float64", "half-lives", "items", by_column=True),
    _array("popularity.liked", "float64", "half-lives", "items", by_column=True),
    _array("popularity.first_seen", "float64", "items"),
    _array("popularity.mean_value", "float32", "items"),
    _array("segments.offsets", "int64", "segment attributes + 1"),
    _array("segments.share", "float32", "segments", "items", by_column=True),
    _array("segments.mass", "float64", "segments"),
    _array("factors.items", "float32", "items", "factor size"),
    _array("factors.gram", "float32", "factor size", "factor size"),
    _array("content.items", "float32", "items", "content size"),
)
MARKED_FLAGS = (_array("catalogue.flags", "uint8", "items", "flags"),)  # until format 2
TAG_LIST_ARRAYS = tuple(
    _array(f"catalogue.{tags}.{name}", dtype, dimension, path=f"catalogue.{tags}.{path}")
    for tags in ("category_lists", "flags")
    for name, dtype, dimension, path in (
        ("indptr", "int64", "items + 1", "indptr"),
        ("codes", "int32", f"entries of {tags}", "codes"),
        ("names", "bytes", f"names of {tags}", "names.keys"),
    )
)
DUPLICATE_ARRAYS = (_array("duplicates", "int32", "items"),)
VISIT_ARRAYS = (
    _array("visits.indptr", "int64", "visits + 1"),
    _array("visits.rows", "int32", "items of visits"),
    _array("visits.weights", "float32", "visits"),
    _array("visits.item_indptr", "int64", "items + 1"),
    _array("visits.item_visits", "int32", "visits of items"),
    _array("visits.item_places", "uint8", "visits of items"),
    _array("visits.item_weights", "float32", "items"),
)
TYPE_ARRAYS = (_array("users.types", "int32", "events"),)
CELL_INDEX_ARRAYS = (
    _array("long_rows", "int32", "long vectors"),
    _array("long_vectors", "float32", "long vectors", "size"),
    _array("means", "float32", "cells", "size"),
    _array("lengths", "float32", "cells"),
    _array("spreads", "float32", "cells"),
    _array("axes", "float32", "axes", "size"),
    _array("deviations", "float32", "axes"),
    _array("starts", "int64", "cells + 1"),
    _array("codes", "uint8", "blocks", "pairs of parts", "vectors of a block"),
    _array("rows", "int32", "blocks", "vectors of a block"),
    _array("codebooks", "float32", "parts", "codes", "dimensions of a part"),
)
COLD_ITEM_ARRAYS = tuple(
    _array(f"cold_items.{name.rpartition('.')[2]}", dtype, *shape, path=f"cold_item_model.{name}")
    for name, dtype, *shape in (
        ("encoder.words", "bytes", "words"),
        ("encoder.idf", "float64", "words"),
        ("encoder.axes", "float64", "words", "title size"),
        ("encoder.category_idf", "float64", "categories"),
        ("encoder.decades", "float64", "decades"),
        ("encoder.weights", "float64", "content parts"),
        ("centre", "float64", "content size"),
        ("slope", "float64", "content size", "factor size"),
        ("mean", "float64", "factor size"),
    )
)


def list_arrays(  # noqa: PLR0913 - one flag for each optional part
    tables: Sequence[str],
    attributes: Mapping[str, ColumnKind],
    *,
    has_cold_items: bool,
    has_tag_lists: bool = True,
    has_marked_flags: bool = False,
    has_event_types: bool = False,
    has_duplicates: bool = False,
    has_visits: bool = False,
) -> list[ArrayFile]:
    """Return every array of a bundle with these tables and item attributes.

    A bundle of format 2 has no tag lists. It marks the flags, if there are any, in a matrix.
    """
    return [
        *MODEL_ARRAYS,
        *(TAG_LIST_ARRAYS if has_tag_lists else ()),
        *(MARKED_FLAGS if has_marked_flags else ()),
        *(TYPE_ARRAYS if has_event_types else ()),
        *(DUPLICATE_ARRAYS if has_duplicates else ()),
        *(VISIT_ARRAYS if has_visits else ()),
        *(COLD_ITEM_ARRAYS if has_cold_items else ()),
        *(entry for name in sorted(tables) for entry in _table_arrays(name)),
        *_attribute_arrays(attributes),
    ]


def _table_arrays(name: str) -> tuple[ArrayFile, ...]:
    part = f"tables.{name}"
    return (
        _array(f"{part}.indptr", "int64", "items + 1"),
        _array(f"{part}.rows", "int32", f"neighbours of {name}"),
        _array(f"{part}.weights", "float32", f"neighbours of {name}"),
    )


def _attribute_arrays(kinds: Mapping[str, ColumnKind]) -> Iterator[ArrayFile]:
    """Yield the arrays of the item attributes; files are numbered in the order of the names."""
    for number, (name, kind) in enumerate(sorted(kinds.items())):
        file, path = f"catalogue.attributes.{number}", f"catalogue.attributes.{name}"
        if kind == "number":
            yield _array(f"{file}.values", "float64", "items", path=f"{path}.values")
        else:
            yield _array(f"{file}.codes", "int32", "items", path=f"{path}.codes")
            yield _array(f"{file}.names", "bytes", f"texts of {name}", path=f"{path}.names.keys")


def collect_arrays(models: Models) -> dict[str, NDArray[Any]]:
    """Return the arrays of ``models`` by file name, without suffix, in the order of their files.

    Raises:
        ValueError: an array has another type or shape than the layout says.
    """
    files = list_arrays(
        list(models.tables),
        dict(column_kinds(models.catalogue.attributes)),
        has_event_types=len(models.users.types) == len(models.users.rows),
        has_duplicates=len(models.duplicates) > 0,
        has_visits=len(models.visits) > 0,
        has_cold_items=models.cold_item_model is not None and hashed_size(models) == 0,
    )
    arrays = {entry.file: _in_order(entry, _find(models, entry.path)) for entry in files}
    check_arrays(files, arrays)
    return arrays


def list_index_arrays(space: str) -> list[ArrayFile]:
    """Return the arrays of a ``CellIndex`` of a space of vectors, "factors" or "content"."""
    return [replace(entry, file=f"index.{space}.{entry.file}") for entry in CELL_INDEX_ARRAYS]


def collect_index_arrays(index: CellIndex, space: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of an index by file name, without suffix.

    Raises:
        ValueError: an array has another type or shape than the layout says.
    """
    files = list_index_arrays(space)
    arrays = {entry.file: getattr(index, entry.path) for entry in files}
    check_arrays(files, arrays)
    return arrays


def hashed_size(models: Models) -> int:
    """Return the length of content vectors by feature hashing; 0 if they are learned or absent.

    Hashing needs no array, so the manifest holds the length.
    """
    encoder = models.cold_item_model.encoder if models.cold_item_model else None
    return encoder.size if isinstance(encoder, HashedEncoder) else 0


def read_arrays(folder: Path, files: Sequence[ArrayFile]) -> dict[str, Any]:
    """Map the arrays into memory; return them nested by path: ``{"factors": {"items": ...}}``.

    Raises:
        OSError: a file is missing.
        ValueError: a file is no array, or of another type or shape than the layout says.
    """
    arrays = {
        entry.file: _in_order(entry, _map_array(folder / f"{entry.file}.npy")) for entry in files
    }
    check_arrays(files, arrays)
    nested: dict[str, Any] = {}
    for entry in files:
        *parts, name = entry.path.split(".")
        owner = reduce(lambda level, part: level.setdefault(part, {}), parts, nested)
        owner[name] = arrays[entry.file]
    return nested


def check_arrays(files: Sequence[ArrayFile], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Check type and shape of every array; a dimension has one size in the whole bundle.

    Raises:
        ValueError: an array disagrees with the layout or with another array.
    """
    sizes: dict[str, int] = {}
    for entry in files:
        array = arrays[entry.file]
        dtype = "bytes" if array.dtype.kind == "S" else str(array.dtype)
        if dtype != entry.dtype:
            raise ValueError(f"{entry.file}.npy holds {dtype}, but {entry.dtype} is expected")
        expected = tuple(
            _expect(dimension, size, sizes)
            for dimension, size in zip_longest(entry.shape, array.shape, fillvalue="")
        )
        if array.shape != expected:
            raise ValueError(
                f"{entry.file}.npy has the shape {array.shape}, but ({', '.join(entry.shape)}) "
                f"is {expected} in this bundle"
            )


def _expect(dimension: str, size: int | str, sizes: dict[str, int]) -> int:
    """Return the size that a dimension must have; its first use fixes it."""
    name, _, more = dimension.partition(" + ")
    extra = int(more or 0)
    return sizes.setdefault(name, int(size or 0) - extra) + extra


def _find(models: Models, path: str) -> Any:
    value: Any = models
    for name in path.split("."):
        value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value


def _in_order(entry: ArrayFile, array: NDArray[Any]) -> NDArray[Any]:
    """Return the array as it is stored; one that an earlier version stored by row is copied."""
    return np.asfortranarray(array) if entry.by_column else np.ascontiguousarray(array)


def _map_array(path: Path) -> NDArray[Any]:
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
