"""Text from outside as Markdown that shows it and does nothing else."""

import re
import unicodedata

_PLAIN = re.compile(r"[A-Za-z0-9 ._/:+#@~%=,()\[\]{}-]+")
_SPECIAL = re.compile(r"[\\`*_{}\[\]<>|~&$!@#^]|:(?=//)|(?<=www)\.")
_LEADING = re.compile(r"^(?:[-+=]|\d+[.)])")
_BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def inline(text: str, longest: int = 300) -> str:
    """`text` on one line, with all that Markdown or HTML would act on as character references.

    Safe in a paragraph, a list and a table cell; no link, mention, formula or tag comes of it.

    Args:
        text: Anything.
        longest: Characters after which it is cut, with an ellipsis.
    """
    line = one_line(text)
    if len(line) > longest:
        line = f"{line[: longest - 1]}…"
    quoted = _SPECIAL.sub(lambda found: f"&#{ord(found.group())};", line)
    return _LEADING.sub(lambda found: _references(found.group()), quoted)


def code(text: str, longest: int = 120) -> str:
    """A name as code, where it is plain and short enough for that, otherwise as `inline` text."""
    line = one_line(text)
    plain = len(line) <= longest and _PLAIN.fullmatch(line)
    return f"`{line}`" if plain else inline(text, max(longest, 300))


def fenced(text: str, language: str) -> str:
    """A code block that its content cannot end."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def one_line(text: str) -> str:
    """`text` without line ends, control characters and marks that turn the direction of writing."""
    return " ".join("".join(" " if _hidden(letter) else letter for letter in text).split())


def _hidden(letter: str) -> bool:
    kind = unicodedata.category(letter)
    return kind in {"Cc", "Cs", "Zl", "Zp"} or unicodedata.bidirectional(letter) in _BIDI


def _references(text: str) -> str:
    return "".join(f"&#{ord(letter)};" for letter in text)
