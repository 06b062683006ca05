"""``/rules``: what admins change of the policies of scenes while the service runs."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response
from pydantic_core import to_jsonable_python

from app.api.access_control import Caller
from app.api.endpoint import (
    await_store,
    describe_parameters,
    json_response,
    read_query_string,
    service_of,
)
from app.api.errors import RefusalError
from app.api.filter_notes import blocked_notes
from app.api.rule_bodies import (
    ChangeIn,
    RestoreIn,
    RulesBody,
    RulesHistory,
    RulesHistoryQuery,
    RulesIn,
    RulesSchema,
    SavedRules,
    VersionBody,
)
from app.api.schemas import error_bodies
from app.catalogue.catalogue import Catalogue
from app.catalogue.unknown_names import unknown_tag_notes
from app.contracts import Blocked
from app.rerank.policies import POLICIES, policy_names
from app.rerank.rules import FILTER_SETTINGS, Rules, SceneOverrides, ScenePolicies
from app.rerank.slate_builder import COMPLETION
from app.rules.rule_effects import effect_notes
from app.rules.rule_store import RulesConflictError
from app.rules.rule_version import NO_VERSION, RuleVersion, UnreadableRulesError
from app.service.service import Service
from app.settings import HOME

router = APIRouter(tags=["rules"])
KEPT_BODIES = 4  # of ``GET /rules``; a process has one service, tests have more
MAX_NAMES = 500  # of the catalogue, of each kind, that a form can suggest
NOT_STORED = "the rules were not saved"
UNKNOWN_OUTCOME = (
    "it is not known whether the rules were saved: look at GET /rules, or send the same "
    "again, which saves them once"
)
CONFLICT = "Others have saved a version meanwhile: read it, and change that one."
CHANGED = error_bodies({409: CONFLICT, 422: "Not valid.", 503: "The store did not take it."})
RESTORED = error_bodies(
    {
        404: "The store does not have this version, or no longer.",
        409: CONFLICT,
        422: "Not valid, or the version cannot be read by this release.",
        503: "The store did not take it.",
    }
)


CAPS = COMPLETION.settings
GROUPS: list[dict[str, Any]] = [
    {
        "name": "filters",
        "summary": "never shows these items; rules add to what the settings block",
        "settings": FILTER_SETTINGS,
    },
    *({"name": each.name, "summary": each.summary, "settings": each.settings} for each in POLICIES),
    {"name": "caps", "summary": "limits how many items of one kind a list has", "settings": CAPS},
    {
        "name": "order",
        "summary": "says which policies act, in which order, and sets those of other packages",
        "settings": ("order", "extensions"),
    },
]


@router.get("/rules", summary="The rules in force", response_model=RulesBody)
async def get_rules(http: Request) -> Response:
    """Return the rules, the settings below them, and the policies that follow, by scene."""
    rules = service_of(http).rules
    body: dict[str, Any] = _render(rules.version) | {
        "newest": rules.newest.number,
        "refused": rules.refusal or None,
        "is_known": rules.is_known,
        "rules": rules.rules.to_json(),
        "settings": orjson.Fragment(_pack_own_settings(rules.base)),
        "effective": orjson.Fragment(_pack_policies(rules.policies)),
    }
    return json_response(body)


@router.put("/rules", summary="Save rules", response_model=SavedRules, responses=CHANGED)
async def put_rules(http: Request, change: RulesIn) -> Response:
    """Replace all rules, as a new version. The next list of every worker obeys it.

    `version` is the newest one, as `GET /rules` names it. If others have saved one meanwhile, the
    answer is 409 and nothing changes.
    """
    return json_response(await _save(http, change, change.rules))


@router.get(
    "/rules/history",
    summary="The versions of the rules",
    response_model=RulesHistory,
    responses=error_bodies({422: "Not valid.", 503: "The store did not answer."}),
    openapi_extra=describe_parameters(RulesHistoryQuery),
)
async def get_rules_history(http: Request) -> Response:
    """Return the newest versions, with their rules; Redis keeps 100."""
    options = read_query_string(http, RulesHistoryQuery)
    versions = await await_store(service_of(http).rules.history(options.limit))
    return json_response(
        {"versions": [_render(version) | {"rules": version.content} for version in versions]}
    )


@router.post(
    "/rules/versions/{number}/restore",
    summary="Restore a version of the rules",
    response_model=SavedRules,
    responses=RESTORED,
)
async def restore_rules(
    http: Request,
    number: Annotated[
        int,
        Path(
            ge=0,
            le=1_000_000_000,
            description="As `/rules/history` has it; 0: the settings alone.",
            json_schema_extra={"example": 0},
        ),
    ],
    change: RestoreIn,
) -> Response:
    """Save the rules of an earlier version as a new one: this is how a change is undone."""
    store = service_of(http).rules
    version = await await_store(store.find(number)) if number else NO_VERSION
    if version is None:
        raise RefusalError(404, f"there is no version {number} of the rules any more", "number")
    try:
        rules = version.read_rules()
    except UnreadableRulesError as error:
        message = f"this release cannot read version {number}: {error}"
        raise RefusalError(422, message, "number") from None
    return json_response(await _save(http, change, rules, number))


@router.get("/rules/schema", summary="What rules can set", response_model=RulesSchema)
async def get_rules_schema(http: Request) -> Response:
    """Return the JSON schema of the settings, by policy, and the names that they can use."""
    service = service_of(http)
    deployment = service.deployment
    names: dict[str, list[str]] = {"categories": [], "flags": [], "providers": []}
    types: Iterable[str] = ()
    if deployment:
        types = deployment.bundle.manifest.type_weights
        names = await deployment.cpu(_names_in, deployment.live_items.catalogue)
    body = {
        "properties": SceneOverrides.model_json_schema()["properties"],
        "groups": GROUPS,
        "names": {
            **names,
            "event_types": sorted(types),
            "policies": policy_names(),
        },
    }
    return json_response(body)


def _names_in(catalogue: Catalogue) -> dict[str, list[str]]:
    """Return the first names of each kind; all of a large catalogue take long."""
    names = {
        "categories": catalogue.category_lists.every_name(),
        "flags": catalogue.flags.every_name(),
        "providers": [name for name in catalogue.provider_names.tolist() if name],
    }
    return {kind: sorted(each[:MAX_NAMES]) for kind, each in names.items()}


def author_of(http: Request, written: str) -> str:
    """Return who sends a request: the name of the key, or without keys what was written."""
    key = http.scope.get("caller", Caller()).key
    return key.name if key else written


async def _save(
    http: Request, change: ChangeIn, rules: Rules, restored: int | None = None
) -> dict[str, Any]:
    """Save a version. Refuse it unless the store takes it and every worker confirms it."""
    service = service_of(http)
    author, before = author_of(http, change.author), service.rules.rules
    try:
        saving = service.rules.save(rules, change.version, author, change.note, restored)
        version = await await_store(saving, NOT_STORED, UNKNOWN_OUTCOME)
    except RulesConflictError as conflict:
        raise RefusalError(409, _describe_conflict(conflict.newest), "version") from None
    await _require_confirmed(service, version)
    deployment = service.deployment
    notes = rule_notes(deployment.live_items.catalogue, rules) if deployment else []
    notes += effect_notes(rules, before, service.rules.base, HOME)
    return _render(version) | {"notes": notes}


async def _require_confirmed(service: Service, version: RuleVersion) -> None:
    within = service.confirm_timeout
    stored = f"version {version.number} is stored, but not all workers have confirmed it"
    late = await await_store(service.rules.workers.unconfirmed(version.stream_id, within), stored)
    if late:
        raise RefusalError(
            503,
            f"version {version.number} is stored, but {len(late)} of the workers ({late[0]}) did "
            f"not confirm it within {within:g} s and may still answer as before: look at the "
            "warnings of their /readyz",
            retry_after=1,
        )


def _describe_conflict(newest: RuleVersion) -> str:
    if not newest.number:
        return "there is no such version of the rules: the newest is 0"
    note = f" ({newest.note})" if newest.note else ""
    return (
        f"version {newest.number} was saved meanwhile by {newest.author or 'nobody named'}{note}: "
        "read it with GET /rules, and change that one"
    )


def _render(version: RuleVersion) -> dict[str, Any]:
    if not version.number:
        return dict.fromkeys(VersionBody.model_fields, None) | {"version": 0}
    return {
        "version": version.number,
        "author": version.author,
        "at": version.at,
        "note": version.note,
        "restored": version.restored,
    }


# Hundreds of names in dozens of scenes are megabytes: they are packed once for each version.
@lru_cache(maxsize=KEPT_BODIES)
def _pack_policies(policies: ScenePolicies) -> bytes:
    scenes = to_jsonable_python(dict(policies.scenes))
    return orjson.dumps({"policy": to_jsonable_python(policies.default), "scenes": scenes})


@lru_cache(maxsize=KEPT_BODIES)
def _pack_own_settings(base: ScenePolicies) -> bytes:
    scenes: dict[str, dict[str, Any]] = {
        name: {each: getattr(scene, each) for each in sorted(base.own.get(name, ()))}
        for name, scene in base.scenes.items()
    }
    return orjson.dumps(to_jsonable_python({"policy": base.default, "scenes": scenes}))


def rule_notes(catalogue: Catalogue, rules: Rules) -> list[str]:
    """Return a sentence for each name in the rules that no item has.

    Such rules are not refused: they hold for items that come later.
    """
    parts = [part.model_dump(exclude_unset=True) for part in (rules.policy, *rules.scenes.values())]

    def names(*settings: str) -> tuple[str, ...]:
        every = (name for part in parts for setting in settings for name in part.get(setting, ()))
        return tuple(dict.fromkeys(every))

    groups = names("provider_places")
    providers = [name for group in groups for name in group.split("|")]
    blocked = Blocked(
        names("blocked_items", "pinned", "sponsored"),
        (*names("blocked_providers"), *providers),
        names("blocked_categories"),
    )
    flags = unknown_tag_notes(catalogue.flags, names("forbidden_flags"), "flag")
    return [*blocked_notes(catalogue, blocked), *flags]
