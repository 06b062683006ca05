"""Which scenes are values of a label."""

from app.observe.scene_labels import MAX_SCENES, OTHER, SceneLabels


def test_where_scenes_are_configured_metrics_name_no_others():
    scenes = SceneLabels(["cart"], "home")
    assert [scenes.label(name) for name in ("home", "cart", "x")] == ["home", "cart", OTHER]


def test_where_none_are_configured_the_first_are_named_and_the_others_counted_together():
    scenes = SceneLabels((), "home")
    names = [f"scene {n}" for n in range(2 * MAX_SCENES)]
    labels = [scenes.label(name) for name in names]
    assert labels == [*names[: MAX_SCENES - 1], *[OTHER] * (MAX_SCENES + 1)]
    assert scenes.label("scene 0") == "scene 0"
    assert scenes.label("home") == "home"
