"""Errors as the command line shows them: one sentence and an exit status, without a traceback."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console

from app.access.keys import KeyFormatError
from app.contracts import StageError
from app.process.serve import MissingExtraError, OpenServiceError, PortTakenError
from app.process.server_process import ServerError
from app.settings import SettingsError
from offline.data.errors import DataError
from offline.errors import CommandError

REMEDIES = {
    errno.ENOSPC: "the disk is full; free space on it, or choose another folder with --out",
    errno.EDQUOT: "the quota is used up; free space, or choose another folder with --out",
    errno.EROFS: "the disk is read-only; choose another folder with --out",
    errno.EACCES: "this account may not use it; change its owner or mode, or choose another folder "
    "with --out",
}
EXTRAS = {
    "optuna": "tune",
    "implicit": "bpr",
    "obstore": "s3",
    "opentelemetry": "otel",
}  # import name -> extra, where it is not "train"


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn an error that the user can correct into one sentence. A bug keeps its traceback."""
    from app.bundle.manifest import BundleError  # noqa: PLC0415 - slow to import

    try:
        yield
    except CommandError as error:
        _fail(str(error), error, error.exit_status)
    except (
        *(SettingsError, KeyFormatError, OpenServiceError, PortTakenError, ServerError),
        *(MissingExtraError, StageError, BundleError, DataError),
    ) as error:
        _fail(str(error), error)
    except OSError as error:
        _fail(describe_os_error(error), error)
    except FloatingPointError as error:  # a model diverged with these settings
        _fail(f"{error}; see the settings of --config", error)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        extra = EXTRAS.get(package, "train")
        _fail(f"{package} is not installed: pip install 'recfunnel[{extra}]'", error)


def describe_os_error(error: OSError) -> str:
    """Return a sentence that names the file, and for a full or read-only disk what to do."""
    remedy = REMEDIES.get(error.errno or 0)
    return f"{error}: {remedy}" if remedy else str(error)


def _fail(sentence: str, error: Exception, status: int = 1) -> NoReturn:
    Console(stderr=True).print(sentence, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(status) from error
