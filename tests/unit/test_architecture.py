"""The rules of the code's structure. Each rule is a function that lists what breaks it."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from tests.tracing import untraced

ROOT = Path(__file__).parents[2]
PRODUCT = ("app", "offline")
PACKAGES = (*PRODUCT, "loadtest", "benchmarks")
COMPOSITION = {"main", "service", "build", "settings", "slate_settings", "process", "api"}
LEAVES = {
    *("bundle", "catalogue", "expressions", "features", "live_catalogue", "rank", "recall"),
    *("request_log", "rerank", "state", "observe"),
}
READ_ENVIRONMENT = {"app/settings.py", "loadtest/service.py"}  # the second passes it on, unread
ENVIRONMENT = {f"os.{n}" for n in ("environ", "environb", "getenv", "putenv", "unsetenv")}
CATCH_BROADLY = {"app/deadline.py"}
PICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
PRIVATE_LANGUAGE = {
    *("told", "said", "asked", "made", "known", "found", "given", "crowd", "house", "shelf"),
    *("stock", "side", "turns", "seat", "floor", "vigil", "exam", "lessons"),
}
VAGUE_OPENINGS = ("Give ", "Gives ", "Say ", "Says ", "Tell ", "Tells ", "Note ", "Ask ")
PUBLIC_TESTS = ("unit", "contract", "property", "integration", "failure", "e2e", "docs")
MAY_REACH_INSIDE = re.compile(r"[\s.]_[a-zA-Z]|__new__|setattr")
NAMED_TUPLE = {"_asdict", "_fields", "_replace"}  # are public, for all their names
MAX_LAYERS = 14
LEAF_TYPES = {str, int, type(None), bool, ast.Load, ast.Store, ast.Del}  # of an ``ast`` field


def name(path):
    return path.relative_to(ROOT).as_posix()


@cache
def files(*packages):
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


@cache
def tree(path):
    return ast.parse(path.read_text())


@cache
def nodes(path):
    """Every node of a module, as ``ast.walk`` has them but in half its time."""
    found = [tree(path)]
    for node in found:  # grows while it is read
        for value in vars(node).values():
            kind = type(value)
            if kind is list:
                found += [each for each in value if isinstance(each, ast.AST)]
            elif kind not in LEAF_TYPES and isinstance(value, ast.AST):
                found.append(value)
    return tuple(found)


@cache
def imports(path):
    """Every dotted name that a module imports, wherever in it."""
    names = []
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return tuple(names)


def packages_imported_by(path):
    return {module.split(".")[0] for module in imports(path)}


def dotted(path):
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def arrows(package):
    """Which file of a package imports which others of it."""
    modules = {dotted(path): path for path in files(package)}
    return {
        path: {modules[m] for m in imports(path) if m in modules and modules[m] != path}
        - {p for p in modules.values() if p.name == "__init__.py"}
        for path in modules.values()
    }


def touches_environment(path):
    last = {name.rpartition(".")[2] for name in ENVIRONMENT}  # to write all out would take long
    attributes = (n for n in nodes(path) if isinstance(n, ast.Attribute) and n.attr in last)
    used = set(map(ast.unparse, attributes))
    return bool(ENVIRONMENT & {*used, *imports(path)})


def catches_broadly(path):
    """Catches everything and does not raise it on."""
    for node in nodes(path):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.walk(node.type) if node.type else [ast.Name("BaseException")]
            broad = {n.id for n in caught if isinstance(n, ast.Name)} & {
                "Exception",
                "BaseException",
            }
            last = node.body[-1]
            if broad and not (isinstance(last, ast.Raise) and last.exc is None):
                return True
    return False


def pickles(path):
    allowed = [
        k.value for k in nodes(path) if isinstance(k, ast.keyword) and k.arg == "allow_pickle"
    ]
    is_allowed = any(not (isinstance(v, ast.Constant) and v.value is False) for v in allowed)
    return is_allowed or bool(PICKLERS & packages_imported_by(path))


def the_service_imports_neither_the_training_job_nor_what_measures_it():
    others = {"offline", "loadtest", "benchmarks"}
    return [name(p) for p in files("app") if packages_imported_by(p) & others]


def the_distribution_imports_nothing_that_is_not_in_it():
    others = {"loadtest", "benchmarks"}
    return [name(p) for p in files(*PRODUCT) if packages_imported_by(p) & others]


def the_python_client_imports_nothing_of_the_service():
    ours = {*PACKAGES, "tests"}
    client = files("clients")
    assert client
    return [name(p) for p in client if packages_imported_by(p) & ours]


def nothing_that_runs_imports_the_tests():
    return [name(p) for p in files(*PACKAGES) if "tests" in packages_imported_by(p)]


def contracts_import_nothing_of_the_project():
    ours = {*PACKAGES, "tests"}
    return [m for m in imports(ROOT / "app" / "contracts.py") if m.split(".")[0] in ours]


def only_settings_touch_the_environment():
    return sorted({name(p) for p in files(*PACKAGES) if touches_environment(p)} - READ_ENVIRONMENT)


def only_the_stage_runner_catches_broadly():
    return sorted({name(p) for p in files("app") if catches_broadly(p)} - CATCH_BROADLY)


def nothing_is_pickled():
    return [name(p) for p in files(*PACKAGES) if pickles(p)]


def every_module_says_what_lives_in_it():
    return [name(p) for p in files(*PACKAGES) if tree(p).body and not ast.get_docstring(tree(p))]


def no_files_import_one_another_in_a_circle():
    return [
        f"{name(path)} leads back to itself"
        for package in PACKAGES
        for path, targets in arrows(package).items()
        if path in reachable(package, targets)
    ]


def reachable(package, first):
    seen, ahead = set(), list(first)
    while ahead:
        path = ahead.pop()
        if path not in seen:
            seen.add(path)
            ahead.extend(arrows(package)[path])
    return seen


def leaves_import_nothing_of_the_composition():
    return [
        f"{name(path)} imports {name(target)}"
        for path, targets in arrows("app").items()
        if path.relative_to(ROOT / "app").parts[0] in LEAVES
        for target in targets
        if target.relative_to(ROOT / "app").with_suffix("").parts[0] in COMPOSITION
    ]


def folder(path):
    """The part of ``app`` that a file belongs to: its folder, or itself at the root."""
    return path.relative_to(ROOT / "app").with_suffix("").parts[0]


@cache
def folder_arrows():
    result = {folder(path): set() for path in arrows("app")}
    for path, targets in arrows("app").items():
        result[folder(path)] |= {folder(target) for target in targets} - {folder(path)}
    return result


def depth_of(part, above=()):
    """The length of the longest chain of imports below a part of ``app``, itself included."""
    if part in above:
        raise ValueError(" imports ".join([*above[above.index(part) :], part]))
    return 1 + max((depth_of(t, (*above, part)) for t in folder_arrows()[part]), default=0)


def folders_of_the_service_import_one_way_in_few_layers():
    try:
        deepest = depth_of("main")
    except ValueError as circle:
        return [str(circle)]
    return [f"{deepest} layers, at most {MAX_LAYERS}"] if deepest > MAX_LAYERS else []


def no_class_or_alias_is_defined_in_two_modules():
    where = defaultdict(set)
    for path in files(*PRODUCT):
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef):
                where[node.name].add(name(path))
            elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
                where[ast.unparse(node.target)].add(name(path))
    return [f"{one}: {', '.join(sorted(at))}" for one, at in where.items() if len(at) > 1]


def nothing_bears_a_name_of_a_private_language():
    return [
        f"{name(path)}:{line} {one}"
        for path in files(*PACKAGES)
        for one, line in [*names_in(path), (path.stem, 0)]
        if one.strip("_").lower() in PRIVATE_LANGUAGE
    ]


def names_in(path):
    for node in nodes(path):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


def docstrings_begin_with_a_verb_that_fits():
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        f"{name(path)}:{getattr(node, 'lineno', 1)}"
        for path in files(*PACKAGES)
        for node in nodes(path)
        if isinstance(node, documented)
        and (ast.get_docstring(node) or "").startswith(VAGUE_OPENINGS)
    ]


def no_test_reaches_inside_or_patches_anything():
    return [
        f"{name(path)}:{node.lineno} {ast.unparse(node)}"
        for folder in PUBLIC_TESTS
        for path in files(f"tests/{folder}")
        if MAY_REACH_INSIDE.search(path.read_text())
        for node in nodes(path)
        if reaches_inside(node)
    ]


def reaches_inside(node):
    if isinstance(node, ast.ImportFrom):
        return any(alias.name.startswith("_") for alias in node.names)
    if not isinstance(node, ast.Attribute) or node.attr in NAMED_TUPLE:
        return False
    is_private = node.attr.startswith("_") and not node.attr.endswith("__")
    return is_private or node.attr == "__new__" or ast.unparse(node) == "monkeypatch.setattr"


RULES = (
    the_service_imports_neither_the_training_job_nor_what_measures_it,
    the_distribution_imports_nothing_that_is_not_in_it,
    the_python_client_imports_nothing_of_the_service,
    nothing_that_runs_imports_the_tests,
    contracts_import_nothing_of_the_project,
    only_settings_touch_the_environment,
    only_the_stage_runner_catches_broadly,
    nothing_is_pickled,
    every_module_says_what_lives_in_it,
    no_files_import_one_another_in_a_circle,
    leaves_import_nothing_of_the_composition,
    folders_of_the_service_import_one_way_in_few_layers,
    no_class_or_alias_is_defined_in_two_modules,
    nothing_bears_a_name_of_a_private_language,
    docstrings_begin_with_a_verb_that_fits,
    no_test_reaches_inside_or_patches_anything,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_structure_keeps_its_rules(rule):
    assert untraced(rule)() == []


def test_the_rules_see_what_breaks_them(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("import os\ntry:\n    os.environ['A']\nexcept Exception:\n    pass\n")
    assert touches_environment(bad)
    assert catches_broadly(bad)
    good = tmp_path / "good.py"
    good.write_text("try:\n    pass\nexcept (ValueError, BaseException):\n    raise\n")
    assert not touches_environment(good)
    assert not catches_broadly(good)
    private = tmp_path / "private.py"
    private.write_text("import numpy\ntold = 1\nnumpy.load('a', allow_pickle=True)\n")
    assert pickles(private)
    assert ("told", 2) in set(names_in(private))
    reaching = tmp_path / "reaching.py"
    reaching.write_text("from a import _b\nc._d()\nE.__new__(E)\nmonkeypatch.setattr(c, 'd', 1)\n")
    assert len([node for node in nodes(reaching) if reaches_inside(node)]) == 4
    assert not any(reaches_inside(node) for node in nodes(good))
