"""Read the first sheet of an Excel file, with the library of the extra ``xlsx``."""

import importlib.util

import polars as pl

from offline.data.errors import DataError
from offline.data.table import EmptyFileError

HAS_READER = importlib.util.find_spec("fastexcel") is not None


def read_sheet(file: str, raw: bytes) -> tuple[pl.DataFrame, list[str]]:
    """Return the first sheet as texts, and the names of the sheets that are not read.

    Raises:
        DataError: The file is no spreadsheet, or the library is not installed.
    """
    if not HAS_READER:
        raise DataError(
            f"{file} is an Excel file: install the reader with pip install 'recfunnel[xlsx]', or "
            f"save the sheet as CSV."
        )
    import fastexcel  # noqa: PLC0415 (an extra)

    try:
        book = fastexcel.read_excel(raw)
        sheet = book.load_sheet(0, header_row=0, dtypes="string")
        frame = pl.DataFrame(sheet)
    except (
        *(fastexcel.FastExcelError, pl.exceptions.PolarsError, pl.exceptions.PanicException),
        *(OSError, ValueError, TypeError),
    ) as error:
        reason = (str(error).splitlines() or ["damaged"])[0]
        raise DataError(f"{file} is not an Excel file that can be read: {reason}.") from error
    named = [name for name in frame.columns if not name.startswith("__UNNAMED__")]
    filled = frame.select(pl.col(named).cast(pl.String).str.strip_chars().replace("", None))
    kept = filled.filter(~pl.all_horizontal(pl.all().is_null())) if named else filled
    if not len(kept):
        raise EmptyFileError(f"{file} is empty.")
    return kept, book.sheet_names[1:]
