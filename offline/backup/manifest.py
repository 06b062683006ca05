"""The file ``backup.json`` of a backup: what the backup has, when it was made, and its digests.

It is written last, and the folder gets its name after that. So a folder with this file is whole.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import orjson

from app.bundle.manifest import FileRecord, file_sha256
from app.state.private_files import write_private_file
from offline.errors import CommandError

FORMAT = 1
NAME = "backup.json"


class BackupError(CommandError):
    """A backup cannot be made or restored. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What a backup has. Times are unix seconds by the clock of the machine that made it."""

    format: int
    version: str  # of recfunnel
    key_prefix: str
    began: float  # what was acknowledged before is in the backup
    ended: float
    counts: Mapping[str, int]  # users, events and so on in Redis
    files: Mapping[str, FileRecord]  # by path below the backup, with slashes

    def write(self, folder: Path) -> None:
        content = asdict(self)
        content["files"] = {name: each.model_dump() for name, each in self.files.items()}
        write_private_file(folder / NAME, orjson.dumps(content, option=orjson.OPT_INDENT_2))

    @classmethod
    def read(cls, folder: Path) -> "BackupManifest":
        """Read the manifest of a backup.

        Raises:
            BackupError: the folder is no backup, or one of another format.
        """
        path = folder / NAME
        try:
            content = orjson.loads(path.read_bytes())
            version = content["format"]
            if version != FORMAT:
                raise BackupError(
                    f"{path} has format {version}, this version reads {FORMAT}: restore it with "
                    "the version that made it"
                )
            records = {name: FileRecord(**each) for name, each in content.pop("files").items()}
            return cls(
                **{each.name: content[each.name] for each in fields(cls)[:-1]}, files=records
            )
        except FileNotFoundError:
            raise BackupError(
                f"{folder} has no {NAME}: name a folder that `recfunnel backup` has finished"
            ) from None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise BackupError(f"{path} is damaged ({error}): use another backup") from None


def verify_backup(folder: Path) -> BackupManifest:
    """Read the manifest, and compare every file with its digest.

    Raises:
        BackupError: the folder is no backup, or a file is missing or damaged.
    """
    manifest = BackupManifest.read(folder)
    for name, record in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise BackupError(f"the backup {folder} lacks {name}: use another backup")
        if path.stat().st_size != record.bytes or file_sha256(path) != record.sha256:
            raise BackupError(
                f"the file {name} of the backup {folder} is damaged: use another backup"
            )
    return manifest
