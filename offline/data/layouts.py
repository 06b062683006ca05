"""Recognise the layout of a data set."""

from pathlib import Path

from offline.data import generic, movielens, recbole
from offline.data.errors import DataError
from offline.data.formats.sources import is_hidden, list_data_files
from offline.data.schema import Schema, load_schema

SCHEMA_FILE = "schema.toml"  # used if it is in the data folder
MAX_NAMES = 5  # files that an error names
ARCHIVE, CSV, PARQUET = "unpack it", "export the tables as CSV", "write it as Parquet or CSV"
FOREIGN_SUFFIXES = {  # of files that are not read, and what helps
    **dict.fromkeys((".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".rar", ".7z"), ARCHIVE),
    **dict.fromkeys((".sql", ".db", ".sqlite", ".sqlite3", ".mdb", ".dump", ".rdb", ".bson"), CSV),
    **dict.fromkeys((".xls", ".ods", ".xlsb", ".numbers"), "save it as .xlsx or CSV"),
    **dict.fromkeys((".xml", ".yaml", ".yml", ".html", ".htm", ".pdf", ".docx"), "write it as CSV"),
    **dict.fromkeys((".mtx", ".npz", ".npy", ".mat", ".libsvm", ".svm"), PARQUET),
    **dict.fromkeys((".h5", ".hdf5", ".pkl", ".pickle", ".avro", ".orc", ".rds"), PARQUET),
    **dict.fromkeys((".zst", ".lz4", ".sz", ".lzo", ".z"), ARCHIVE),
}
SUPPORTED_LAYOUTS = (
    "MovieLens (u.data or ratings.dat), RecBole (*.inter), HetRec (user_X.dat with X.dat), "
    f"or one of {', '.join(generic.STEMS['interactions'])} "
    f"as {generic.SHOWN_SUFFIXES}"
)


def require_data(path: Path) -> None:
    """Check that there is a file or a folder.

    Raises:
        DataError: there is not.
    """
    if not path.exists():
        raise DataError(f"There is nothing at {path}: give an existing folder or file.")


def find_layout(path: Path, schema: Path | None) -> tuple[Path, Schema]:
    """Return the folder and the schema of the data at ``path``, a folder or one file.

    Raises:
        DataError: There is nothing at ``path``, or the layout is unknown.
    """
    require_data(path)
    folder, main = (path, None) if path.is_dir() else (path.parent, path.name)
    folder = folder.resolve()
    if schema is None and main is None and (folder / SCHEMA_FILE).is_file():
        schema = folder / SCHEMA_FILE
    if schema is not None:
        settings = load_schema(schema)
        layout = generic.locate_files(settings, folder, main)
        if settings.model_fields_set <= {"name", "type_weights"}:  # it names no files
            recognised = _recognise(folder, main)
            changed = {"type_weights": settings.type_weights, "name": settings.name}
            layout = recognised and recognised.model_copy(
                update={name: changed[name] for name in settings.model_fields_set}
            )
    else:
        layout = _recognise(folder, main)
    if layout is None:
        raise DataError(
            f"{path} has no known layout. Supported are {SUPPORTED_LAYOUTS}.{_hint(folder)}"
        )
    return folder, layout


def _hint(folder: Path) -> str:
    """Return the line of the schema that names the interactions, with a file that is there."""
    names = list_data_files(folder)
    if not names:
        return _unread_text(folder)
    listed = ", ".join(names[:MAX_NAMES]) + (" ..." if len(names) > MAX_NAMES else "")
    return (
        f" The folder has {listed}. Name the interactions in {SCHEMA_FILE}, such as "
        f'[interactions] file = "{names[0]}".'
    )


def _unread_text(folder: Path) -> str:
    """Return which files of the folder are not read, and what helps."""
    visible = [path.name for path in sorted(folder.iterdir()) if not is_hidden(path.name)]
    advice = {
        name: next((a for s, a in FOREIGN_SUFFIXES.items() if name.lower().endswith(s)), "")
        for name in visible
    }
    foreign = [f"{name} is not read: {text}." for name, text in advice.items() if text]
    if foreign:
        return f" {' '.join(foreign[:MAX_NAMES])}"
    return f" The folder has only {', '.join(visible[:MAX_NAMES])}." if visible else ""


def _recognise(folder: Path, main: str | None) -> Schema | None:
    return (
        movielens.recognise_movielens(folder, main)
        or recbole.recognise_recbole(folder, main)
        or generic.recognise_hetrec(folder, main)
        or generic.locate_files(Schema(), folder, main)
    )
