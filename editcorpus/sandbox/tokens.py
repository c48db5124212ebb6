"""The few tokens of the Qwen tokenizer that verdicts are made of, and its 256 byte tokens."""

import math

#: Ids as in the published `qwen.tiktoken`.
WORDS = {
    "Yes": 9454,
    "No": 2753,
    "yes": 9693,
    "no": 2152,
    " Yes": 7414,
    " No": 2308,
    "YES": 14004,
    "NO": 8996,
}

_PRINTABLE = (*range(33, 127), *range(161, 173), *range(174, 256))
_BYTES = (*_PRINTABLE, *(byte for byte in range(256) if byte not in _PRINTABLE))
_ID_OF_BYTE = {byte: token for token, byte in enumerate(_BYTES)}
_WORD_OF_ID = {token: word for word, token in WORDS.items()}
_LONGEST_FIRST = sorted(WORDS, key=len, reverse=True)

#: What stands in for the tokens that a model hardly considers.
_RARE = 1e-9


def token_ids(text: str) -> list[int]:
    """Ids of a text: its verdict words where it is one, otherwise a token for each byte.

    A text that holds more than a verdict gets more ids than the real tokenizer gives it.
    """
    if text in WORDS:
        return [WORDS[text]]
    return [_ID_OF_BYTE[byte] for byte in text.encode("utf-8", "replace")]


def token_text(token: int) -> str:
    """The text of an id; ids that are not known here read as such."""
    if token in _WORD_OF_ID:
        return _WORD_OF_ID[token]
    return chr(_BYTES[token]) if 0 <= token < 256 else f"<{token}>"


def distribution(yes: float, readable: bool) -> dict[int, float]:
    """Probability of each token as first of the answer to a yes-or-no question.

    Args:
        yes: P(yes), 0 to 1.
        readable: Whether the model answers with yes or no at all; if not, most of the
            probability lies on other words.
    """
    mass = 0.985 if readable else 0.2
    split = {"Yes": 0.9, "yes": 0.06, " Yes": 0.03, "YES": 0.01}
    chances = {WORDS[word]: mass * yes * part for word, part in split.items()}
    split = {"No": 0.9, "no": 0.06, " No": 0.03, "NO": 0.01}
    chances |= {WORDS[word]: mass * (1 - yes) * part for word, part in split.items()}
    rest = 1 - mass
    for place, letter in enumerate("ITAWBPSCEDFGHLMN"):
        chances[ord(letter) - 33] = rest * (0.75 if place == 0 else 0.25 / 15)
    return chances


def entry(token: int, chances: dict[int, float]) -> dict[str, object]:
    """One member of a list of log-probabilities."""
    text = token_text(token)
    logprob = math.log(max(chances.get(token, 0.0), _RARE))
    return {"token": text, "logprob": logprob, "bytes": list(text.encode())}
