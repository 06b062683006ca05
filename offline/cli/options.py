"""Options that several commands have, each declared once."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.settings import Settings, read_settings

Out = Annotated[Path | None, typer.Option(help="Folder of bundles. Default: out.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on. Default: 8000.", min=0)]
Seed = Annotated[
    int | None,
    typer.Option(help="The same seed trains the same models. Default: 7.", min=0),
]
Data = Annotated[Path, typer.Option(help="A folder of data, or a file of interactions.")]
OptionalData = Annotated[
    Path | None,
    typer.Option(
        help="A folder of data, or a file of interactions. With --from-archive it may be left out."
    ),
]
Schema = Annotated[Path | None, typer.Option(help="A TOML file that maps the columns of the data.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        help="A TOML file of training settings, or a bundle's folder to train with its settings. "
        "Other options override it."
    ),
]
MaxBadShare = Annotated[
    float | None,
    typer.Option(
        help="Stop if more than this share of the rows is bad. Default: 0.05.", min=0, max=1
    ),
]


def settings(**overrides: object) -> Settings:
    """Read the settings; options of the command line override them."""
    return read_settings({name: value for name, value in overrides.items() if value is not None})


def without_absent(**options: Any) -> dict[str, Any]:
    """Return the options that the command line has, so that the others keep their defaults."""
    return {name: value for name, value in options.items() if value is not None}
