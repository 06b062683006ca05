"""``recfunnel serve``: serves the current bundle, and begins from nothing where there is none."""

import logging
from collections.abc import Callable

from app.bundle.pointer import POINTER
from app.observe import logs
from app.process.serve import check_port, check_tracing, serve
from app.settings import Settings
from offline.trainings.background import training_in_background

log = logging.getLogger(__name__)


def serve_from_nothing(settings: Settings, run: Callable[[Settings], None] = serve) -> None:
    """Serve until SIGINT or SIGTERM. If there is no bundle, a starter bundle is made first.

    Raises:
        PortTakenError: the port is taken.
        MissingExtraError: traces are on, and OpenTelemetry is not installed.
        DataError: a training was asked for that cannot use the events alone.
    """
    check_port(settings.host, settings.port)  # before a bundle is written
    check_tracing(settings)
    logs.configure(settings.log_level)
    if settings.serve_untrained and not _has_bundle(settings):
        _publish_starter(settings)
    with training_in_background(settings):
        run(settings)


def _has_bundle(settings: Settings) -> bool:
    if (settings.out / POINTER).is_file():
        return True
    from app.bundle.stored_bundles import list_fallbacks  # noqa: PLC0415 - slow to import

    return bool(list_fallbacks(settings.out))


def _publish_starter(settings: Settings) -> None:
    from app.kernels.compiled import compile_kernels  # noqa: PLC0415 - slow to import
    from offline.publish.starter import publish_starter  # noqa: PLC0415 - slow to import

    compile_kernels(log.info)
    try:
        folder = publish_starter(settings.out)
    except OSError as error:
        log.warning(
            "there is no bundle in %s, and none to start with can be written: %s",
            settings.out,
            error,
        )
        return
    log.warning(
        "there was no bundle in %s, so %s begins without items and without models: put items with "
        "PUT /items/{id} and events with POST /events, then run `recfunnel archive --once` and "
        "`recfunnel train --from-archive`",
        settings.out,
        folder.name,
    )
