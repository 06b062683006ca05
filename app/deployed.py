"""A bundle as the settings have it: for serving, and to run again what was served."""

from dataclasses import dataclass

from app.assemble import Rankers, State, Wiring, assemble
from app.bundle import Bundle
from app.cpu import Cpu
from app.funnel import Funnel
from app.run import Checkpoints
from app.settings import Settings
from app.state.follower import CrowdState, Follower
from app.state.histories import RedisHistories
from app.state.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class Deployed:
    """What bundle and settings decide together."""

    bundle: Bundle
    settings: Settings
    rankers: Rankers  # weighed as the settings have it

    @classmethod
    def of(cls, bundle: Bundle, settings: Settings) -> "Deployed":
        """Weigh the rankers; weights that the bundle has no model for are logged."""
        return cls(bundle, settings, bundle.weighed(settings.objectives))

    def histories(self, store: Store) -> RedisHistories:
        """Make what reads users' live histories."""
        settings, models, manifest = self.settings, self.bundle.models, self.bundle.manifest
        return RedisHistories(
            store,
            settings.key_prefix,
            models.catalogue.ids,
            manifest.preferences(),
            manifest.time_shift,
            limit=settings.history_limit,
            shown=settings.remembered(),
        )

    def follower(self, store: Store, crowd: CrowdState) -> Follower:
        """Make what moves the crowd's state on from where the bundle's data end."""
        models, manifest = self.bundle.models, self.bundle.manifest
        return Follower(
            store,
            self.settings.key_prefix,
            crowd,
            models.catalogue.ids,
            manifest.preferences(),
            manifest.time_shift,
            since=int(manifest.data_end * 1000),
        )

    def funnel(self, state: State, cpu: Cpu, by: Checkpoints | None = None) -> Funnel:
        """Build the funnel; ``by`` stands in for the checkpoints of the settings."""
        bundle, settings = self.bundle, self.settings
        wiring = Wiring(
            cpu,
            by or settings.checkpoints_ms.seconds(),
            bundle.sizes,
            settings.policy.policy(),
            scenes=settings.scene_policies(),
        )
        return assemble(bundle.models, bundle.indexes, self.rankers, state, wiring)
