"""The layers of ARCHITECTURE.md hold: imports point down, and each layer does only its own work."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.source_tree import PACKAGE, ROOT, Module, calls, functions, imports, modules

LAYERS = {
    4: {"cli"},
    3: {"stages"},
    2: {"formats", "cohorts", "images", "models", "calibration", "attribution", "metrics", "reporting"},
    1: {"store"},
}
LAYER_OF = {part: layer for layer, parts in LAYERS.items() for part in parts}
DOMAIN = LAYERS[2] - {"formats"}
# What only some packages may import, at any level; a package that is not named may import it as well.
FORBIDDEN = {
    "metrics": {"torch", "timm", "sklearn", "cv2", "h5py"},
    "cohorts": {"torch", "timm", "sklearn", "cv2", "h5py"},
    "calibration": {"torch", "timm", "sklearn", "cv2", "h5py"},
    "reporting": {"torch", "timm", "sklearn", "cv2", "h5py"},
    "attribution": {"sklearn", "h5py", "cv2"},
    "models": {"sklearn"},
    "images": {"torch", "timm", "sklearn", "h5py"},
    "formats": {"torch", "timm", "sklearn", "h5py", "albumentations"},
    "store": {"timm", "sklearn", "cv2", "pydicom"},
}
WRITES = {"write_text", "write_bytes", "mkdir", "unlink", "rename", "touch", "rmdir"}

ALL = modules()
each_module = pytest.mark.parametrize("module", ALL, ids=lambda module: module.name)


def layer_of(part: str) -> int:
    """Layer of a package; single modules right below medcli are the ground."""
    return LAYER_OF.get(part, 0)


def imports_upwards_or_sideways(module: Module) -> Iterator[str]:
    for name in imports(module, anywhere=True):
        if not name.startswith("medcli."):
            continue
        other = name.split(".")[1]
        if other.startswith("__") or other == module.part:
            continue
        mine, theirs = layer_of(module.part), layer_of(other)
        if theirs > mine or (theirs == mine and mine > 0):
            yield name


def heavy_at_module_level(module: Module, *, allowed: set[str]) -> Iterator[str]:
    """Imports at module level that are neither the standard library's, nor `allowed`, nor the ground's."""
    for name in imports(module, anywhere=False):
        top, _, rest = name.partition(".")
        is_ground = top == "medcli" and layer_of(rest.split(".")[0]) == 0
        is_own = top == "medcli" and rest.split(".")[0] == module.part
        if top not in sys.stdlib_module_names and top not in allowed and not is_ground and not is_own:
            yield name


def touches_files_or_streams(module: Module) -> Iterator[str]:
    for name, line in calls(module.tree):
        last = name.rpartition(".")[2]
        if name in {"print", "open"} or last in WRITES or name.startswith(("sys.stdout", "sys.stderr")):
            yield f"line {line}: {name}()"
    for function in functions(module.tree):
        arguments = function.args
        for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
            if argument.annotation and "Path" in _names(argument.annotation):
                yield f"line {function.lineno}: {function.name}({argument.arg}: Path)"


def _names(annotation: ast.expr) -> set[str]:
    """Names in an annotation, also in one that is written as a string."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    return {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}


@each_module
def test_imports_point_down(module: Module) -> None:
    assert list(imports_upwards_or_sideways(module)) == []


@pytest.mark.parametrize("module", [m for m in ALL if layer_of(m.part) == 0], ids=lambda module: module.name)
def test_the_ground_imports_only_the_standard_library(module: Module) -> None:
    assert list(heavy_at_module_level(module, allowed=set())) == []


@pytest.mark.parametrize("module", [m for m in ALL if m.part == "cli"], ids=lambda module: module.name)
def test_the_command_line_imports_only_typer_before_a_command_runs(module: Module) -> None:
    assert list(heavy_at_module_level(module, allowed={"typer"})) == []


@pytest.mark.parametrize("module", [m for m in ALL if m.part in DOMAIN], ids=lambda module: module.name)
def test_the_domain_takes_no_paths_and_neither_prints_nor_writes(module: Module) -> None:
    assert list(touches_files_or_streams(module)) == []


@each_module
def test_packages_import_only_the_libraries_of_their_job(module: Module) -> None:
    used = {name.partition(".")[0] for name in imports(module, anywhere=True)}
    assert used & FORBIDDEN.get(module.part, set()) == set()
    assert used & {"click", "pickle", "torchvision", "pandas"} == set()
    if module.name != "medcli.images.augmentation":
        assert "albumentations" not in used


def test_every_package_has_a_layer_and_is_in_the_document() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages == set(LAYER_OF)
    document = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert [name for name in sorted(packages) if f" {name}/ " not in document] == []
    ground = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert [name for name in sorted(ground) if name not in document] == []


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("medcli.store.x", "from medcli.metrics import roc", ["medcli.metrics"]),
        ("medcli.metrics.x", "from medcli.models.networks import build", ["medcli.models.networks"]),
        ("medcli.metrics.x", "def f():\n    from medcli import stages", ["medcli.stages"]),
        ("medcli.metrics.x", "from ..cohorts import splits", ["medcli.cohorts"]),
        ("medcli.metrics.x", "from medcli.metrics import roc\nfrom medcli import errors, __version__", []),
        ("medcli.errors", "import medcli.store.atomic", ["medcli.store.atomic"]),
        ("medcli.stages.x", "from medcli.metrics import roc\nfrom medcli.store import shards", []),
    ],
)
def test_wrong_imports_are_seen(name: str, text: str, found: list[str]) -> None:
    assert list(imports_upwards_or_sideways(Module(name, text))) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import numpy", ["numpy"]),
        ("try:\n    import rich.table\nexcept ImportError:\n    import torch", ["rich.table", "torch"]),
        ("class A:\n    import h5py", ["h5py"]),
        ("from medcli.stages import split", ["medcli.stages"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch", []),
        ("import typer\nfrom medcli.config import Task\ndef f():\n    import torch", []),
    ],
)
def test_heavy_imports_are_seen(text: str, found: list[str]) -> None:
    assert list(heavy_at_module_level(Module("medcli.cli.x", text), allowed={"typer"})) == found


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        "open('x')",
        "p.write_bytes(b'')",
        "sys.stderr.write('x')",
        "def f(*, path: Path | None): ...",
        "def f(path: 'Path'): ...",
    ],
)
def test_files_and_streams_are_seen(text: str) -> None:
    assert len(list(touches_files_or_streams(Module("medcli.metrics.x", text)))) == 1
