"""Options that several commands have, each declared once."""

from collections.abc import Container
from pathlib import Path
from typing import Annotated, Any

import typer

from app.settings import Settings, read_settings
from offline.trainings.schedule import NEVER, TimeOfDay, TrainingInterval

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


def arguments_of(context: typer.Context, left_out: Container[str]) -> list[str]:
    """Return the options of a command as they were written, for another process."""
    arguments = []
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if source and source.name == "COMMANDLINE" and name not in left_out:
            value = context.params[name]
            arguments += [parameter.opts[0]] if value is True else [parameter.opts[0], str(value)]
    return arguments


def read_timetable(every: str | None, at: str | None) -> TrainingInterval | TimeOfDay | None:
    """Return when to train regularly; None: once, now.

    Raises:
        typer.BadParameter: the options cannot be read, or both are there.
    """
    if every and at:
        raise typer.BadParameter("name one of --every and --at")
    try:
        if every:
            return TrainingInterval.parse(every)
        if at == NEVER:
            return TrainingInterval.parse(NEVER)
        return TimeOfDay.parse(at) if at else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
