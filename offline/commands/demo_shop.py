"""``recfunnel demo --shop``: makes a shop's data, trains, and serves the lists and a page."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rich.console import Console

import offline.shop
from app.access.loopback import is_loopback
from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import read_manifest
from app.process.serve import PortTakenError, check_port, serve
from app.settings import Settings
from offline.commands.demo import has_bundle, print_list
from offline.commands.train import TrainOptions, train
from offline.data.errors import DataError
from offline.errors import CommandError
from offline.shop.generate import LOG, ShopSize, write_shop
from offline.shop.page_server import page_server
from offline.trainings.background import training_in_background

TRAINING = Path(offline.shop.__file__).with_name("training.toml")
NAME = "shop"  # of the folder, and so of the data set


@dataclass(frozen=True, slots=True)
class ShopOptions:
    """What the command line sets."""

    data: Path = Path("data")
    users: int = ShopSize().users
    page_port: int | None = None  # None: one above that of the service
    user: str = "c0001"

    @property
    def folder(self) -> Path:
        """The folder of the shop's files."""
        return self.data / NAME

    @property
    def default_out(self) -> Path:
        """The folder of bundles, beside the files."""
        return self.data / f"{NAME}-out"


def serve_with_page(settings: Settings, options: ShopOptions) -> None:
    """Serve the lists and the page until Ctrl-C, and print one user's list and the addresses."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    service, port = f"http://{host}:{settings.port}", page_port(settings, options)
    page = f"http://{host}:{port}"
    console = Console()

    def announce() -> None:
        if print_list(console, service, options.user):
            console.print(f"[bold]The shop  {page}/[/bold]", highlight=False, soft_wrap=True)

    origins = (*settings.cors_origins, page, f"http://localhost:{port}")
    with page_server(settings.host, port, service, options.folder):
        threading.Thread(target=announce, daemon=True).start()
        shown = {"cors_origins": origins, "picture_base": settings.picture_base or f"{page}/"}
        serve(settings.model_copy(update=shown))


def page_port(settings: Settings, options: ShopOptions) -> int:
    """Return the port of the page."""
    return options.page_port or settings.port + 1


def demo_shop(
    settings: Settings,
    options: ShopOptions,
    training: TrainOptions | None = None,
    serve: Callable[[Settings, ShopOptions], None] = serve_with_page,
) -> None:
    """Write the shop's files if there are none, train if there is no bundle, and serve.

    The log ends on the day before today (UTC).

    Raises:
        PortTakenError: a port is not free.
        CommandError: the page could not ask the service, or the bundle is not the shop's.
        DataError: other files are in the way.
    """
    console = Console()
    _check_page_can_ask(settings)
    check_port(settings.host, settings.port)
    _check_page_port(settings.host, page_port(settings, options))
    if has_bundle(settings.out):
        _check_dataset(settings.out)
        used = f"The bundle in {settings.out} is used."
        console.print(used, markup=False, highlight=False, soft_wrap=True)
    else:
        console.rule("The shop")
        _write_files(console, options, datetime.now(UTC).date())
        console.rule("Training")
        train(options.folder, settings, training or TrainOptions(config=TRAINING))
    console.rule("Serving")
    settings = settings.model_copy(update=_training_settings(options))
    with training_in_background(settings):
        serve(settings, options)


def _training_settings(options: ShopOptions) -> dict[str, Path]:
    """Return the settings of trainings that are requested while the shop is served."""
    return {"train_data": options.folder, "train_config": TRAINING} if has_files(options) else {}


def has_files(options: ShopOptions) -> bool:
    """Return whether the shop's files are there."""
    return (options.folder / LOG).exists()


def _check_page_can_ask(settings: Settings) -> None:
    if settings.key_ring().is_configured or not is_loopback(settings.host):
        raise CommandError(
            "the page of the sample shop asks the service without a key, so it is for this machine "
            "alone: remove the API keys from the settings, and listen on 127.0.0.1"
        )


def _check_page_port(host: str, port: int) -> None:
    try:
        check_port(host, port)
    except PortTakenError:
        raise PortTakenError(
            f"cannot listen on {host}:{port} for the page of the shop: stop what runs there, or "
            f"choose another port with --page-port {port + 1}"
        ) from None


def _check_dataset(out: Path) -> None:
    dataset = read_manifest(find_current_bundle(out)).dataset
    if dataset != NAME:
        raise CommandError(
            f"the bundle in {out} is of {dataset}, and not of the shop: choose another folder with "
            "--out"
        )


def _write_files(console: Console, options: ShopOptions, today: date) -> None:
    folder = options.folder
    if has_files(options):
        console.print(f"The files in {folder} are used.", markup=False, highlight=False)
        return
    if folder.exists() and any(folder.iterdir()):
        raise DataError(
            f"{folder} has files, and {LOG} is not one of them: move them, or choose another "
            "folder with --data"
        )
    shop = write_shop(folder, today - timedelta(days=1), ShopSize(users=options.users))
    text = f"{shop.users:,} customers, {shop.products:,} products, {shop.events:,} events"
    console.print(f"{text}, all made up, in {folder}", markup=False, highlight=False)
