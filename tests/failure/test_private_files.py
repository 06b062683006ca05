"""Files that hold users' data can be read by their owner alone, whatever the account's default."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
import redis

from app.process.embedded_server import embedded_server
from app.state.private_files import create_private_file
from offline.commands.archive import archive_once
from offline.publish.versions import draft_folder
from tests.archiving import add
from tests.serving import leisurely


@pytest.fixture
def _open_to_all():
    """The most open default of an account: new files can be read and written by everyone."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder):
    """What others can reach: each path whose folders and itself let them in."""
    paths = [folder, *folder.rglob("*")]
    closed = {path for path in paths if path.stat().st_mode & 0o077 == 0}
    return [path for path in paths if not closed & {path, *path.parents}]


def test_making_sure_that_a_file_exists_drops_no_lock_that_this_process_holds_on_it(tmp_path):
    path = tmp_path / "erasures.sqlite3"
    create_private_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    program = (
        f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        create_private_file(path)
        other = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
        assert b"database is locked" in other.stderr
        database.execute("ROLLBACK")


@pytest.mark.usefixtures("_open_to_all")
def test_the_store_the_archive_and_the_bundles_are_closed_to_other_accounts(tmp_path):
    with embedded_server(tmp_path / "redis") as url:
        settings = leisurely(out=tmp_path / "out", redis_url=url)
        with redis.Redis.from_url(url) as client:
            add(client, settings.key_prefix, 1)
            client.bgrewriteaof()
        archive_once(settings)
    with draft_folder(tmp_path / "out", "v1") as draft:
        (draft / "users.npy").touch()
        assert open_to_others(tmp_path / "out" / "bundles") == []
    assert open_to_others(tmp_path / "redis") == []
    assert open_to_others(tmp_path / "out" / "archive") == []
    files = [*tmp_path.rglob("*.parquet"), *(tmp_path / "redis").rglob("*.aof")]
    assert len(files) >= 2
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}
