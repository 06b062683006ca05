"""The scenes that metrics tell apart: callers may name any, and labels must stay few."""

from collections.abc import Iterable

MAX_SCENES = 64  # of a worker, where no scenes are configured
OTHER = "other"


class SceneLabels:
    """The scenes of a worker that metrics name; all others count as ``other``.

    Where scenes are configured, it names these and no others. Else it names the first
    ``MAX_SCENES`` that it meets.
    """

    def __init__(self, configured: Iterable[str], default: str) -> None:
        """Begin with the default scene and those that are configured, if any."""
        scenes = tuple(configured)
        self._names = {default, *scenes}
        self._of_rules: frozenset[str] = frozenset()
        self._limit = 0 if scenes else MAX_SCENES

    def name(self, scenes: Iterable[str]) -> None:
        """Also name these scenes, which the rules have, instead of those named so before."""
        self._of_rules = frozenset(scenes)

    def label(self, scene: str) -> str:
        """Return the value of the label ``scene``."""
        if scene in self._names or scene in self._of_rules:
            return scene
        if len(self._names) >= self._limit:
            return OTHER
        self._names.add(scene)
        return scene
