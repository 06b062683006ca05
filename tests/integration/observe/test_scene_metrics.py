"""Clicks and conversions are counted for the scene of the list that showed the item."""

import re

from tests.serving import until


def value(service, name, **labels):
    """The value of a counter with these labels, 0 if there is none."""
    text = service.client.get("/metrics").text
    wanted = ",".join(f'{label}="{value}"' for label, value in labels.items())
    found = re.search(rf"^recfunnel_{name}_total\{{{re.escape(wanted)}\}} (\S+)$", text, re.M)
    return float(found[1]) if found else 0.0


def test_events_are_counted_for_the_scene_of_the_list_that_they_name(api):
    scene = "front-of-scene-metrics"
    shown = api.recommend("scene-metrics", scene=scene, k=5)
    item, request_id = shown["items"][0]["item_id"], shown["request_id"]
    assert value(api, "lists_shown", scene=scene) == 1
    assert value(api, "items_shown", scene=scene) == 5
    consumer = api.service.deployment.consumer
    until(lambda: consumer.scene_of(request_id) == scene)
    event = {"user_id": "scene-metrics", "item_id": item, "event_id": "scene-metrics-1"}
    clicked = event | {"type": "click", "request_id": request_id}
    api.tell(clicked)
    assert value(api, "scene_events", scene=scene, type="click") == 1
    again = api.client.post("/events", json=clicked).json()
    assert again["duplicates"] == 1
    assert value(api, "scene_events", scene=scene, type="click") == 1
    others = [
        event | {"type": "purchase", "event_id": "scene-metrics-2", "request_id": request_id},
        event | {"type": "click", "event_id": "scene-metrics-3"},
        event | {"type": "click", "event_id": "scene-metrics-4", "request_id": "of-no-list"},
    ]
    api.tell(*others)
    assert value(api, "scene_events", scene=scene, type="purchase") == 1
    assert value(api, "scene_events", scene=scene, type="click") == 1


def test_a_list_without_a_scene_is_one_of_the_default_scene(api):
    shown = value(api, "lists_shown", scene="home")
    request_id = api.recommend("scene-metrics-2")["request_id"]
    assert value(api, "lists_shown", scene="home") == shown + 1
    assert until(lambda: api.service.deployment.consumer.scene_of(request_id)) == "home"
    assert api.service.deployment.consumer.scene_of("of-no-list") is None
