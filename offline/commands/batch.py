"""``recfunnel batch``: write the lists of many users to a file, such as for e-mails."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from app.bundle.bundle import Bundle, find_current_bundle, load_bundle
from app.catalogue.attributes import column_kinds
from app.catalogue.item_fields import field_names
from app.expressions.item_filter import FilterError, parse_filter
from app.kernels.compiled import compile_kernels
from app.process.embedded_server import server_url
from app.settings import HOME, Settings
from offline.batch.batch_lists import BatchOptions, UserList
from offline.batch.list_files import (
    ColumnType,
    check_path,
    describe_shadowed,
    field_types,
    list_writer,
)
from offline.batch.list_spool import ListSpool, list_spool
from offline.batch.processes import FEW_USERS, ListWork, chunks_of, list_computation
from offline.batch.store_watch import StoreWatch
from offline.batch.users import find_every_user, read_users
from offline.commands.folders import require_service_folder
from offline.data.errors import DataError
from offline.service_policies import read_service_policies

ALL = "all"
MAX_NAMED = 3  # kinds of degraded lists that are named


@dataclass(slots=True)
class ListCounts:
    """What the command prints of the lists of a file."""

    n_lists: int = 0
    n_empty: int = 0
    degraded: Counter[str] = field(default_factory=Counter)  # by stage, and "short"

    def add(self, lists: Sequence[UserList]) -> None:
        """Count the lists of some users."""
        self.n_lists += len(lists)
        self.n_empty += sum(1 for one in lists if not one.items)
        self.degraded.update(stage for one in lists for stage in one.degraded)


def batch(settings: Settings, users: str, options: BatchOptions, to: Path, processes: int) -> None:
    """Write the list of each user to a file, and print how many there are.

    Args:
        settings: of the service.
        users: "all", or a file, see ``read_users``.
        options: of each list.
        to: a .jsonl or .parquet file.
        processes: how many compute at once, at most.

    Raises:
        DataError: an option is not valid, or the file of users cannot be used.
        BundleError: there is no bundle.
        StageError: the store does not answer, or has lost data of users before the end.
        CommandError: a process ended before its lists were computed.
    """
    require_service_folder(settings)
    check_path(to, options.fields)
    folder = find_current_bundle(settings.out)
    bundle = load_bundle(folder)
    _check_options(settings, bundle, options)
    console = Console()
    for note in describe_shadowed(options.fields, bundle.models.catalogue.attributes):
        console.print(note, style="yellow", soft_wrap=True)
    compile_kernels(console.print)  # once, before several processes do it
    with server_url(settings.redis_url, settings.out) as url:
        settings = _with_rules(settings.model_copy(update={"redis_url": url}), options.scene)
        watch = StoreWatch.start(settings)
        is_all = users == ALL
        names = (
            find_every_user(settings, bundle.models.users) if is_all else read_users(Path(users))
        )
        processes = 1 if len(names) < FEW_USERS else processes
        began = monotonic()
        with list_spool(to.parent) as spool:
            work = ListWork(settings, options, folder, skip_erased=is_all)
            with list_computation(work, processes) as compute, _progress(console) as progress:
                task = progress.add_task("lists", total=len(names))
                chunks = chunks_of(names)
                for chunk, lists in zip(chunks, compute(chunks), strict=True):
                    spool.write(lists)
                    progress.advance(task, len(chunk))
            fields = field_types(bundle.models.catalogue, options.fields)
            counts = write_lists(spool, watch.finish(), to, bundle.version, fields)
    seconds = monotonic() - began
    console.print(
        f"{counts.n_lists:,} lists of {options.k} in {seconds:.1f} s "
        f"({counts.n_lists / seconds:,.0f} a second, "
        f"{processes} {'process' if processes == 1 else 'processes'}) -> {to}",
        soft_wrap=True,
    )
    for warning in describe_lists(counts, to):
        console.print(warning, style="yellow", soft_wrap=True)


def write_lists(
    spool: ListSpool,
    withdrawn: Collection[str],
    to: Path,
    bundle: str,
    fields: Mapping[str, ColumnType],
) -> ListCounts:
    """Write the lists of a spool to a file, without items that are withdrawn, and count them.

    Args:
        spool: all lists.
        withdrawn: ids of items that must not be shown any more.
        to: see ``check_path``.
        bundle: the version that made the lists.
        fields: see ``field_types``.
    """
    counts = ListCounts()
    with list_writer(to, bundle, fields) as writer:
        for lists in spool.read(withdrawn):
            writer.write(lists)
            counts.add(lists)
    return counts


def describe_lists(counts: ListCounts, to: Path) -> Iterator[str]:
    """Yield a sentence on the users without items, and one on lists that are degraded."""
    if counts.n_empty:
        users = f"{counts.n_empty:,} {'user has' if counts.n_empty == 1 else 'users have'} no items"
        place = "are not in the file" if to.suffix == ".parquet" else "have an empty list"
        yield f"{users}: they {place}"
    if counts.degraded:
        kinds = ", ".join(f"{stage}: {n:,}" for stage, n in counts.degraded.most_common(MAX_NAMED))
        yield f"lists that are not as they should be: {kinds}"


def _with_rules(settings: Settings, scene: str) -> Settings:
    """Return the settings with the policies of now; refuse an unknown scene, as the service does.

    Raises:
        DataError: there is no such scene, or this release cannot read the rules.
        StageError: the store does not answer.
    """
    policies = read_service_policies(settings)
    scenes = {HOME, *policies.scenes}
    if settings.scenes and scene not in scenes:
        raise DataError(f"there is no scene {scene}; there are {', '.join(sorted(scenes))}")
    return settings.with_policies(policies)


def _check_options(settings: Settings, bundle: Bundle, options: BatchOptions) -> None:
    catalogue = bundle.models.catalogue
    if options.k > settings.k_max:
        raise DataError(f"--k is {options.k}, the maximum is {settings.k_max} (setting k_max)")
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
