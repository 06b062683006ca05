"""The command ``recfunnel accept-loss``: users whose data Redis has lost begin anew."""

from datetime import UTC, datetime

from rich.console import Console

from app.process.embedded_server import server_url
from app.settings import Settings
from app.state.user_store import lost_key
from offline.commands.folders import require_service_folder
from offline.store_client import open_client


def accept_loss(settings: Settings) -> None:
    """Remove the mark of lost data, and print what that means.

    Raises:
        DataError: the folder is not of a service.
        ServerError: no server runs.
        StageError: the server cannot be reached.
    """
    require_service_folder(settings)
    key = lost_key(settings.key_prefix)
    with server_url(settings.redis_url, settings.out) as url, open_client(url) as client:
        mark = client.getdel(key)
    console = Console()
    if mark is None:
        console.print("Redis has no mark of lost data: there is nothing to accept.")
        return
    since = datetime.fromtimestamp(float(mark), UTC)
    console.print(
        f"The loss of {since:%Y-%m-%d %H:%M} UTC is accepted: users whose data was not restored "
        "begin anew, and what they had hidden or blocked can be shown to them again.",
        markup=False,
        soft_wrap=True,
    )
