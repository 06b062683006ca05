"""What to know of valid rules that may not act as they are meant. Nothing here is refused."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.rerank.rules import FILTER_SETTINGS, Rules, ScenePolicies

MAX_NAMED = 5  # names in one sentence; the others are counted


def effect_notes(rules: Rules, before: Rules, base: ScenePolicies, default_scene: str) -> list[str]:
    """Return a sentence for each part of the rules that may not act as it is meant.

    Args:
        rules: the new ones.
        before: those in force.
        base: the policies of the settings, without rules.
        default_scene: name of the scene that always exists.
    """
    existing = {default_scene, *base.scenes, *before.scenes}
    of_all = rules.policy.model_dump(exclude_unset=True)
    notes = list(_part_notes("all scenes", of_all, base, ""))
    notes += _overruled_notes(rules, of_all, base)
    for scene, part in rules.scenes.items():
        if scene not in existing:
            notes.append(
                f'"{scene}" is a new scene: neither the settings nor the rules before have it'
            )
        notes += _part_notes(
            f'the scene "{scene}"', part.model_dump(exclude_unset=True), base, scene
        )
    return notes


def _part_notes(
    where: str, part: Mapping[str, Any], base: ScenePolicies, scene: str
) -> Iterator[str]:
    settings = base.of_scene(scene)
    for name in FILTER_SETTINGS:
        if name in part and (kept := [n for n in getattr(settings, name) if n not in part[name]]):
            yield (
                f"{name} of {where} adds to what the settings have: these stay blocked: "
                f"{_list(kept)}. Change the settings file to unblock them"
            )
    by_place: dict[int, list[str]] = {}
    for item, place in part.get("pinned", {}).items():
        by_place.setdefault(place, []).append(item)
    for place, items in sorted(by_place.items()):
        if len(items) > 1:
            yield (
                f"pinned of {where} has {len(items)} items for position {place}: {_list(items)}. "
                "One of them can be there"
            )
    for group in part.get("provider_places", {}):
        if not all(name.strip() for name in group.split("|")):
            yield f'provider_places of {where}: in "{group}" the name of a provider is missing'


def _overruled_notes(rules: Rules, of_all: Mapping[str, Any], base: ScenePolicies) -> Iterator[str]:
    for name in of_all:
        scenes = [
            scene
            for scene, own in base.own.items()
            if name in own
            and not (scene in rules.scenes and name in rules.scenes[scene].model_fields_set)
        ]
        if scenes and name not in FILTER_SETTINGS:
            yield (
                f"{name} of all scenes does not act in {_list(sorted(scenes))}: the settings file "
                "sets it there. Set a rule for that scene"
            )


def _list(names: list[str]) -> str:
    named = ", ".join(f'"{name}"' for name in names[:MAX_NAMED])
    more = len(names) - MAX_NAMED
    return f"{named} and {more:,} more" if more > 0 else named
