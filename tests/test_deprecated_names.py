"""What Prefect has given notice of is not used anywhere, not even where no test goes.

Functions, fields, modules and settings are looked for by the names that Prefect's own text marks.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import prefect
from prefect.settings import Settings
from pydantic import AliasChoices, BaseModel

ROOT = Path(__file__).parents[1]
OURS = sorted(
    file
    for name in (
        "editcorpus",
        "flows",
        "tasks",
        "blocks",
        "editcorpus_flows",
        "tests",
        "scripts",
        "docker",
    )
    for file in (ROOT / name).rglob("*.py")
)
NOTICES = {"DeprecationWarning", "FutureWarning", "PrefectDeprecationWarning"}
MARKS = {"deprecated_callable", "deprecated_class"}
MEMBER_MARKS = {"deprecated_parameter", "deprecated_field"}
NO_SETTINGS = re.compile(
    r"PREFECT_(_|REDIS_|INTEGRATIONS_|KUBERNETES$|REDIS$|LOGGING_HANDLERS_|AUTH$"
    r"|FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR$)"
)
"""Names of a run, of Prefect's integrations, of its logging.yml and of compose.yaml, and one of a command."""


def named(node: ast.AST | None) -> str:
    """The last part of a name."""
    return getattr(node, "attr", getattr(node, "id", ""))


def gives_notice(node: ast.AST) -> bool:
    """Whether it warns of an end, by a call of `warn`."""
    return any(
        named(call.func) == "warn"
        and NOTICES & {named(said) for said in [*call.args, *(one.value for one in call.keywords)]}
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
    )


@dataclass
class Marked:
    """What a library marks as deprecated.

    Attributes:
        names: Functions, methods and properties.
        current: Names of which one bearer, at least, is not deprecated.
        members: Classes and functions, with the fields and parameters of theirs that are.
        modules: Modules that have moved.
    """

    names: set[str] = field(default_factory=set)
    current: set[str] = field(default_factory=set)
    members: set[tuple[str, str]] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)

    def ended(self) -> set[str]:
        """The names of which no bearer is still current."""
        return self.names - self.current

    def take(self, module: str, tree: ast.Module) -> None:
        """Add what a module marks."""
        for line in tree.body:
            warns = isinstance(line, ast.Expr) and gives_notice(line)
            if warns or maker(line) == "deprecated_module_attrs":
                self.modules.add(module)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._define(node)
            if isinstance(node, ast.ClassDef):
                self._fields(node)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        marks = [mark for mark in node.decorator_list if isinstance(mark, ast.Call)]
        ends = any(named(mark.func) in MARKS for mark in marks)
        ends |= not isinstance(node, ast.ClassDef) and gives_notice(node)
        (self.names if ends else self.current).add(node.name)
        for mark in marks:
            if named(mark.func) in MEMBER_MARKS and isinstance(mark.args[0], ast.Constant):
                self.members.add((node.name, str(mark.args[0].value)))

    def _fields(self, node: ast.ClassDef) -> None:
        for line in node.body:
            if isinstance(line, ast.AnnAssign):
                value = line.value
                if isinstance(value, ast.Call) and "deprecated" in {
                    one.arg for one in value.keywords
                }:
                    self.members.add((node.name, named(line.target)))
                else:
                    self.current.add(named(line.target))


def maker(line: ast.stmt) -> str:
    """The name of what makes the value of a line, where a call does."""
    value = line.value if isinstance(line, ast.Assign) else None
    return named(value.func) if isinstance(value, ast.Call) else ""


@cache
def marked() -> Marked:
    """What the installed Prefect marks."""
    found, root = Marked(), Path(prefect.__file__).parent
    for file in root.rglob("*.py"):
        parts = ("prefect", *file.relative_to(root).with_suffix("").parts)
        found.take(".".join(parts).removesuffix(".__init__"), ast.parse(file.read_text("utf-8")))
    return found


def gone() -> set[str]:
    """Names that have moved to other modules or are no more, as `module:name`."""
    from prefect._internal.compatibility.migration import MOVED_IN_V3, REMOVED_IN_V3

    return {*MOVED_IN_V3, *REMOVED_IN_V3}


def imported(node: ast.ImportFrom) -> Iterator[str]:
    """What a line imports of that which is marked."""
    known, ended = marked(), gone()
    for one in node.names:
        from_moved = {str(node.module), f"{node.module}.{one.name}"} & known.modules
        if from_moved or one.name in known.ended() or f"{node.module}:{one.name}" in ended:
            yield f"{node.module}:{one.name}"


def uses(tree: ast.AST) -> Iterator[str]:
    """What a text uses of that which is marked."""
    known = marked()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name in known.modules)
        elif isinstance(node, ast.ImportFrom):
            yield from imported(node)
        elif isinstance(node, ast.Attribute) and node.attr in known.ended():
            yield node.attr
        elif isinstance(node, ast.Call):
            pairs = ((named(node.func), str(one.arg)) for one in node.keywords)
            yield from (f"{name}({one}=)" for name, one in pairs if (name, one) in known.members)


def settings_of(model: type[BaseModel]) -> Iterator[tuple[str, list[str]]]:
    """Every setting's variable, and the older names under which it is still heard."""
    prefix = str(model.model_config.get("env_prefix", ""))
    for name, one in model.model_fields.items():
        if isinstance(one.annotation, type) and issubclass(one.annotation, BaseModel):
            yield from settings_of(one.annotation)
        alias = one.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias or prefix + name]
        first, *older = [choice.upper() for choice in choices if isinstance(choice, str)]
        yield first, older


def variables() -> Mapping[str, set[str]]:
    """Prefect's variables in what people run and read, each with the files that name it."""
    folders = ("flows", "editcorpus_flows", "deployments", "docker", "docs", "scripts")
    files = [file for name in folders for file in (ROOT / name).rglob("*") if file.is_file()]
    found: dict[str, set[str]] = {}
    for file in [*files, ROOT / "README.md"]:
        if file.suffix not in {".pyc", ".jpg"}:
            for name in re.findall(r"(?<!\w)PREFECT_[A-Z0-9_]*[A-Z0-9]", file.read_text("utf-8")):
                found.setdefault(name, set()).add(file.relative_to(ROOT).as_posix())
    return found


def test_finds_what_prefect_marks_and_its_uses() -> None:
    """A search that finds nothing finds nothing here, either."""
    known = marked()
    assert known.names >= {"send_heartbeats_sync", "set_deployment_paused_state"}
    assert ("WorkQueueCreate", "filter") in known.members
    assert "prefect.utilities.compat" in known.modules
    text = """
import prefect.utilities.compat
from prefect.engine import pause_flow_run
from prefect.flow_engine import send_heartbeats_sync
from prefect._experimental.plugins import hook
client.set_deployment_paused_state(one, True)
WorkQueueCreate(name="a", filter=None)
"""
    assert len(list(uses(ast.parse(text)))) == 6


def test_uses_nothing_that_prefect_marks() -> None:
    found = {
        file.relative_to(ROOT).as_posix(): sorted(uses(ast.parse(file.read_text("utf-8"))))
        for file in OURS
        if file.name != "test_deprecations.py"  # which makes such calls
    }
    assert {name: used for name, used in found.items() if used} == {}


def test_settings_have_their_present_names() -> None:
    """An older name is heard for a while; one that Prefect does not know is passed over in silence."""
    older = {old: now for now, olds in settings_of(Settings) for old in olds}
    assert older["PREFECT_LOGGING_SETTINGS_PATH"] == "PREFECT_LOGGING_CONFIG_PATH"
    known = {now for now, _ in settings_of(Settings)}
    named_here = variables()
    assert {name: older[name] for name in named_here if name in older.keys() - known} == {}
    unknown = {name for name in named_here if name not in known and not NO_SETTINGS.match(name)}
    assert {name: named_here[name] for name in unknown - older.keys()} == {}
