"""``recfunnel rules``: what it prints makes the same policies as settings."""

import tomllib

import pytest
import redis

from app.rules.rule_store import rules_key
from app.rules.rule_version import RuleVersion
from app.settings import Settings
from offline.commands.rules import policies_to_toml, rules
from offline.data.errors import DataError
from tests.serving import leisurely

SCENES = {"feed": {"diversity": 0.3}, "kids": {"forbidden_flags": ["adult"]}}


@pytest.fixture
def settings(trained, redis_url):
    return leisurely(out=trained, redis_url=redis_url, scenes=SCENES)


def save(settings, content):
    version = RuleVersion(1, "anna", 1.0, "", None, content)
    with redis.Redis.from_url(settings.redis_url) as link:
        link.xadd(rules_key(settings.key_prefix), {"e": version.to_bytes()}, version.stream_id)


def test_what_is_printed_makes_the_same_policies_as_settings(settings, capsys):
    content = {
        "policy": {"seen": {"view": "keep"}, "provider_places": {"a|b": 2}},
        "scenes": {"feed": {"category_cap": 2}, "new": {"pinned": {"i1": 1}}},
    }
    save(settings, content)
    rules(settings)
    printed = capsys.readouterr().out
    assert printed.startswith("# the policies in force, with version 1 of the rules\n")
    again = Settings(**tomllib.loads(printed)).scene_policies
    assert again.default.provider_places == {"a|b": 2}
    assert again.scenes["feed"].diversity == 0.3
    assert (again.scenes["feed"].category_cap, again.scenes["new"].pinned) == (2, {"i1": 1})
    assert again.own == {
        "feed": {"diversity", "category_cap"},
        "kids": {"forbidden_flags"},
        "new": {"pinned"},
    }
    assert policies_to_toml(again) == printed.partition("\n")[2]


def test_without_rules_the_settings_are_printed(settings, capsys):
    rules(settings)
    printed = capsys.readouterr().out
    assert "without rules" in printed
    assert tomllib.loads(printed) == {"policy": {}, "scenes": SCENES}


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [({"glamour": 1}, "cannot read version 1"), ({"extensions": {"mine": {"a": None}}}, "TOML")],
)
def test_what_cannot_be_read_or_printed_is_named(settings, policy, sentence):
    save(settings, {"policy": policy})
    with pytest.raises(DataError, match=sentence):
        rules(settings)
