"""Habits that a machine can see: sizes, names of this or that machine, what was left undone."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.source_tree import ROOT, Module, functions, modules

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 80

# Split, so that this file does not hold what it looks for.
LEFT_UNDONE = re.compile("TO" + "DO|FIX" + "ME|XX" + "X|raise Not" + "ImplementedError")
PICKLE = re.compile(
    r"\bpick"
    + r"le\b(?!d)(?=[.\s]*(?:load|dump|import))|import pick"
    + r"le|torch\."
    + r"load\(|allow_pick"
    + r"le=True"
)
MACHINE_PATH = re.compile(r"(?<![\w.~}/])/(?:home|root|work|Users|mnt|scratch)/\w")
ADDRESS = re.compile("index" + r"-url\s*=?\s*http|extra-" + "index|files.python" + "hosted")

ALL = modules()
each_module = pytest.mark.parametrize("module", ALL, ids=lambda module: module.name)


def committed_text_files() -> Iterator[tuple[str, str]]:
    """Every text file that is part of the project, by git's account or, without git, by looking."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    names = listed.stdout.split("\0") if listed.returncode == 0 else _looked_up()
    for name in filter(None, names):
        path = ROOT / name
        if path.is_file() and path.suffix not in {".png", ".lock", ".h5", ".safetensors", ".dcm"}:
            yield name, path.read_text(encoding="utf-8", errors="replace")


def _looked_up() -> list[str]:
    tops = ("medcli", "tests", "examples", "man")
    return [str(p.relative_to(ROOT)) for top in tops for p in sorted((ROOT / top).rglob("*")) if p.is_file()]


def without_docstring(tree: ast.Module) -> Iterator[str]:
    """Public functions, methods and classes that do not say what they give."""
    yield from _undocumented(tree.body, prefix="")
    if ast.get_docstring(tree) is None:
        yield "the module"


def _undocumented(body: list[ast.stmt], *, prefix: str) -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None and not _needs_no_words(node):
            yield prefix + node.name
        # Methods of a class with a base may be overrides, which are described where they are declared.
        if isinstance(node, ast.ClassDef) and not node.bases:
            yield from _undocumented(node.body, prefix=f"{node.name}.")


def _needs_no_words(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Enumerations whose members are their own description, and overloads."""
    if isinstance(node, ast.ClassDef):
        return any(ast.unparse(base) in {"StrEnum", "IntEnum", "Enum"} for base in node.bases)
    return any("overload" in ast.unparse(decorator) for decorator in node.decorator_list)


@each_module
def test_a_file_has_one_subject(module: Module) -> None:
    assert len(module.text.splitlines()) <= MAX_FILE_LINES


@each_module
def test_a_function_fits_on_a_screen(module: Module) -> None:
    lengths = {f.name: (f.end_lineno or f.lineno) - f.lineno + 1 for f in functions(module.tree)}
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


@each_module
def test_everything_public_says_what_it_gives(module: Module) -> None:
    assert list(without_docstring(module.tree)) == []


@each_module
def test_nothing_is_left_undone_and_nothing_is_pickled(module: Module) -> None:
    found = [
        f"line {number}: {line.strip()}"
        for number, line in enumerate(module.text.splitlines(), 1)
        for pattern in (LEFT_UNDONE, PICKLE)
        if pattern.search(line)
    ]
    assert found == []


def test_no_file_names_a_place_on_one_machine_or_a_registry() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in committed_text_files()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line) or ADDRESS.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE_PATH, "see " + "/home" + "/ana/data"),
        (MACHINE_PATH, 'Path("' + "/work" + '/x")'),
        (LEFT_UNDONE, "# TO" + "DO later"),
        (LEFT_UNDONE, "raise Not" + "ImplementedError"),
        (PICKLE, "import pick" + "le"),
        (PICKLE, "torch." + "load(path)"),
        (ADDRESS, "--index" + "-url https://example.org"),
    ],
)
def test_the_patterns_see_what_they_are_for(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


def test_what_is_undocumented_is_seen() -> None:
    text = "def a(): ...\ndef _b(): ...\nclass C:\n    'd'\n    def e(self): ...\n    def __f__(self): ...\n"
    assert list(without_docstring(ast.parse(text))) == ["a", "C.e", "the module"]
