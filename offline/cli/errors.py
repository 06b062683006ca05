"""Errors as the command line shows them: one sentence and an exit status, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console

from app.access.keys import KeyFormatError
from app.contracts import StageError
from app.process.serve import OpenServiceError, PortTakenError
from app.process.server_process import ServerError
from app.settings import SettingsError
from offline.data.errors import DataError
from offline.errors import CommandError

EXTRAS = {"optuna": "tune", "implicit": "bpr"}  # import name -> extra, where it is not "train"


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
        *(StageError, BundleError, DataError, OSError),
    ) as error:
        _fail(str(error), error)
    except FloatingPointError as error:  # a model diverged with these settings
        _fail(f"{error}; see the settings of --config", error)
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        extra = EXTRAS.get(package, "train")
        _fail(f"{package} is not installed: pip install 'recfunnel[{extra}]'", error)


def _fail(sentence: str, error: Exception, status: int = 1) -> NoReturn:
    Console(stderr=True).print(sentence, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(status) from error
