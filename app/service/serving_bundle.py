"""A bundle with the settings of the service: what the service and the replay build from both."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from app.artifacts import Rankers
from app.build import FunnelConfig, LiveState, build_funnel
from app.bundle.bundle import Bundle
from app.bundle.manifest import Manifest
from app.catalogue.catalogue import Catalogue
from app.catalogue.unknown_names import UnknownNames
from app.cpu import Cpu
from app.deadline import Checkpoints
from app.features.user_segments import segment_rows_of_users
from app.funnel import Funnel
from app.live_catalogue.catalogue_overlay import CatalogueOverlay, build_overlay, with_spare_rows
from app.live_catalogue.live_items import LiveItems, RowCounters
from app.rank.objectives import apply_objective_weights
from app.recall.channel import ChannelConfig
from app.recall.registry import override_channels
from app.settings import Settings
from app.state.counters import PopularityCounters
from app.state.histories import RedisHistories
from app.state.new_user_surges import NewUserSurges
from app.state.shared_exclusions import SharedExclusions
from app.state.store import Store
from app.state.stream_consumer import CounterUpdates, StreamConsumer
from app.state.trained_events import TrainedEvents

log = logging.getLogger(__name__)

STARTER_SPARE_ITEMS = 10_000  # spare rows of a bundle that was made before there were any items


@dataclass(frozen=True, slots=True, eq=False)
class ServingBundle:
    """A bundle with the settings applied. Built once for each loaded bundle."""

    bundle: Bundle  # with spare rows for new items
    settings: Settings
    rankers: Rankers  # with the objective weights of the settings
    channels: Mapping[str, ChannelConfig]  # as trained, changed by the settings
    base: Catalogue  # as published
    catalogue: CatalogueOverlay  # the one of ``bundle``

    @classmethod
    def of(
        cls, bundle: Bundle, settings: Settings, now: float, min_spare: int = 0
    ) -> "ServingBundle":
        """Apply the settings to a bundle. Log the settings that do not fit the bundle.

        Args:
            bundle: as loaded.
            settings: of the service.
            now: what the clock of the service shows, unix seconds; see ``Manifest.as_of``.
            min_spare: the least number of spare rows, for more items than the settings expect.
        """
        base = bundle.models.catalogue
        spare = max(settings.spare_items, min_spare)
        if bundle.manifest.is_starter:  # all that is shown may have to go there
            spare = max(spare, STARTER_SPARE_ITEMS)
        catalogue = build_overlay(base, spare)
        models, manifest = with_spare_rows(bundle.models, catalogue), bundle.manifest.as_of(now)
        extended = replace(bundle, models=models, manifest=manifest)
        rankers = apply_objective_weights(bundle.rankers, settings.objectives, bundle.version)
        channels = _channel_configs(bundle.manifest, settings)
        _warn_of_unknown_tags(base, settings)
        return cls(extended, settings, rankers, channels, base, catalogue)

    def build_counters(self) -> PopularityCounters:
        return PopularityCounters.of(self.bundle.models, len(self.catalogue) - len(self.base))

    def build_live_items(self, counters: RowCounters) -> LiveItems:
        """Build the writer of new and changed items into the bundle's arrays."""
        models, shift = self.bundle.models, self.bundle.manifest.time_shift
        return LiveItems(self.base, self.catalogue, models, counters, shift)

    def build_histories(
        self, store: Store, exclusions: SharedExclusions | None = None
    ) -> RedisHistories:
        settings, models, manifest = self.settings, self.bundle.models, self.bundle.manifest
        return RedisHistories(
            store,
            settings.key_prefix,
            models.catalogue.ids,
            manifest.event_weights(),
            manifest.time_shift,
            limit=settings.history_limit,
            shown_limit=settings.shown_memory(),
            exclusions=exclusions,
        )

    def build_stream_consumer(self, store: Store, counters: CounterUpdates) -> StreamConsumer:
        """Build the consumer that updates the counters, from the end of the archive or data."""
        models, manifest = self.bundle.models, self.bundle.manifest
        return StreamConsumer(
            store,
            self.settings.key_prefix,
            counters,
            models.catalogue.ids,
            manifest.event_weights(),
            manifest.time_shift,
            since=int(manifest.counts_from() * 1000),
            after=manifest.stream_offsets,
            segments=partial(segment_rows_of_users, models.users, models.segments)
            if models.segments.names
            else None,
            trained=trained_events(self.bundle),
            surges=NewUserSurges(models.users),
        )

    def build_funnel(self, state: LiveState, cpu: Cpu, by: Checkpoints | None = None) -> Funnel:
        """Build the funnel; ``by`` replaces the checkpoints of the settings."""
        bundle, settings = self.bundle, self.settings
        config = FunnelConfig(
            cpu,
            by or settings.checkpoints,
            bundle.sizes,
            settings.policy,
            scenes=settings.scenes,
            channels=self.channels,
        )
        return build_funnel(bundle.models, bundle.indexes, self.rankers, state, config)


def _warn_of_unknown_tags(catalogue: Catalogue, settings: Settings) -> None:
    """Log the categories and flags of policies that no item of the bundle has."""
    policies = (settings.policy, *settings.scenes.values())
    categories = {name for policy in policies for name in policy.blocked_categories}
    flags = {name for policy in policies for name in policy.forbidden_flags}
    names = len(categories) + len(flags)  # no request waits for this
    unknown = UnknownNames(max_lookups=names, max_named=names)
    unknown.add_tags(catalogue.category_lists, sorted(categories), "category")
    unknown.add_tags(catalogue.flags, sorted(flags), "flag")
    for note in unknown.notes():
        log.warning("a policy names a tag that does nothing in this bundle: %s", note)


def trained_events(bundle: Bundle) -> TrainedEvents:
    """Return the events that the bundle was trained on."""
    models = bundle.models
    return TrainedEvents(
        models.users, models.catalogue.ids, models.popularity.at, bundle.manifest.time_shift
    )


def _channel_configs(manifest: Manifest, settings: Settings) -> dict[str, ChannelConfig]:
    """Return the channel configs as trained, with the overrides of the settings.

    A setting that does not fit the bundle is logged and has no effect.
    """
    trained, overrides = manifest.channel_configs(), settings.channel_overrides()
    for name in sorted(overrides.keys() - trained.keys()):
        log.warning("the setting recall.%s names no channel of this version", name)
        del overrides[name]
    for name, one in overrides.items():
        if one.pop("enabled", True) is False:
            one["enabled"] = False
        elif not trained[name].enabled and settings.recall[name].enabled:
            log.warning(
                "the setting recall.%s.enabled has no effect: the bundle %s was trained without "
                "this channel; train again with it",
                name,
                manifest.version,
            )
    return override_channels(trained, overrides)
