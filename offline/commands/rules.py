"""``recfunnel rules``: print the policies of scenes as a service has them now."""

from typing import Any

import tomli_w
import typer
from pydantic_core import to_jsonable_python

from app.process.embedded_server import server_url
from app.rerank.policies import SceneSettings
from app.rerank.rules import ScenePolicies
from app.settings import Settings
from offline.commands.folders import require_service_folder
from offline.data.errors import DataError
from offline.service_policies import read_service_policies


def rules(settings: Settings) -> None:
    """Print the policies in force as the parts of ``recfunnel.toml``.

    Raises:
        DataError: the folder is not of a service, this release cannot read the rules, or TOML
            cannot have them.
        ServerError: no server runs.
        StageError: the store does not answer.
    """
    require_service_folder(settings)
    with server_url(settings.redis_url, settings.out) as url:
        policies = read_service_policies(settings.model_copy(update={"redis_url": url}))
    head = f"with version {policies.version} of the rules" if policies.version else "without rules"
    try:
        typer.echo(f"# the policies in force, {head}\n{policies_to_toml(policies)}", nl=False)
    except TypeError as error:  # null among the extensions
        raise DataError(f"the rules cannot be written as TOML: {error}") from None


def policies_to_toml(policies: ScenePolicies) -> str:
    """Return what ``recfunnel.toml`` must have for these policies to be its own."""
    usual, common = to_jsonable_python(SceneSettings()), to_jsonable_python(policies.default)
    scenes: dict[str, Any] = {}
    for name, scene in policies.scenes.items():
        values = to_jsonable_python(scene)
        scenes[name] = {each: values[each] for each in values if each in policies.own[name]}
    policy = {name: value for name, value in common.items() if value != usual[name]}
    return tomli_w.dumps({"policy": policy, "scenes": scenes})
