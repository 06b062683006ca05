"""Public ids of the files to rows: one numbering for every file of a data set."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from app.catalogue.ids import IdIndex


def build_id_index(*columns: pl.Series) -> IdIndex:
    """Number the ids of all these columns together, in byte order."""
    every = pl.concat([column.rename("id") for column in columns]).unique()
    return IdIndex.of(every.to_list())


def to_rows(ids: pl.Series, index: IdIndex) -> pl.Series:
    """Give the row of each id. All must be in ``index``."""
    names = pl.Series("id", list(_names(index)), dtype=pl.String)
    numbered = names.to_frame().with_row_index("row")
    found = ids.rename("id").to_frame().join(numbered, on="id", how="left", maintain_order="left")
    return found["row"].cast(pl.Int64)


def align_to_index(ids: pl.Series, values: pl.Series, index: IdIndex) -> pl.Series:
    """Put values in row order; null where an id has none."""
    names = pl.Series("id", list(_names(index)), dtype=pl.String)
    given = pl.DataFrame({"id": ids, "value": values})
    return names.to_frame().join(given, on="id", how="left", maintain_order="left")["value"]


def _names(index: IdIndex) -> Iterable[str]:
    return index.names(np.arange(len(index)))
