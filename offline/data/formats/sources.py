"""Find and unpack the files of a data set: plain, packed, in a zip file, or a folder of parts."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from offline.data.errors import DataError

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".dat")
TABLE_SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".json", ".xlsx")
SUFFIXES = (*TEXT_SUFFIXES, *TABLE_SUFFIXES)
ZIP = ".zip"
PACKED = (".gz", ".bz2", ".xz", ZIP)
PACKERS = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ": lzma.decompress}
ZIP_MAGIC, ZSTD_MAGIC = b"PK\x03\x04", b"\x28\xb5\x2f\xfd"
WORKBOOK = "xl/workbook.xml"  # a zip file with this member is a spreadsheet
UNPACK_ERRORS = (
    *(OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile),
    *(NotImplementedError, RuntimeError, ValueError, LookupError),
)
MAX_DEPTH = 3  # a packed file in a zip file in a packed file is unpacked, but no deeper one


@dataclass(frozen=True, slots=True)
class Source:
    """The content of one file, unpacked."""

    name: str  # for messages, without the folders above
    content: bytes


def list_data_files(folder: Path) -> list[str]:
    """Return the names of what can be read in a folder, relative to it, in byte order.

    These are files with a known suffix, packed or not, folders of part files, and members of zip
    files, as in ``data.zip/ratings.csv``. A zip file with one member stands for it.
    """
    names: list[str] = []
    for path in sorted(folder.iterdir()):
        if is_hidden(path.name):
            continue
        if path.is_dir():
            names += [path.name] if any(_parts(path)) else []
        elif path.suffix.lower() == ZIP:
            members = _members_of(path)
            names += [path.name] if len(members) == 1 else [f"{path.name}/{m}" for m in members]
        elif has_data_suffix(path.name):
            names.append(path.name)
    return names


def stem_of(name: str) -> str:
    """Return the name of a file in lower case without folders and known suffixes."""
    stem = PurePosixPath(name).name.lower()
    while stem.endswith((*SUFFIXES, *PACKED)):
        stem = stem.rpartition(".")[0]
    return stem


def has_data_suffix(name: str) -> bool:
    """Return whether the name, without the suffix of a packer, ends as that of a data file."""
    plain = name.lower()
    while plain.endswith(PACKED):
        plain = plain.rpartition(".")[0]
    return plain.endswith(SUFFIXES)


def is_hidden(name: str) -> bool:
    """Return whether a name is that of a marker or a checksum: ``_SUCCESS``, ``.part-0.crc``."""
    return name.startswith((".", "_")) or name.lower().endswith(".crc")


def exists(folder: Path, name: str) -> bool:
    """Return whether ``read_sources`` finds something under a name."""
    path, member = _split(folder, name)
    return path.exists() if member is None else member in _members_of(path)


def read_sources(folder: Path, name: str) -> list[Source]:
    """Read a file, all parts of a folder, or a member of a zip file.

    Raises:
        DataError: It cannot be read or unpacked, or it is not clear which member is meant.
    """
    path, member = _split(folder, name)
    if path.is_dir():
        sources = [
            _unpack(f"{path.name}/{part.relative_to(path).as_posix()}", _read(part))
            for part in _parts(path)
        ]
        if not sources:
            raise DataError(f"{path} is a folder without part files.")
        return sources
    content = _read(path)
    if member is None:
        return [_unpack(path.name, content)]
    return [_unpack(member, _member(path.name, content, member))]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def _split(folder: Path, name: str) -> tuple[Path, str | None]:
    """Return the file that a name means, and the member of it if it is in a zip file."""
    path = folder / name
    for above in path.parents:
        if above.suffix.lower() == ZIP and above.is_file():
            return above, path.relative_to(above).as_posix()
    return path, None


def _parts(folder: Path) -> Iterator[Path]:
    """Yield the part files of a folder, which Spark and Hive write, in byte order."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).parts
        if any(map(is_hidden, inner)) or not path.is_file() or not path.stat().st_size:
            continue
        if has_data_suffix(path.name) or path.name.startswith("part-"):
            yield path


def _members_of(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return _data_members(archive)
    except UNPACK_ERRORS:
        return []


def _data_members(archive: zipfile.ZipFile) -> list[str]:
    return sorted(
        info.filename
        for info in archive.infolist()
        if not info.is_dir()
        and not any(map(is_hidden, PurePosixPath(info.filename).parts))
        and has_data_suffix(info.filename)
    )


def _unpack(name: str, content: bytes, depth: int = 0) -> Source:
    if content.startswith(ZSTD_MAGIC):
        raise DataError(f"{name} is packed with zstd, which is not read: unpack it with unzstd.")
    packer = next((p for magic, p in PACKERS.items() if content.startswith(magic)), None)
    is_zip = content.startswith(ZIP_MAGIC)
    if depth == MAX_DEPTH or not (packer or is_zip):
        return Source(name, content)
    try:
        if packer:
            return _unpack(name, packer(content), depth + 1)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if WORKBOOK in archive.namelist():
                return Source(name, content)
            members = _data_members(archive)
    except UNPACK_ERRORS as error:
        raise DataError(f"{name} cannot be unpacked: {error}.") from error
    if len(members) != 1:
        listed = f"has several data files ({', '.join(members[:5])})" if members else "has no data"
        example = members[0] if members else "ratings.csv"
        raise DataError(f'{name} {listed}; name one in the schema: file = "{name}/{example}".')
    return _unpack(f"{name}/{members[0]}", _member(name, content, members[0]), depth + 1)


def _member(name: str, content: bytes, member: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(member)
    except UNPACK_ERRORS as error:
        raise DataError(f"{member} in {name} cannot be unpacked: {error}.") from error
