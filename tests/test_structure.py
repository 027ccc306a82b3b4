"""The house: imports point down, the surface is what it says, and importing costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import elad

SOURCE = Path(elad.__file__).parent

FLOORS = [
    {"__main__"},
    {"cli"},
    {"plan"},
    {"certify", "doctor", "export", "reparse", "study", "view"},
    {"report"},
    {"loop"},
    {"ahead", "folder", "review"},
    {"recipe"},
    {"recipe_errors"},
    {"sufficiency"},
    {"evaluate", "train", "annotate", "keep"},
    {"select", "turn"},
    {"fit"},
    {"student", "teacher"},
    {"pool", "prices"},
    {"ledger", "store", "people"},
    {"budget", "lock"},
    {"worlds"},
    {"answers"},
    {"layout", "progress", "rows", "machine", "sqlite"},
    {"foreign", "text"},
    {"records", "errors"},
]
"""The rooms from the roof to the ground: a file imports from its own room and from floors below."""


def room(module: str) -> str:
    return module.split(".")[1]


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("elad"):
            found |= {f"elad.{alias.name}" for alias in node.names} if node.module == "elad" else {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("elad.")}
    return found


def test_every_import_points_down() -> None:
    floor = {name: level for level, names in enumerate(FLOORS) for name in names}
    for file in SOURCE.rglob("*.py"):
        here = file.relative_to(SOURCE).with_suffix("").parts[0]
        if here == "__init__":
            continue
        for module in imports(file):
            there = room(module)
            assert floor[there] > floor[here] or there == here, f"{file.relative_to(SOURCE)} imports {module}"


def test_records_and_errors_import_nothing_of_ours() -> None:
    assert not imports(SOURCE / "records.py") | imports(SOURCE / "errors.py")


def test_the_public_surface_is_what_it_says() -> None:
    assert sorted(elad.__all__) == elad.__all__
    for name in elad.__all__:
        assert getattr(elad, name) is not None
    assert set(elad._HOME) == set(elad.__all__)


def test_import_and_help_leave_torch_alone() -> None:
    code = "import sys, elad, elad.cli; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_file_is_long() -> None:
    for kind in ("py", "js", "css", "html"):
        for file in SOURCE.rglob(f"*.{kind}"):
            assert len(file.read_text().splitlines()) <= 350, f"{file.name} holds more than one idea"
