"""The recall channels, in the order of their feature columns. A channel is one line here.

A package outside this repository adds a channel by an entry point of the group
``recfunnel.channels`` that names a ``ChannelSpec``. Its columns change the feature views, so
bundles have to be trained again.

``python -m app.recall.registry`` writes ``docs/reference/channels.md``.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.recall.channel import ChannelConfig, ChannelInputs, ChannelSpec
from app.recall.item_table import item_table_channel
from app.recall.popularity import FRESH, POPULAR, SURGING, TRENDING
from app.recall.session_knn import SESSION_KNN
from app.recall.social import SOCIAL
from app.recall.user_cf import USER_CF
from app.recall.vectors import CONTENT, EMBEDDING, SESSION
from app.stages import Channel, LocalChannel

ENTRY_POINTS = "recfunnel.channels"
BUILT_IN: tuple[ChannelSpec[Any], ...] = (
    item_table_channel("item_cf", "What those who liked the same also liked (cosine of items)."),
    item_table_channel("ease", "Items similar to liked items, by one linear model of all items."),
    item_table_channel("rp3beta", "Items found by a random walk over users; popular ones damped."),
    item_table_channel("sequence", "What others liked next.", table="transitions"),
    SESSION_KNN,
    USER_CF,
    SOCIAL,
    EMBEDDING,
    SESSION,
    CONTENT,
    SURGING,
    TRENDING,
    POPULAR,
    FRESH,
)


class ChannelError(Exception):
    """A channel that cannot be registered or configured. The text says which and why."""


def load_channels(plugins: Iterable[EntryPoint]) -> tuple[ChannelSpec[Any], ...]:
    """Return the channels of this package and those of other packages, in order of their names.

    Raises:
        ChannelError: An entry point is no ``ChannelSpec``, or its name is taken.
    """
    channels = list(BUILT_IN)
    for plugin in sorted(plugins, key=lambda plugin: plugin.name):
        spec = plugin.load()
        if not isinstance(spec, ChannelSpec):
            raise ChannelError(f"the entry point {plugin.value} is no ChannelSpec: {spec!r}")
        if spec.name in {channel.name for channel in channels}:
            raise ChannelError(f"the channel {spec.name} of {plugin.value} exists already")
        channels.append(spec)
    return tuple(channels)


CHANNEL_SPECS = load_channels(entry_points(group=ENTRY_POINTS))
CHANNELS = tuple(spec.name for spec in CHANNEL_SPECS)
PERSONAL_CHANNELS = tuple(spec.name for spec in CHANNEL_SPECS if spec.is_personal)


def read_channel_configs(
    settings: Mapping[str, Mapping[str, Any]], specs: Sequence[ChannelSpec[Any]] = CHANNEL_SPECS
) -> dict[str, ChannelConfig]:
    """Return the config of every channel: the defaults, with these settings by channel and name.

    Raises:
        ChannelError: There is no such channel or setting, or a value does not fit.
    """
    names = [spec.name for spec in specs]
    for unknown in sorted(settings.keys() - set(names)):
        raise ChannelError(f"there is no channel {unknown}; there are {', '.join(names)}")
    return {spec.name: _configure(spec, settings.get(spec.name, {})) for spec in specs}


def override_channels(
    configs: Mapping[str, ChannelConfig], settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, ChannelConfig]:
    """Return these configs with some settings replaced.

    Raises:
        ChannelError: There is no such channel or setting, or a value does not fit.
    """
    values: dict[str, Mapping[str, Any]] = {name: asdict(one) for name, one in configs.items()}
    return read_channel_configs(
        values | {name: {**values.get(name, {}), **new} for name, new in settings.items()}
    )


def _configure(spec: ChannelSpec[Any], settings: Mapping[str, Any]) -> ChannelConfig:
    values = asdict(spec.config)
    for unknown in sorted(settings.keys() - values.keys()):
        raise ChannelError(
            f"the channel {spec.name} has no setting {unknown}; it has {', '.join(values)}"
        )
    try:
        config_type: Any = type(spec.config)
        config = _adapter_of(config_type).validate_python({**values, **settings})
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(map(str, first["loc"]))
        raise ChannelError(
            f"the setting {setting} of the channel {spec.name} cannot be {first['input']!r}: "
            f"{first['msg']}"
        ) from None
    return config


@cache
def _adapter_of(config: type[ChannelConfig]) -> TypeAdapter[ChannelConfig]:
    """Return what validates a config; to build it takes milliseconds."""
    return TypeAdapter(config)


def build_channels(
    configs: Mapping[str, ChannelConfig],
    inputs: ChannelInputs,
    specs: Sequence[ChannelSpec[Any]] = CHANNEL_SPECS,
) -> list[Channel | LocalChannel]:
    """Build the enabled channels, in the order of the registry."""
    chosen = [(spec, configs.get(spec.name, spec.config)) for spec in specs]
    return [spec.build(config, inputs) for spec, config in chosen if config.enabled]


def render_page() -> str:
    """Render the reference page of the channels as Markdown."""
    lines = [
        "# Recall channels",
        "",
        "Generated by `python -m app.recall.registry`. Channels are declared in `app/recall/`.",
        "Every channel has the settings `enabled` and `limit` (candidates; by default",
        "`sizes.recall`), in the table `[recall.<channel>]` of the training configuration.",
        "",
        "| channel | recalls by | proposes | own settings | declared in |",
        "|---|---|---|---|---|",
    ]
    shared = {"enabled", "limit"}
    for spec in CHANNEL_SPECS:
        own = [f"`{k} = {v}`" for k, v in asdict(spec.config).items() if k not in shared]
        file = f"{spec.build.__module__.replace('.', '/')}.py"
        lines.append(
            f"| `{spec.name}` | {spec.kind} | {spec.meaning} | {', '.join(own)} | `{file}` |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render_page())
