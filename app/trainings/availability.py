"""Whether a service can start trainings, and if not, why and what to do."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from app.settings import Settings

PACKAGES = ("jinja2", "matplotlib", "sklearn", "tomli_w")  # of the extra ``train``


def training_obstacle(settings: Settings, packages: Sequence[str] = PACKAGES) -> str | None:
    """Return why a process with these settings cannot train; None: it can."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        return f"{missing[0]} is not installed: pip install 'recfunnel[train]'"
    for folder in (settings.out, settings.trainings_folder):
        if not _can_write(folder):
            return f"{folder.absolute()} cannot be written to"
    return None


def _can_write(folder: Path) -> bool:
    existing = next(
        path for path in (folder.absolute(), *folder.absolute().parents) if path.exists()
    )
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
