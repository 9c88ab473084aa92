"""A room imports only from the floors below it, and no modules import each other in a circle."""

import ast
import functools
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "srdist"
FLOORS = {
    "compiled": 0,
    "errors": 0,
    "progress": 0,
    "storage": 1,
    "config": 1,
    "corpus": 2,
    "baselines": 2,
    "templates": 2,
    "tracking": 2,
    "cluster": 2,
    "quickstart": 2,
    "prepare": 3,
    "trie": 3,
    "train": 3,
    "decode": 4,
    "sizing": 4,
    "growth": 4,
    "evaluate": 5,
    "report": 6,
    "bench": 6,
    "study": 7,
    "cli": 8,
}
SHARED = {0, 1, 2}
"""floors whose rooms may use one another"""


@functools.cache
def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names & modules().keys() - {"srdist"}


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_room_has_a_floor():
    assert {room(module) for module in modules() if "." in module} <= set(FLOORS)


def test_imports_go_down():
    wrong = [
        f"{module} imports {name}"
        for module, path in modules().items()
        if "." in module
        for name in imports(path)
        if room(name) != room(module)
        and not (FLOORS[room(name)] < FLOORS[room(module)] or FLOORS[room(name)] == FLOORS[room(module)] in SHARED)
    ]
    assert wrong == []


def test_no_circles():
    known = modules()
    graph = {module: imports(path) - {module} for module, path in known.items()}
    TopologicalSorter(graph).prepare()
