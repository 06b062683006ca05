"""Choose the constants of recall that depend on the data: half-lives, penalties, fading histories.

The defaults fit films. In other data, interests last for years or for minutes. So the job tries a
few values of each constant on two windows before the test:

1. On the first window every candidate is evaluated by NDCG@10 of the channel's own list.
2. The best candidate is evaluated against the default on the second window. It replaces the default
   only if it is better there too, and clearly better on both windows together.

EASE and ALS are fitted with fewer items and dimensions in both windows, the default too. Of a log
with more than 500,000 events, whole histories of users with about so many events are drawn.
The second window did not take part in the choice, so its figure has no advantage from many trials.
That of both windows has a small one. The test window is never read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import inf
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.artifacts import DAY
from app.build import FunnelConfig
from app.recall.channel import ChannelConfig
from app.recall.registry import CHANNEL_SPECS
from offline.adaptation.channel_window import ChannelFigures, ChannelWindow
from offline.data.dataset import Dataset, Log
from offline.evaluate.figures import ConstantChoice, Interval
from offline.evaluate.intervals import Bootstrap
from offline.models.registry import RecallConfig

ConstantValues: TypeAlias = dict[str, Any]  # setting of a model or a channel -> value

MODELS = {  # channel -> the model that it recommends from
    "item_cf": "item_cf",
    "ease": "ease",
    "rp3beta": "rp3beta",
    "sequence": "transitions",
    "session_knn": "session_knn",
    "embedding": "als",
}
GROUPS = (  # of all channels of ``MODELS``; take about equally long
    ("embedding", "ease"),
    ("item_cf", "rp3beta", "sequence", "session_knn"),
)
HALF_LIVES = (7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY, inf)
PENALTIES = ({"reg": 300.0}, {"reg": 3_000.0}, {"reg": 10_000.0})  # of EASE
FADING = (  # with the default, from the last few events to the whole history
    {"n_events": 50, "decay": 0.6},
    {"n_events": 50, "decay": 0.8},
    {"n_events": 50, "decay": 0.9},
    {"n_events": 200, "decay": 1.0},
)
SESSION_KNN = (  # what long visits count, how many visits count, and how fast likes fade
    ({"length_power": 0.5},),
    ({"n_neighbours": 50}, {"n_neighbours": 200}),
    ({"visits_per_item": 100},),
    (
        {"decay": 0.8, "step_decay": 0.8, "place_decay": 0.95},
        {"decay": 0.9, "step_decay": 1.0, "place_decay": 1.0},
    ),
)
MAX_HALVINGS = 256  # of the oldest weight; a product of two is then still a float
QUERIES = 2_000  # of each window
MIN_QUERIES = 50  # with fewer, no difference is clear
MIN_GAIN = 0.02  # of the default's NDCG@10: less is not worth another setting
MAX_ITEMS = 2_000  # of EASE; the cost grows with the cube
MAX_SIZE, MAX_ROUNDS = 32, 5  # of ALS
MAX_EVENTS = 500_000  # that the candidates are fitted on; 30 fits of more take longer than the rest


@dataclass(frozen=True, slots=True)
class RecallSettings:
    """The settings of the recall models and of the channels over them."""

    recall: RecallConfig
    channels: Mapping[str, ChannelConfig]

    def values(self, channel: str, names: Sequence[str]) -> ConstantValues:
        """Return these settings of a channel or of its model."""
        return {name: getattr(self._owner(channel, name), name) for name in names}

    def with_values(self, channel: str, values: ConstantValues) -> "RecallSettings":
        """Return the settings with other values of a channel or of its model."""
        result = self
        for name, value in values.items():
            owner = replace(result._owner(channel, name), **{name: value})
            if isinstance(owner, ChannelConfig):
                result = replace(result, channels={**result.channels, channel: owner})
            else:
                result = replace(result, recall=replace(result.recall, **{MODELS[channel]: owner}))
        return result

    def owner_name(self, channel: str, name: str) -> str:
        """Return the table of the configuration that has the setting."""
        return channel if name in asdict(self.channels[channel]) else MODELS[channel]

    def _owner(self, channel: str, name: str) -> Any:
        config = self.channels[channel]
        return config if hasattr(config, name) else getattr(self.recall, MODELS[channel])


@dataclass(frozen=True, slots=True)
class Constant:
    """Settings of one channel that are chosen together, and the candidates beside the default."""

    channel: str
    candidates: tuple[ConstantValues, ...]

    @property
    def names(self) -> list[str]:
        return list(self.candidates[0])


@dataclass(frozen=True, slots=True)
class ConstantsResult:
    """The settings after the choice, and a line for each constant that was tried."""

    settings: RecallSettings
    choices: list[ConstantChoice] = field(default_factory=list)


def choose_constants(  # noqa: PLR0913, PLR0917 - the data, the settings, and a part of them
    dataset: Dataset,
    windows: Sequence[tuple[float, float]],
    recall: RecallConfig,
    funnel_config: FunnelConfig,
    seed: int,
    channels: Sequence[str] = tuple(MODELS),
) -> ConstantsResult:
    """Choose the constants of the enabled ``channels`` on the last two of ``windows``.

    A constant that the configuration has changed from its default is left alone. Nothing is chosen
    without times, with fewer than two windows, or with few users who have a history.
    """
    settings = RecallSettings(recall, funnel_config.channels)
    result = ConstantsResult(settings)
    if not dataset.traits.has_times or len(windows) < 2:  # noqa: PLR2004 - one for each step
        return result
    earlier = dataset.log.before(windows[-1][1])
    sampled = replace(dataset, log=sample_histories(earlier, MAX_EVENTS, seed))
    selection, confirmation = (
        ChannelWindow.build(sampled, window, recall, funnel_config, QUERIES, seed)
        for window in windows[-2:]
    )
    if min(len(selection.queries), len(confirmation.queries)) < MIN_QUERIES:
        return result
    span = float(selection.log.times[-1] - selection.log.times[0])
    for constant in list_constants(settings, span):
        if constant.channel not in channels:
            continue
        kept, choice = _choose(constant, result.settings, selection, confirmation, seed)
        result = ConstantsResult(kept, [*result.choices, choice])
    return result


def join_results(parts: Mapping[Sequence[str], ConstantsResult]) -> ConstantsResult:
    """Join results that were computed apart, by the channels of each.

    A constant of one channel has no effect on the choice of another one's.
    """
    first, *_ = parts.values()
    settings = first.settings
    for channels, part in parts.items():
        models = {MODELS[one]: getattr(part.settings.recall, MODELS[one]) for one in channels}
        configs = {one: part.settings.channels[one] for one in channels}
        settings = RecallSettings(
            replace(settings.recall, **models), {**settings.channels, **configs}
        )
    order = list(MODELS)
    choices = [choice for part in parts.values() for choice in part.choices]
    return ConstantsResult(settings, sorted(choices, key=lambda one: order.index(one["channel"])))


def sample_histories(log: Log, limit: int, seed: int) -> Log:
    """Keep all events of users drawn by ``seed``, so that about ``limit`` events remain.

    Whole histories keep the distance in time between the events of a user, on which the constants
    depend. A log that is not longer is returned as it is.
    """
    if len(log) <= limit:
        return log
    n_users = int(log.users.max()) + 1
    is_drawn = np.random.default_rng(seed).random(n_users) < limit / len(log)
    return log.take(np.flatnonzero(is_drawn[log.users]))


def list_constants(settings: RecallSettings, span: float) -> list[Constant]:
    """List the constants to choose: a channel's half-life, its penalty, the fading of its history.

    ``span`` is the length of the log in seconds. A half-life that is longer is left out, because
    it differs little from none. So is one that leaves nothing of the oldest events.
    """
    in_span = (one for one in HALF_LIVES if one == inf or span / MAX_HALVINGS < one < span)
    half_lives = tuple({"half_life": one} for one in in_span)
    constants = []
    for channel, model in MODELS.items():
        config = settings.channels[channel]
        is_unused = model == "als" and settings.recall.factorisation != model
        if is_unused or not config.enabled:
            continue
        constants.append(Constant(channel, half_lives))
        if model == "ease":
            constants.append(Constant(channel, PENALTIES))
        if channel == "session_knn":
            constants += [Constant(channel, candidates) for candidates in SESSION_KNN]
        elif hasattr(config, "decay"):
            constants.append(Constant(channel, FADING))
    return [one for one in constants if _is_default(settings, one)]


def _is_default(settings: RecallSettings, constant: Constant) -> bool:
    """Return whether the configuration left these settings at their defaults."""
    channels = {spec.name: spec.config for spec in CHANNEL_SPECS}
    defaults = RecallSettings(RecallConfig(), channels)
    name, names = constant.channel, constant.names
    return settings.values(name, names) == defaults.values(name, names)


def _choose(
    constant: Constant,
    settings: RecallSettings,
    selection: ChannelWindow,
    confirmation: ChannelWindow,
    seed: int,
) -> tuple[RecallSettings, ConstantChoice]:
    """Choose one constant; return the settings with it, and its line for the report."""
    channel = constant.channel
    default = settings.values(channel, constant.names)
    others = [one for one in constant.candidates if one != default]
    tried = [*others, default]  # the default last, because its model is the likeliest to be needed
    changes = [settings.with_values(channel, one) for one in tried]
    figures = [_evaluate(selection, channel, one) for one in changes]
    means = [one.ndcg.mean() for one in figures]
    best = default if means[-1] >= max(means) else tried[int(np.argmax(means))]
    choice = ConstantChoice(
        setting=f"recall.{settings.owner_name(channel, constant.names[0])}",
        channel=channel,
        default=_plain(default),
        best=_plain(best),
        chosen=_plain(default),
        selection=[float(means[-1]), float(max(means))],
        queries=len(selection.queries) + len(confirmation.queries),
        ndcg=None,
        gain=None,
        later_gain=None,
    )
    if best == default:
        return settings, choice
    changed = settings.with_values(channel, best)
    later = [_evaluate(confirmation, channel, one) for one in (settings, changed)]
    both = _columns([figures[-1], figures[tried.index(best)]]), _columns(later)
    owners = np.concatenate([selection.owners, confirmation.owners])
    bootstrap = Bootstrap.of(np.concatenate(both), seed, user_ids=owners)
    gain, ndcg = bootstrap.difference(1, 0), float(bootstrap.means[0])
    later_gain = float((later[1].ndcg - later[0].ndcg).mean())
    choice["ndcg"], choice["gain"], choice["later_gain"] = ndcg, gain, later_gain
    is_repeated = later_gain >= MIN_GAIN * later[0].ndcg.mean()
    if is_repeated and _is_clearly_better(gain, MIN_GAIN * ndcg, bootstrap.difference(3, 2)):
        choice["chosen"] = _plain(best)
        return changed, choice
    return settings, choice


def _columns(figures: list[ChannelFigures]) -> NDArray[np.float64]:
    """Return NDCG of each of the two settings, then their recall, (q, 4)."""
    return np.stack([*(one.ndcg for one in figures), *(one.recall for one in figures)], axis=1)


def _is_clearly_better(gain: Interval, least: float, recall_gain: Interval) -> bool:
    """Return whether the order is better by ``least``, and no fewer items reach the rankers."""
    if gain["mean"] is None or gain["low"] is None:
        return False
    is_recall_worse = recall_gain["high"] is not None and recall_gain["high"] < 0
    return gain["low"] > 0 and gain["mean"] >= least and not is_recall_worse


def _evaluate(window: ChannelWindow, channel: str, settings: RecallSettings) -> ChannelFigures:
    cheap = _cheaper(settings.recall)
    return window.evaluate(channel, MODELS[channel], cheap, settings.channels[channel])


def _cheaper(recall: RecallConfig) -> RecallConfig:
    """Return settings whose fits cost little and order the candidates nearly as the full ones."""
    return replace(
        recall,
        ease=replace(recall.ease, max_items=min(recall.ease.max_items, MAX_ITEMS)),
        als=replace(
            recall.als,
            size=min(recall.als.size, MAX_SIZE),
            rounds=min(recall.als.rounds, MAX_ROUNDS),
        ),
    )


def _plain(values: ConstantValues) -> dict[str, float | str]:
    """Return values that JSON can hold: infinity becomes "inf"."""
    return {name: "inf" if value == inf else value for name, value in values.items()}
