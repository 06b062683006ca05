"""Compare the attributes of a catalogue with those of the bundle in service, before training.

Filters of running callers name attributes. A number column that has become text, or one that is
gone, would make them fail with the swap to the new bundle.
"""

from pathlib import Path

from app.bundle.bundle import find_current_bundle
from app.bundle.manifest import BundleError, parse_manifest
from app.catalogue.attributes import column_kinds
from app.catalogue.catalogue import Catalogue
from offline.data.errors import DataError


def check_attribute_changes(catalogue: Catalogue, out: Path, *, force: bool) -> list[str]:
    """Return sentences about the attributes that filters can no longer use as before.

    Raises:
        DataError: An attribute has another kind than in the bundle in service, and ``force`` is
            not set.
    """
    try:
        manifest = parse_manifest(find_current_bundle(out))
    except BundleError:
        return []
    before, after = manifest.attributes, dict(column_kinds(catalogue.attributes))
    changed = {name: kind for name, kind in after.items() if before.get(name, kind) != kind}
    warnings = []
    if changed:
        listed = ", ".join(f"{n} ({before[n]} before, {k} now)" for n, k in changed.items())
        line = ", ".join(f'{name} = "{before[name]}"' for name in changed)
        text = (
            f"Attributes have another kind than in {manifest.version}, which is in service: "
            f"{listed}. Filters that compare them would fail."
        )
        if not force:
            raise DataError(
                f"{text} To keep the kind, write attributes = {{ {line} }} with the other "
                "attributes in [items] of the schema; to publish the change, train with --force."
            )
        warnings.append(text)
    gone = sorted(set(before) - set(after))
    if gone:
        warnings.append(
            f"Attributes of {manifest.version}, which is in service, are not in these data: "
            f"{', '.join(gone)}. Filters that compare them will fail once this bundle is in "
            "service."
        )
    return warnings
