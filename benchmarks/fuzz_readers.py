"""Damage small files of every format and read them: only errors with a sentence may come out.

``python -m benchmarks.fuzz_readers --files 100000 --seed 1`` takes a few minutes. It prints each
failure with the number of its file at once, and exits with 1 if there is any. ``--only 17`` repeats
one file. ``--trace`` prints each number before its file is read, so that the last one names a file
that ends the process. Damaged Parquet files end only the process that reads them.
"""

import argparse
import bz2
import gzip
import io
import json
import lzma
import random
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from offline.data.errors import DataError
from offline.data.layouts import find_layout
from offline.data.loading import load_rows
from offline.data.readers import load_dataset
from offline.data.schema import InteractionsFile

NAMES = ("user_id", "item_id", "rating", "timestamp", "title")
ROWS = [
    ("u1", "i1", 5, "2023-11-14T23:17:11Z", 'A "quoted", title'),
    ("u2", "i1", 3, "2023-11-15T02:59:51Z", "Größe"),
    ("u1", "i2", 1, "2023-11-15T05:41:36Z", "two\nlines"),
    ("u3", "i3", 4, "2023-11-16T05:41:36Z", ""),
    ("u3", "i1", 2, "2023-11-17T05:41:36Z", '\\"x\\"'),
]
WHOLE = 10  # every tenth file becomes a data set; of the others, the rows are read
NASTY = (
    *(b"\0", b'"', b"'", b",", b";", b"\t", b"|", b"::", b"\n", b"\r", b"\\", b"\xff", b"\xc3"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"{", b"}", b"[", b"]", b"NaN", b"-Infinity", b"1e999", b"#"),
    *(
        b'\\"',
        b"\\ud800",
        b"sep=;\n",
        b"nan",
        b"99999999999999999999",
        b"\x80\x04\x95",
    ),
    *(b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"u'", b"(1 rows)", b"%", b"12/13/2023", b"1/2/2023"),
)
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "cp1252", "utf-8-sig", "utf-7")


@dataclass(frozen=True, slots=True)
class Failure:
    """A file whose reading raised anything but an error for the user."""

    number: int
    name: str
    error: str


def whole_files() -> dict[str, bytes]:
    """Return an undamaged file of each format, by the name that it must have."""
    frame = pl.DataFrame(ROWS, schema=list(NAMES), orient="row")
    objects = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
    lines = "\n".join(json.dumps(each) for each in objects).encode()
    csv = frame.write_csv().encode()
    tsv = frame.drop("title").write_csv(separator="\t").encode()
    nested = frame.with_columns(tags=pl.Series([["a"], [], ["a"], [], ["b"]]))
    return {
        "ratings.csv": csv,
        "ratings.tsv": tsv,
        "ratings.txt": frame.drop("title").write_csv(separator=" ").encode(),
        "events.csv": frame.write_csv(separator=";", quote_style="always").encode(),
        "ratings.jsonl": lines,
        "ratings.json": json.dumps(objects, indent=1).encode(),
        "events.jsonl": "\n".join(map(str, objects)).encode(),
        "ratings.parquet": _written(frame.write_parquet),
        "events.parquet": _written(nested.write_parquet),
        "ratings.dat": _written(frame.write_ipc),
        "ratings.csv.gz": gzip.compress(csv),
        "ratings.csv.bz2": bz2.compress(csv),
        "ratings.csv.xz": lzma.compress(csv),
        "ratings.zip": _zip(csv),
        "ratings.inter": tsv.replace(b"_id", b"_id:token"),
    }


def damage(content: bytes, random_: random.Random) -> bytes:
    """Return the content after one to four mutations."""
    for _ in range(random_.randint(1, 4)):
        content = random_.choice(MUTATIONS)(content, random_)
    return content


def read_damaged(folder: Path, number: int, seed: int) -> tuple[str, Failure | None]:
    """Damage one file, read it, and return what came out, with the failure if there is one."""
    random_ = random.Random(f"{seed} {number}")  # noqa: S311
    name, content = random_.choice(list(FILES.items()))
    path = folder / name
    path.write_bytes(damage(content, random_))
    try:
        if number % WHOLE:
            load_rows(*_part_of(path))
        else:
            load_dataset(path, max_bad_share=1.0)
    except DataError as error:
        return type(error).__name__, None
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
        return "failure", Failure(number, name, text)
    finally:
        path.unlink()
    return "read", None


def fuzz(numbers: range, seed: int) -> Iterator[tuple[str, Failure | None]]:
    """Yield the outcome of each damaged file."""
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            yield read_damaged(Path(folder), number, seed)


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    options = parser.parse_args()
    first = options.first if options.only is None else options.only
    last = options.files if options.only is None else first + 1
    outcomes: Counter[str] = Counter()
    begun = time.process_time()
    for number in range(first, last):
        if options.trace:
            _print(f"file {number}")
        for outcome, failure in fuzz(range(number, number + 1), options.seed):
            outcomes[outcome] += 1
            if failure:
                _print(f"file {failure.number} ({failure.name}): {failure.error}")
    counts = ", ".join(f"{n:,} {outcome}" for outcome, n in outcomes.most_common())
    sys.stdout.write(f"{counts}; {time.process_time() - begun:.0f} s of CPU\n")
    return 1 if outcomes["failure"] else 0


def _part_of(path: Path) -> tuple[Path, InteractionsFile]:
    folder, schema = find_layout(path, None)
    return folder, schema.interactions


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def _zip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ratings.csv", content)
    return buffer.getvalue()


def _flip(content: bytes, random_: random.Random) -> bytes:
    if not content:
        return content
    at = random_.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << random_.randrange(8))]) + content[at + 1 :]


def _cut(content: bytes, random_: random.Random) -> bytes:
    at, end = sorted(random_.randint(0, len(content)) for _ in range(2))
    return random_.choice((content[:at], content[:at] + content[end:], content[at:]))


def _double(content: bytes, random_: random.Random) -> bytes:
    at, end = sorted(random_.randint(0, len(content)) for _ in range(2))
    return content[:end] + content[at:end] * random_.randint(1, 3) + content[end:]


def _insert(content: bytes, random_: random.Random) -> bytes:
    at = random_.randint(0, len(content))
    return content[:at] + random_.choice(NASTY) * random_.randint(1, 3) + content[at:]


def _replace(content: bytes, random_: random.Random) -> bytes:
    return content.replace(random_.choice(NASTY), random_.choice(NASTY))


def _encode(content: bytes, random_: random.Random) -> bytes:
    return content.decode("utf-8", "replace").encode(random_.choice(ENCODINGS), "replace")


MUTATIONS = (_flip, _flip, _cut, _double, _insert, _insert, _replace, _encode)
FILES = whole_files()

if __name__ == "__main__":
    sys.exit(main())
