"""What the documents say is so: paths, links, commands, settings, prices."""

import argparse
import re
import shlex
import subprocess
import sys
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import pytest

from editcorpus.tariffs import Tariffs, Usage
from flows.building import recipe_of
from flows.settling import settled
from flows.starting import source_of

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))
README = (ROOT / "README.md").read_text("utf-8")

PATH = re.compile(
    r"(?<![\w/.:~-])(?:editcorpus|flows|tasks|blocks|deployments|docker|tests|docs|scripts|\.ci)/[\w./-]*"
)
LINK = re.compile(r"\[[^]]+\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
SETTING = re.compile(r"[a-z_]+(?:\.[a-z_]+)+=\S+")
PRICE = re.compile(r"^\| (\d+)x(\d+) \| \$(\S+) \| \$(\S+) \| \$(\S+) \|$", re.MULTILINE)


def name(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def text(document: Path) -> str:
    return document.read_text("utf-8")


def commands(document: Path) -> list[list[str]]:
    """The words of each line in the document's shell blocks, without comments."""
    lines = [line for block in BLOCK.findall(text(document)) for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


ALL_COMMANDS = [words for document in DOCUMENTS for words in commands(document)]
OURS = [words for words in ALL_COMMANDS if words[0] == "editcorpus"]


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of an `editcorpus` line, as its command takes them; nothing is run."""
    parser = argparse.ArgumentParser()
    import_module(f"flows.commands.{words[1].replace('-', '_')}").add_arguments(parser)
    return parser.parse_args(words[2:])


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 200


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_path_that_is_named_exists(document: str) -> None:
    named = {found.rstrip(".") for found in PATH.findall(text(ROOT / document))}
    assert len(named) > 8
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_resolves(document: Path) -> None:
    links = [link for link in LINK.findall(text(document)) if "://" not in link]
    broken = [link for link in links if not (document.parent / link.partition("#")[0]).exists()]
    assert broken == []


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_every_command_line_is_one(words: list[str]) -> None:
    parsed = parse(words)
    if words[1] in {"build", "estimate"}:
        recipe = recipe_of(parsed)
        assert settled(recipe, source_of(parsed.source, recipe))


def test_the_readme_shows_every_command() -> None:
    files = (ROOT / "flows" / "commands").glob("[a-z]*.py")
    shown = set(re.findall(r"editcorpus ([a-z-]+)", README)) | set(
        re.findall(r"make (demo)", README)
    )
    assert {file.stem.replace("_", "-") for file in files} <= shown


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_command_named_in_passing_exists(document: Path) -> None:
    spans = [span.split() for span in SPAN.findall(text(document))]
    named = {words[1] for words in spans if words[0] == "editcorpus" and len(words) > 1}
    files = {one: f"{one.replace('-', '_')}.py" for one in named}
    assert [
        one for one, file in files.items() if not (ROOT / "flows/commands" / file).exists()
    ] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    lines = [*SPAN.findall(text(document)), *(" ".join(words) for words in commands(document))]
    asked = {line.split()[1] for line in lines if re.match(r"make [a-z]+", line)}
    assert asked <= targets


def test_make_help_documents_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.findall(r"^[a-z]+:(?!.* ## ).*$", makefile, re.MULTILINE) == []


def test_every_setting_that_restores_the_paper_is_one() -> None:
    spans = SPAN.findall(text(ROOT / "docs" / "departures.md"))
    settings = [span for span in spans if SETTING.fullmatch(span)]
    assert len(settings) >= 8
    words = ["editcorpus", "build", "omniedit", "--input", "data", "--preset", "custom"]
    for setting in settings:
        recipe_of(parse([*words, "--set", setting]))


def test_the_list_of_reasons_is_what_the_code_says() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "reasons.py"], check=True, capture_output=True
    )
    assert made.stdout == (ROOT / "docs" / "reasons.md").read_bytes(), "Run make docs."


def test_the_prices_in_the_readme_are_those_of_the_list() -> None:
    listed, model = Tariffs.load(), "gpt-image-2.5-sunburst"
    assert f"price list of {listed.as_of}" in README
    rows = PRICE.findall(README)
    assert len(rows) == 2
    for width, height, *prices in rows:
        size = int(width), int(height)
        shown = listed.input_tokens(model, *size)
        for quality, price in zip(("high", "xhigh", "max"), prices, strict=True):
            made = listed.image_output_tokens(model, quality, *size)
            usage = Usage(text_in=30, image_in=shown, text_out=0, image_out=made)
            assert listed.price(model, usage).quantize(Decimal("1e-4")) == Decimal(price)


def test_decisions_are_numbered_and_short() -> None:
    assert [file.name[:4] for file in ADRS] == [f"{n:04d}" for n in range(1, len(ADRS) + 1)]
    for file in ADRS:
        lines = text(file).splitlines()
        assert lines[0].startswith(f"# {file.name[:4]}: ")
        assert len(lines) < 40, file.name
