"""Read the policies of scenes as a service has them now, its rules included."""

from app.rerank.rules import ScenePolicies
from app.rules.rule_store import read_policies
from app.rules.rule_version import UnreadableRulesError
from app.settings import Settings
from app.state.store import Store
from offline.data.errors import DataError
from offline.run_async import run_async

TIMEOUT = 10.0  # seconds for one reply of the store


def read_service_policies(settings: Settings) -> ScenePolicies:
    """Return the policies of the settings, with the rules that the service has now.

    Raises:
        DataError: this release cannot read the rules.
        StageError: the store does not answer.
    """

    async def read() -> ScenePolicies:
        async with Store.connect(settings.redis_url or "", timeout=TIMEOUT) as store:
            return await read_policies(store, settings.key_prefix, settings.scene_policies)

    try:
        return run_async(read())
    except UnreadableRulesError as error:
        raise DataError(str(error)) from None
