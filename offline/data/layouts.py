"""Recognises how the input is laid out; what was looked for is said when nothing fits."""

from pathlib import Path

from offline.data import generic, movielens, recbole
from offline.data.errors import DataError
from offline.data.schema import Schema, load_schema

SCHEMA_FILE = "schema.toml"  # in the data folder: used without being asked for
SUPPORTED_LAYOUTS = (
    "MovieLens (u.data or ratings.dat), RecBole (*.inter), HetRec (user_X.dat with X.dat), "
    f"or one of {', '.join(generic.STEMS['interactions'])} "
    f"as {' '.join(generic.SUFFIXES)}"
)


def find_layout(path: Path, schema: Path | None) -> tuple[Path, Schema]:
    """Give the folder and the description of what lies at ``path``, a folder or one file.

    Raises:
        DataError: there is nothing at ``path``, or nothing we recognise.
    """
    if not path.exists():
        raise DataError(f"There is nothing at {path}; looked for a folder or a file.")
    folder, main = (path, None) if path.is_dir() else (path.parent, path.name)
    folder = folder.resolve()
    if schema is None and main is None and (folder / SCHEMA_FILE).is_file():
        schema = folder / SCHEMA_FILE
    if schema is not None:
        told = load_schema(schema)
        found = generic.locate_files(told, folder, main)
        if told.model_fields_set <= {"name", "type_weights"}:  # which says nothing of files
            known = _recognise(folder, main)
            weighed = {"type_weights": told.type_weights, "name": told.name}
            found = known and known.model_copy(
                update={name: weighed[name] for name in told.model_fields_set}
            )
    else:
        found = _recognise(folder, main)
    if found is None:
        raise DataError(f"{path} has no known layout; looked for {SUPPORTED_LAYOUTS}.")
    return folder, found


def _recognise(folder: Path, main: str | None) -> Schema | None:
    return (
        movielens.recognise_movielens(folder, main)
        or recbole.recognise_recbole(folder, main)
        or generic.recognise_hetrec(folder, main)
        or generic.locate_files(Schema(), folder, main)
    )
