"""In which language and script an instruction is written, as far as its text alone can tell.

The detector is py3langid: naive Bayes over n-grams of bytes (Lui and Baldwin 2012,
https://aclanthology.org/P12-3005), whose model comes with the package. It is asked about widely
written languages only: of all 139 that it knows, it takes every third short English text for a small
language. The same text has the same answer on every machine.
"""

import unicodedata
from collections import Counter
from functools import cache
from threading import Lock
from typing import NamedTuple

from py3langid.langid import MODEL_FILE, LanguageIdentifier

DETECTOR = "py3langid-0.4"
"""What decides. Its model decides too: another one may answer otherwise."""
UNDETERMINED = "und"
"""BCP 47's tag of a language that nobody has determined."""
NO_SCRIPT = "Zyyy"
"""ISO 15924's code of what is common to all scripts: a text without letters."""
LEAST = 0.5
"""Least probability, 0 to 1, of a language that is told. Of 120 short English instructions and 65 in 16
other languages, 17 were undetermined at it and none was wrong; at 0.3 six were wrong
(`tests/benchmarks/language.py`)."""
LONGEST = 2_000
"""Characters that are looked at."""
_TOLD_APART = (
    "af am ar az be bg bn bs ca cs da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka "
    "kk km kn ko lo lt lv mk ml mn mr ms my ne nl no pa pl pt ro ru si sk sl sq sr sv sw ta te th tl tr "
    "uk ur uz vi zh"
)
LANGUAGES = frozenset(_TOLD_APART.split())
"""The languages that are told apart, ISO 639-1."""
_SCRIPTS = {
    "ARABIC": "Arab",
    "ARMENIAN": "Armn",
    "BENGALI": "Beng",
    "BOPOMOFO": "Bopo",
    "CJK": "Hani",
    "CYRILLIC": "Cyrl",
    "DEVANAGARI": "Deva",
    "ETHIOPIC": "Ethi",
    "GEORGIAN": "Geor",
    "GREEK": "Grek",
    "GUJARATI": "Gujr",
    "GURMUKHI": "Guru",
    "HANGUL": "Hang",
    "HEBREW": "Hebr",
    "HIRAGANA": "Jpan",
    "KANNADA": "Knda",
    "KATAKANA": "Jpan",
    "KHMER": "Khmr",
    "LAO": "Laoo",
    "LATIN": "Latn",
    "MALAYALAM": "Mlym",
    "MONGOLIAN": "Mong",
    "MYANMAR": "Mymr",
    "ORIYA": "Orya",
    "SINHALA": "Sinh",
    "TAMIL": "Taml",
    "TELUGU": "Telu",
    "THAANA": "Thaa",
    "THAI": "Thai",
    "TIBETAN": "Tibt",
}
"""Code of a script (ISO 15924) by the first word of its letters' names in Unicode."""
_UNKNOWN_SCRIPT = "Zzzz"
_LOADING = Lock()


class Written(NamedTuple):
    """How a text is written.

    Attributes:
        language: BCP 47, such as `en`; `und` where the text does not tell.
        script: ISO 15924, such as `Latn`: of most of its letters; `Jpan` and `Hani` are apart by the
            presence of kana, `Zyyy` is a text without letters, `Zzzz` a script that has no name here.
    """

    language: str
    script: str


def written(text: str) -> Written:
    """Language and script of a text; some 30 microseconds, and a second for the first one."""
    head = unicodedata.normalize("NFKC", text[:LONGEST])
    script = _script(head)
    if script == NO_SCRIPT:
        return Written(UNDETERMINED, script)
    with _LOADING:  # shards are published side by side, and one copy of the model is enough
        detector = _detector()
    language, probability = detector.classify(head.encode("utf-8", "replace"))
    return Written(language if probability >= LEAST else UNDETERMINED, script)


def _script(text: str) -> str:
    counts = Counter(_script_of(letter) for letter in text if letter.isalpha())
    if not counts:
        return NO_SCRIPT
    if "Jpan" in counts and counts["Jpan"] + counts["Hani"] > counts.total() / 2:
        return "Jpan"
    return min(counts, key=lambda name: (-counts[name], name))


@cache
def _script_of(letter: str) -> str:
    first = unicodedata.name(letter, "").partition(" ")[0]
    return _SCRIPTS.get(first, _UNKNOWN_SCRIPT)


@cache
def _detector() -> LanguageIdentifier:
    """The detector without the columns of languages that are not asked about: half the size."""
    whole = LanguageIdentifier.from_model_file(MODEL_FILE)
    columns = [place for place, name in enumerate(whole.nb_classes) if name in LANGUAGES]
    return LanguageIdentifier(
        whole.nb_ptc[:, columns].copy(),
        whole.nb_pc[columns].copy(),
        [whole.nb_classes[column] for column in columns],
        whole.tk_nextmove,
        whole.tk_output,
        norm_probs=True,
        tk_row=whole.tk_row,
    )
