"""Errors of the training data. Each text is a sentence that a user can act on."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a container that only serves has no polars
    import polars as pl


class DataError(Exception):
    """The data cannot be read. The text says what is wrong and what to do about it."""


class TooManyBadRowsError(DataError):
    """A file has a larger share of bad rows than allowed. ``bad`` lists them."""

    def __init__(self, message: str, bad: "pl.DataFrame") -> None:
        super().__init__(message)
        self.bad = bad  # columns file, line, reason, text
