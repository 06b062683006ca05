"""The training job and the commands. It ends at once on a system that it cannot run on."""

import sys

if sys.platform == "win32":
    raise SystemExit(
        "recfunnel runs on Linux and macOS. On Windows, run it in WSL 2 or in Docker: "
        "docs/get-started/platforms.md"
    )
