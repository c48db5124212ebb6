from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.language import LANGUAGES, UNDETERMINED, written


@pytest.mark.parametrize(
    ("text", "language", "script"),
    [
        ("Put a red balloon into the sky.", "en", "Latn"),
        ("PUT A RED BALLOON INTO THE SKY.", "en", "Latn"),
        ("Füge dem Mann einen roten Hut hinzu.", "de", "Latn"),
        ("Ajoute un chapeau rouge à l'homme.", "fr", "Latn"),
        ("Сделай небо розовым, а машину красной.", "ru", "Cyrl"),
        ("把天空变成粉红色", "zh", "Hani"),
        ("空をピンクにする", "ja", "Jpan"),
        ("하늘을 분홍색으로 바꿔 주세요", "ko", "Hang"),
        ("اجعل السماء وردية والسيارة حمراء", "ar", "Arab"),
        ("आसमान को गुलाबी रंग में बदल दो", "hi", "Deva"),
        ("\uff30\uff55\uff54 a red balloon into the sky.", "en", "Latn"),  # letters of full width
    ],
)
def test_tells_language_and_script(text: str, language: str, script: str) -> None:
    assert written(text) == (language, script)


@pytest.mark.parametrize("text", ["", "12345", "!!! ???", "\U0001f600\U0001f600", "\ud800"])
def test_a_text_without_letters_is_in_no_language(text: str) -> None:
    assert written(text) == (UNDETERMINED, "Zyyy")


@pytest.mark.parametrize("text", ["ok", "bicycle", "Van Gogh", "add a cat"])
def test_a_text_too_short_to_tell_is_never_given_a_wrong_language(text: str) -> None:
    assert written(text).language in {UNDETERMINED, "en"}
    assert written(text).script == "Latn"


def test_a_script_without_a_name_here_is_unknown() -> None:
    assert written("ᚠᚢᚦᚨᚱᚲ").script == "Zzzz"


@given(st.text(max_size=60))
def test_any_text_has_one_answer(text: str) -> None:
    found = written(text)

    assert found == written(text)
    assert found.language in LANGUAGES | {UNDETERMINED}
    assert len(found.script) == 4


def test_threads_share_one_answer() -> None:
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(written, ["Remove the object in the middle."] * 8))

    assert found == {("en", "Latn")}
