"""``recfunnel batch``: write the lists of many users to a file, such as for e-mails."""

from collections import Counter
from pathlib import Path
from time import monotonic

import numpy as np
import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from app.bundle.bundle import Bundle, find_current_bundle, load_bundle
from app.catalogue.attributes import column_kinds
from app.catalogue.item_fields import field_names
from app.expressions.item_filter import FilterError, parse_filter
from app.kernels.compiled import compile_kernels
from app.process.embedded_server import server_url
from app.settings import Settings
from app.state.store import Store
from app.state.user_store import find_users
from offline.batch.batch_lists import STORE_TIMEOUT, BatchOptions
from offline.batch.list_files import check_path, field_types, list_writer
from offline.batch.processes import FEW_USERS, chunks_of, list_computation
from offline.commands.folders import require_service_folder
from offline.data.errors import DataError
from offline.run_async import run_async

ALL = "all"
KEYS_PER_SCAN = 10_000
MAX_NAMED = 3  # kinds of degraded lists that are named


def batch(settings: Settings, users: str, options: BatchOptions, to: Path, processes: int) -> None:
    """Write the list of each user to a file, and print how many there are.

    Args:
        settings: of the service.
        users: "all", or a file with one id a line, or a CSV or Parquet file with ``user_id``.
        options: of each list.
        to: a .jsonl or .parquet file.
        processes: how many compute at once, at most.

    Raises:
        DataError: an option is not valid, or the file of users cannot be used.
        BundleError: there is no bundle.
        StageError: the store does not answer.
    """
    require_service_folder(settings)
    check_path(to)
    bundle = load_bundle(find_current_bundle(settings.out))
    _check_options(settings, bundle, options)
    console = Console()
    compile_kernels(console.print)  # once, before several processes do it
    with server_url(settings.redis_url, settings.out) as url:
        settings = settings.model_copy(update={"redis_url": url})
        names = _every_user(settings, bundle) if users == ALL else read_users(Path(users))
        processes = 1 if len(names) < FEW_USERS else processes
        began, n_lists, degraded = monotonic(), 0, Counter[str]()
        fields = field_types(bundle.models.catalogue, options.fields)
        with (
            list_computation(settings, options, processes, skip_erased=users == ALL) as compute,
            list_writer(to, bundle.version, fields) as writer,
            _progress(console) as progress,
        ):
            task = progress.add_task("lists", total=len(names))
            chunks = chunks_of(names)
            for chunk, lists in zip(chunks, compute(chunks), strict=True):
                writer.write(lists)
                n_lists += len(lists)
                degraded.update(stage for one in lists for stage in one.degraded)
                progress.advance(task, len(chunk))
    seconds = monotonic() - began
    console.print(
        f"{n_lists:,} lists of {options.k} in {seconds:.1f} s ({n_lists / seconds:,.0f} a second, "
        f"{processes} {'process' if processes == 1 else 'processes'}) -> {to}",
        soft_wrap=True,
    )
    if degraded:
        kinds = ", ".join(f"{stage}: {n:,}" for stage, n in degraded.most_common(MAX_NAMED))
        console.print(f"lists that are not as they should be: {kinds}", style="yellow")


def read_users(file: Path) -> list[str]:
    """Return the ids of a file, each once, in their order.

    Raises:
        DataError: the file does not exist, has no column ``user_id``, or no user.
    """
    if not file.is_file():
        raise DataError(f"{file} does not exist: name a file of users, or write --users all")
    if file.suffix in {".csv", ".parquet"}:
        table = pl.scan_csv(file, infer_schema=False)
        if file.suffix == ".parquet":
            table = pl.scan_parquet(file)
        columns = table.collect_schema().names()
        if "user_id" not in columns:
            raise DataError(f"{file} has no column user_id; it has {', '.join(columns)}")
        ids = table.select(pl.col("user_id").cast(pl.String)).collect()["user_id"].to_list()
    else:
        ids = file.read_text("utf-8").splitlines()
    users = list(dict.fromkeys(user.strip() for user in ids if user and user.strip()))
    if not users:
        raise DataError(f"{file} has no users")
    return users


def _every_user(settings: Settings, bundle: Bundle) -> list[str]:
    """Return the users of the bundle, then those of whom only the store has data."""

    async def find_others() -> list[str]:
        others: set[str] = set()
        async with Store.connect(settings.redis_url or "", timeout=STORE_TIMEOUT) as store:
            cursor = 0
            while True:
                page = await find_users(store, settings.key_prefix, "", cursor, KEYS_PER_SCAN)
                others.update(page[0])
                cursor = page[1]
                if not cursor:
                    return sorted(others.difference(of_bundle))

    ids = bundle.models.users.ids
    of_bundle = ids.names(np.arange(len(ids)))
    return [*of_bundle, *run_async(find_others())]


def _check_options(settings: Settings, bundle: Bundle, options: BatchOptions) -> None:
    catalogue = bundle.models.catalogue
    if options.k > settings.k_max:
        raise DataError(f"--k is {options.k}, the maximum is {settings.k_max} (setting k_max)")
    scenes = {"home", *settings.scenes}
    if settings.scenes and options.scene not in scenes:
        names = ", ".join(sorted(scenes))
        raise DataError(f"there is no scene {options.scene}; there are {names}")
    unknown = [name for name in options.fields if name not in field_names(catalogue)]
    if unknown:
        names = ", ".join(field_names(catalogue))
        raise DataError(f"there is no field {unknown[0]}; there are {names}")
    try:
        if options.filter:
            parse_filter(options.filter, column_kinds(catalogue.attributes))
    except FilterError as error:
        raise DataError(f"--filter: {error}") from None


def _progress(console: Console) -> Progress:
    parts = "{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*parts, console=console, transient=True)
