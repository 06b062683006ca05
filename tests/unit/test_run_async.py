"""A coroutine is run to its end without a look at what it returns."""

import pytest

from offline.run_async import run_async


class Unprintable:
    def __repr__(self):
        raise AssertionError("the result was formatted as text")


async def returned(result):
    return result


async def failing():
    raise ValueError("no data")


def test_a_result_is_returned_and_never_formatted_as_text():
    result = Unprintable()
    assert run_async(returned(result)) is result


def test_an_error_is_raised_to_the_caller():
    with pytest.raises(ValueError, match="no data"):
        run_async(failing())
