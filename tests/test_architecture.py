"""What holds for the whole tree and no linter says; import contracts are in pyproject.toml."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

from editcorpus.records import SENTENCES, Reason

ROOT = Path(__file__).parents[1]
PACKAGES = ("editcorpus", "flows", "tasks", "blocks", "editcorpus_flows")
MODULES = sorted(file for name in PACKAGES for file in (ROOT / name).rglob("*.py"))
CORE = [file for file in MODULES if file.is_relative_to(ROOT / "editcorpus")]
LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 40

MAY_BE_ASYNC = re.compile(r"editcorpus/(journal\.py|endpoints/|sandbox/)")
UNPICKLES = {
    "pickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "jsonpickle",
    "marshal",
    "shelve",
}
UNPICKLES |= {"pandas", "torch"}  # which read pickles, too
REGISTRY = re.compile(
    r"(pypi\.org|pythonhosted\.org|pypi\.python\.org|registry\.npmjs|conda\.anaconda"
    r"|proxy\.golang|static\.crates|ghcr\.io|quay\.io)"
)
MACHINE_PATH = re.compile(r"(?<![\w./~-])/(home|root|Users|work|mnt|private)/\w")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def imports(file: Path) -> set[str]:
    """Every dotted name that a module imports, at its top or inside."""
    found = set()
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def committed() -> list[Path]:
    """The text files that are, or could be, committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists():
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
        files = [ROOT / name for name in listed.decode().split("\0") if name]
    else:
        kept = (path for path in ROOT.iterdir() if path.name not in {".venv", ".venv-tools"})
        files = [file for path in kept for file in [path, *path.rglob("*")]]
    return [file for file in files if file.is_file() and b"\0" not in file.read_bytes()]


def length(function: Function) -> int:
    """Lines from `def` to the end, less the docstring."""
    assert function.end_lineno is not None
    total = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None or first.end_lineno is None:
        return total
    return total - (first.end_lineno - first.lineno + 1)


def public(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
    """A module with its public functions and classes, and their public methods."""
    yield name, node
    for child in getattr(node, "body", []):
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{name}.{child.name}")
            else:
                yield f"{name}.{child.name}", child


@pytest.mark.parametrize("name", PACKAGES)
def test_no_other_distribution_owns_one_of_our_names(name: str) -> None:
    owners = set(packages_distributions().get(name, []))
    assert owners <= {"editcorpus"}, f"{name} is installed by {owners} too."
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin == str(ROOT / name / "__init__.py")


@pytest.mark.parametrize("name", ["tests", "docker", "deployments"])
def test_folders_that_are_no_package_hide_none(name: str) -> None:
    assert not list((ROOT / name).rglob("__init__.py"))


def test_files_stay_short() -> None:
    lengths = {of(file): len(file.read_text("utf-8").splitlines()) for file in MODULES}
    assert {name: n for name, n in lengths.items() if n >= LINES_OF_A_FILE} == {}


def test_functions_stay_short() -> None:
    lengths = {
        f"{of(file)}:{node.name}": length(node)
        for file in MODULES
        for node in ast.walk(parsed(file))
        if isinstance(node, Function)
    }
    assert {name: n for name, n in lengths.items() if n >= LINES_OF_A_FUNCTION} == {}


def test_everything_public_has_a_docstring() -> None:
    silent = [
        name
        for file in MODULES
        for name, node in public(parsed(file), of(file))
        if not ast.get_docstring(node)  # type: ignore[arg-type]
    ]
    assert silent == []


def test_nothing_is_ever_unpickled() -> None:
    found = {of(file): imports(file) & UNPICKLES for file in MODULES}
    assert {name: modules for name, modules in found.items() if modules} == {}
    assert not [of(file) for file in MODULES if "allow_pickle=True" in file.read_text("utf-8")]


def test_the_core_reads_no_environment() -> None:
    found = {
        of(file)
        for file in CORE
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id)
        in {"environ", "environb", "getenv", "expandvars"}
    }
    assert found == set()


def test_asyncio_lives_in_the_engine_its_journal_and_the_sandbox() -> None:
    found = {of(file) for file in MODULES if imports(file) & {"asyncio", "anyio", "trio"}}
    assert {name for name in found if not MAY_BE_ASYNC.match(name)} == set()


def test_every_reason_has_one_sentence() -> None:
    assert list(SENTENCES) == list(Reason)
    for sentence in SENTENCES.values():
        assert re.fullmatch(r"[A-Z].*\.", sentence)
    assert len(set(SENTENCES.values())) == len(SENTENCES)


@pytest.mark.parametrize("name", ["editcorpus.steps", "editcorpus.stages", "editcorpus.sandbox"])
def test_the_core_is_reached_without_prefect(name: str) -> None:
    load = (
        f"import importlib, pkgutil, sys, {name} as package\n"
        "for found in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):\n"
        "    found.name.endswith('__main__') or importlib.import_module(found.name)\n"
    )
    assert loads_prefect(load) == "False"


def test_commands_are_parsed_and_checked_without_prefect() -> None:
    assert loads_prefect("import flows.cli, sys; flows.cli.main(['build', '--help'])") == "False"


def loads_prefect(code: str) -> str:
    """Whether a new process that runs `code` has imported Prefect at its end."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint('prefect' in sys.modules)"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()[-1]


def test_no_file_names_a_package_registry() -> None:
    assert [of(file) for file in committed() if REGISTRY.search(file.read_text("utf-8"))] == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert [of(file) for file in committed() if MACHINE_PATH.search(file.read_text("utf-8"))] == []
