"""Errors that end a command. The command line prints the text as one sentence, without a traceback.

This module imports nothing, so that every command can catch them whatever is installed.
"""


class CommandError(Exception):
    """The command cannot go on. The text says why and what to do."""

    exit_status = 1


class RefusedError(CommandError):
    """The gate kept a bundle out of service: it is trained and written, but not published."""

    exit_status = 3


class TrainingInProgressError(CommandError):
    """Another training runs in the same folder of bundles."""

    exit_status = 4
