"""Convert public ids to rows: one numbering for all files of a data set."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from app.catalogue.ids import IdIndex


def build_id_index(*columns: pl.Series) -> IdIndex:
    """Build the index of the ids of all these columns, in byte order."""
    unique = pl.concat([column.rename("id") for column in columns]).unique()
    return IdIndex.of(unique.to_list())


def to_rows(ids: pl.Series, index: IdIndex) -> pl.Series:
    """Return the row of each id. All ids must be in ``index``."""
    names = pl.Series("id", list(_names(index)), dtype=pl.String)
    numbered = names.to_frame().with_row_index("row")
    rows = ids.rename("id").to_frame().join(numbered, on="id", how="left", maintain_order="left")
    return rows["row"].cast(pl.Int64)


def align_to_index(ids: pl.Series, values: pl.Series, index: IdIndex) -> pl.Series:
    """Return the values in row order; null for an id without a value."""
    names = pl.Series("id", list(_names(index)), dtype=pl.String)
    frame = pl.DataFrame({"id": ids, "value": values})
    return names.to_frame().join(frame, on="id", how="left", maintain_order="left")["value"]


def _names(index: IdIndex) -> Iterable[str]:
    return index.names(np.arange(len(index)))
