"""Interactions of a test in files of many shapes, and what is read from them."""

from pathlib import Path

import numpy as np

from offline.data.readers import LoadedData, load_dataset

HEADER = "user_id,item_id,rating,timestamp"
ROWS = [(f"u{n % 9}", f"i{n % 13}", n % 5 + 1, 1_700_000_000 + 60 * n) for n in range(60)]
LINES = [",".join(map(str, row)) for row in ROWS]
CSV = "\n".join([HEADER, *LINES, ""])
OBJECTS = [dict(zip(HEADER.split(","), row, strict=True)) for row in ROWS]


def read(folder: Path, name: str, content: "str | bytes", schema: str = "") -> LoadedData:
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if schema:
        (folder / "schema.toml").write_text(schema, "utf-8")
    return load_dataset(folder)


def rows_of(loaded: LoadedData) -> list[tuple[str, str, float, float]]:
    dataset = loaded.dataset
    log = dataset.log
    return list(
        zip(
            dataset.users.names(log.users.astype(np.int64)),
            dataset.catalogue.ids.names(log.items.astype(np.int64)),
            log.values.tolist(),
            log.times.tolist(),
            strict=True,
        )
    )


def findings(loaded: LoadedData) -> str:
    return "\n".join(finding.text for finding in loaded.findings)
