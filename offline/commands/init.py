"""``recfunnel init``: writes a schema of the data and a file of settings to begin with."""

import json
from pathlib import Path

from rich.console import Console

from app.settings import SETTINGS_FILE
from offline.data.errors import DataError
from offline.data.layouts import SCHEMA_FILE
from offline.data.readers import LoadedData, load_dataset
from offline.data.schema_text import describe_schema

SETTINGS_HEAD = """\
# Settings of recfunnel, read from the folder in which it runs. RECFUNNEL_<NAME> in the environment
# wins. docs/reference/settings.md has all settings with their defaults.

# out = "out"                  # bundles, the report, the archive, the data of the own Valkey server
# host = "127.0.0.1"
# port = 8000
# workers = 1
# budget_ms = 100              # time within which a list is returned
"""
SELF_TRAINING = """\
{mark}train_when_events = 1000   # train from the archive each time that so many events are new
"""
POLICY = """
[policy]
# diversity = 0.2              # 0 to 1
# explore_slots = 2            # places of a list that try less known items
# provider_cap = 2             # items of one provider in a list; 0 is no cap
# category_cap = 4
# blocked_categories = {categories}
# forbidden_flags = {flags}
"""
EXAMPLES = ("Horror", "adult")  # a category and a flag, where the data has none
MAX_NAMES = 5  # categories and flags in an example


def init(folder: Path, settings_folder: Path) -> None:
    """Write ``schema.toml`` into the folder of the data and ``recfunnel.toml`` where it is read.

    Without data only the settings are written: those of a start from nothing.

    Raises:
        DataError: one of the files exists, or the data cannot be read.
    """
    has_data = folder.is_dir() and any(folder.iterdir())
    schema, settings = folder / SCHEMA_FILE, settings_folder / SETTINGS_FILE
    for path in (schema, settings):
        if path.exists():
            raise DataError(f"{path} exists: move it away to write a new one, or edit it.")
    data = load_dataset(folder, max_bad_share=1.0) if has_data else None
    texts = {schema: describe_schema(folder)} if has_data else {}
    texts[settings] = describe_settings(data)
    console = Console()
    for path, text in texts.items():
        path.write_text(text, "utf-8")
        console.print(f"{path} is written.", soft_wrap=True, highlight=False)
    if data is None:
        console.print(
            f"There is no data in {folder}: `recfunnel serve` begins with nothing.",
            soft_wrap=True,
            highlight=False,
        )


def describe_settings(data: LoadedData | None) -> str:
    """Return the text of a ``recfunnel.toml`` for this data; None stands for no data."""
    catalogue = data.dataset.catalogue if data else None
    names = [
        catalogue.category_lists.every_name() if catalogue else [],
        catalogue.flags.every_name() if catalogue else [],
    ]
    categories, flags = (_list(some, name) for some, name in zip(names, EXAMPLES, strict=True))
    has_log = bool(data and len(data.dataset.log))
    training = SELF_TRAINING.format(mark="# " if has_log else "")
    return SETTINGS_HEAD + training + POLICY.format(categories=categories, flags=flags)


def _list(names: list[str], example: str) -> str:
    """Return the first names as a list of TOML, and how many more there are, as a comment."""
    shown = names[:MAX_NAMES] or [example]
    quoted = ", ".join(json.dumps(name, ensure_ascii=False) for name in shown)
    more = f"  # and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"[{quoted}]{more}"
