"""``make pin-images``: pin every image of the containers by its digest. Needs docker and a network.

A tag can be moved to another image, a digest cannot. Run it again to take up newer images of the
same tags.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ("docker-compose.yml", "deploy/tracing/compose.yml", "Dockerfile")
# A line of either file that names an image of a registry; stages of the Dockerfile have no tag.
IMAGE = re.compile(
    r"^(?P<before>\s*image:\s+|FROM\s+)(?P<name>[\w./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?",
    re.MULTILINE,
)


def pin(text: str, digest_of: Callable[[str], str]) -> str:
    """Return a file's text with the digest after each image: ``name:tag@sha256:...``."""
    return IMAGE.sub(
        lambda found: f"{found['before']}{found['name']}@{digest_of(found['name'])}", text
    )


def read_digest(image: str) -> str:
    """Ask the registry for the digest of an image, for all of its platforms."""
    command = ["docker", "buildx", "imagetools", "inspect", image]
    form = ["--format", "{{.Manifest.Digest}}"]
    reply = subprocess.run([*command, *form], capture_output=True, text=True, check=False)  # noqa: S603
    digest = reply.stdout.strip()
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        sys.exit(
            f"the registry does not name the digest of {image}: {reply.stderr.strip() or digest}\n"
            "Nothing was changed. Check the network and `docker login`, and run it again."
        )
    return digest


def main() -> None:
    """Pin the images of all files, or change none."""
    pinned = {name: pin((ROOT / name).read_text("utf-8"), read_digest) for name in FILES}
    for name, text in pinned.items():
        (ROOT / name).write_text(text, "utf-8")
    sys.stdout.write(f"pinned the images of {', '.join(FILES)}\n")


if __name__ == "__main__":
    main()
