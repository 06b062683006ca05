"""What a bundle and the settings decide together, on a trained bundle."""

import logging
from dataclasses import replace

import pytest

from app.bundle.bundle import find_current_bundle, load_bundle
from app.service.serving_bundle import ServingBundle
from tests.serving import leisurely


@pytest.fixture(scope="module")
def bundle(trained):
    return load_bundle(find_current_bundle(trained))


def test_the_manifest_has_the_settings_of_every_channel(bundle):
    assert bundle.manifest.channels["sequence"] == {
        "enabled": True,
        "limit": None,
        "n_events": 50,
        "decay": 0.98,
    }


def test_settings_turn_channels_off_and_limit_them(bundle, caplog):
    settings = leisurely(recall={"ease": {"enabled": False}, "sequence": {"limit": 7}})
    serving = ServingBundle.of(bundle, settings)
    assert not serving.channels["ease"].enabled
    assert serving.channels["sequence"].limit == 7
    assert serving.channels["item_cf"] == bundle.manifest.channel_configs()["item_cf"]
    assert not caplog.records


def test_settings_cannot_turn_on_a_channel_that_was_not_trained(bundle, caplog):
    channels = {**bundle.manifest.channels, "ease": {"enabled": False}}
    manifest = bundle.manifest.model_copy(update={"channels": channels})
    settings = leisurely(recall={"ease": {"enabled": True}, "easy": {"limit": 3}})
    serving = ServingBundle.of(replace(bundle, manifest=manifest), settings)
    assert not serving.channels["ease"].enabled
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "was trained without this channel" in caplog.text
    assert "recall.easy names no channel" in caplog.text
