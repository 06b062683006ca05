"""The commands that make API keys and show whose there are."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from app.access.keys import ROLES, ApiKey, KeyFormatError, Role, format_key, new_key, parse_keys
from offline.cli.errors import errors_as_sentences
from offline.commands.secrets import REDIS_HOST, make_secrets
from offline.errors import CommandError

app = typer.Typer()
key = typer.Typer(help="Make and list API keys.", no_args_is_help=True)
app.add_typer(key, name="key")

KeyFile = Annotated[
    Path, typer.Option(help="File of API keys, as RECFUNNEL_API_KEYS_FILE names it.")
]
DEFAULT_FILE = Path("keys.txt")


@key.command()
def new(
    name: Annotated[str, typer.Argument(help="Whose key it is, such as `shop-backend`.")],
    role: Annotated[
        list[str] | None,
        typer.Option(help=f"What it allows: {', '.join(ROLES)}. May come more than once."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Last day on which it is valid.", formats=["%Y-%m-%d"])
    ] = None,
    file: KeyFile = DEFAULT_FILE,
) -> None:
    """Make a key, show it once, and add its digest to the file.

    A running service accepts the key within about a second.
    """
    with errors_as_sentences():
        secret = new_key()
        add_key(file, name, role or ["read"], secret, until.date() if until else None)
        typer.echo(secret)
        typer.echo(f"This is shown once. {file} holds only its digest.", err=True)


@key.command("list")
def list_keys(file: KeyFile = DEFAULT_FILE) -> None:
    """List the names, roles and last days of the keys of a file."""
    with errors_as_sentences():
        for each in parse_keys(_lines(file)):
            roles = ",".join(sorted(each.roles, key=ROLES.index))
            typer.echo(f"{each.name} {roles}{_last_day(each)}")


@app.command("secrets")
def secrets_command(
    folder: Annotated[Path, typer.Argument(help="Where the files of each part are made.")],
    redis_host: Annotated[str, typer.Option(help="Name of the Redis server.")] = REDIS_HOST,
) -> None:
    """Make the API keys and passwords of a composition, as files. Existing files stay."""
    with errors_as_sentences():
        for file in make_secrets(folder, redis_host):
            typer.echo(f"made {file}")


def _last_day(of: ApiKey) -> str:
    if of.expires_at == float("inf"):
        return ""
    return f" until {datetime.fromtimestamp(of.expires_at - 1, UTC).date()}"


def add_key(file: Path, name: str, roles: list[str], secret: str, until: date | None) -> None:
    """Append a key's line to a file that only its owner can read.

    Raises:
        KeyFormatError: the name or a role is not valid, or the name is taken.
        CommandError: the file cannot be read.
    """
    granted: list[Role] = [role for role in ROLES if role in roles]
    if unknown := set(roles) - set(ROLES):
        raise KeyFormatError(f"there is no role {min(unknown)!r}; the roles are {', '.join(ROLES)}")
    if not name or name.split() != [name] or name.startswith("#"):
        raise KeyFormatError(f"a name is one word, such as shop-backend, not {name!r}")
    lines = _lines(file) if file.exists() else []
    line = format_key(name, granted, secret, until)
    parse_keys([*lines, line])
    file.touch(mode=0o600)
    with file.open("a", encoding="utf-8") as opened:
        opened.write(f"{line}\n")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from None
