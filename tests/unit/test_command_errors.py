"""Errors of the disk as the command line shows them: the file, and what to do."""

import errno
import os

import pytest

from offline.cli.errors import describe_os_error


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "free space"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "this account may not use it"),
    ],
)
def test_an_error_of_the_disk_names_the_file_and_the_remedy(code, remedy):
    sentence = describe_os_error(OSError(code, os.strerror(code), "out/redis"))
    assert "out/redis" in sentence
    assert remedy in sentence
    assert "--out" in sentence


def test_another_error_is_shown_as_it_is():
    assert describe_os_error(OSError("it is broken")) == "it is broken"
