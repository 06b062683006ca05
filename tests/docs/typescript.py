"""Writes the types of the TypeScript client and its built file, by the packages of ``make npm``.

python -m tests.docs.typescript
"""

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.main import create_app
from app.settings import Settings
from tests.conftest import ROOT

FOLDER = ROOT / "clients/typescript"
TYPES = FOLDER / "src/openapi.ts"
BUILT = ROOT / "offline/shop/page/recfunnel-client.js"  # for pages: the package has no Node
# A field that the service fills in may be left out by callers.
OPTIONS = ("--default-non-nullable=false",)
BUILD = ("src/index.ts", "--bundle", "--format=esm", "--target=es2022", "--log-level=warning")


def head(api: Mapping[str, Any]) -> str:
    """Return the first line of the types: it names the description that they are made from."""
    digest = hashlib.sha256(json.dumps(api).encode()).hexdigest()
    return f"// Made by python -m tests.docs.typescript from the description {digest[:16]}\n"


def generate_types(api: Mapping[str, Any]) -> tuple[str, str]:
    """Return the types, and what openapi-typescript printed."""
    with tempfile.TemporaryDirectory() as folder:
        description, types = Path(folder, "openapi.json"), Path(folder, "openapi.ts")
        description.write_text(json.dumps(api))
        printed = _run("openapi-typescript", str(description), "-o", str(types), *OPTIONS)
        return head(api) + types.read_text(), printed


def build() -> str:
    """Return the client as one file of JavaScript."""
    return _run("esbuild", *BUILD)


def _run(program: str, *arguments: str) -> str:
    command = [str(FOLDER / "node_modules/.bin" / program), *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, cwd=FOLDER, text=True, check=False, **pipes)
    if done.returncode:
        raise RuntimeError(f"{program} failed: {done.stdout}")
    return done.stdout


if __name__ == "__main__":
    TYPES.write_text(generate_types(create_app(Settings()).openapi())[0])
    BUILT.write_text(build())
