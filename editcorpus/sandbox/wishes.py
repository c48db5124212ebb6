"""What an instruction asks for, told from its words."""

import re
from dataclasses import dataclass
from enum import StrEnum

from editcorpus.sandbox.chance import pick, share

Rgb = tuple[int, int, int]


class Kind(StrEnum):
    """The edits that the emulator can paint."""

    REMOVAL = "removal"
    ADDITION = "addition"
    STYLE = "style"
    BLUR = "blur"
    BACKGROUND = "background"
    ENVIRONMENT = "environment"
    SWAP = "swap"
    TONE = "tone"
    COLOUR = "colour"


#: First match wins, so that "remove the red car in the background" is a removal.
_RULES: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(rf"\b(?:{words})\b", re.IGNORECASE))
    for kind, words in (
        (Kind.REMOVAL, r"remov\w*|delet\w*|eras\w*|take (?:away|out)|get rid|without|eliminat\w*"),
        (Kind.ADDITION, r"add|adding|insert\w*|plac(?:e|ing)|put|draw|includ\w*|give"),
        (
            Kind.STYLE,
            (
                r"styl\w*|painting|cartoon\w*|sketch\w*|watercolou?r|anime|comic|pixel art|oil|"
                r"poster\w*|illustration|drawing|impressionis\w*|cubis\w*"
            ),
        ),
        (Kind.BLUR, r"blur\w*|defocus\w*|bokeh|out of focus|soften\w*"),
        (Kind.BACKGROUND, r"background|backdrop|behind"),
        (
            Kind.ENVIRONMENT,
            (
                r"sky|season|winter|summer|autumn|spring|night|day|sunset|sunrise|dusk|dawn|weather|"
                r"snow\w*|rain\w*|fog\w*|storm\w*|cloud\w*|sunny|environment|scene"
            ),
        ),
        (Kind.SWAP, r"replac\w*|swap\w*|substitut\w*|transform\w*|instead|turn\w*|become|convert"),
        (
            Kind.TONE,
            (
                r"bright\w*|dark\w*|contrast|warm\w*|cool\w*|vintage|sepia|grayscale|greyscale|"
                r"black and white|monochrome|saturat\w*|exposure|tone"
            ),
        ),
    )
)

COLOURS: dict[str, Rgb] = {
    "red": (205, 30, 35),
    "orange": (240, 130, 20),
    "yellow": (240, 210, 40),
    "green": (40, 150, 60),
    "blue": (35, 85, 205),
    "purple": (125, 50, 170),
    "pink": (240, 120, 175),
    "brown": (120, 75, 40),
    "black": (25, 25, 28),
    "white": (240, 240, 238),
    "grey": (128, 128, 130),
    "gray": (128, 128, 130),
    "gold": (212, 170, 55),
    "silver": (185, 190, 198),
    "teal": (0, 128, 128),
    "turquoise": (60, 205, 195),
    "snow": (225, 235, 250),
    "winter": (215, 228, 250),
    "night": (20, 28, 70),
    "sunset": (245, 130, 60),
    "autumn": (215, 120, 35),
    "spring": (150, 205, 110),
    "summer": (250, 220, 110),
    "desert": (220, 180, 110),
    "beach": (235, 215, 160),
    "forest": (45, 100, 50),
    "ocean": (30, 110, 160),
    "fog": (205, 208, 212),
    "rain": (110, 125, 145),
    "sepia": (150, 115, 70),
}

_COLOUR_WORD = re.compile(rf"\b({'|'.join(COLOURS)})\w{{0,2}}\b", re.IGNORECASE)
_PALETTE = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "teal")
_WHOLE = re.compile(r"\b(whole|entire|image|photo|picture|everything)\b", re.IGNORECASE)
_SIDES = {"left": (0.0, None), "right": (1.0, None), "top": (None, 0.0), "bottom": (None, 1.0)}
_LOCAL = (Kind.SWAP, Kind.ADDITION, Kind.COLOUR)


@dataclass(frozen=True, slots=True)
class Wish:
    """An instruction as the painter understands it.

    Attributes:
        colours: In order of preference; the painter takes the first that shows on the picture.
        whole: Whether the whole picture is meant.
        left: Where the edited region lies from left to right, 0 to 1.
        top: Where it lies from top to bottom, 0 to 1.
        text: The instruction itself.
        key: Seed and instruction; further choices are drawn under this name.
        fills: Whether a local edit takes up all of what may change.
    """

    kind: Kind
    colours: tuple[Rgb, ...]
    whole: bool
    left: float
    top: float
    text: str
    key: str
    fills: bool = False


def understand(prompt: str, seed: int) -> Wish:
    """What a prompt asks for; what it leaves open is decided by seed and prompt."""
    key = f"{seed}:{prompt}"
    across, down = _side(prompt)
    return Wish(
        kind=_kind(prompt, key),
        colours=_colours(prompt, key),
        whole=_WHOLE.search(prompt) is not None,
        left=share(key, "left") if across is None else across,
        top=share(key, "top") if down is None else down,
        text=prompt,
        key=key,
    )


def _kind(prompt: str, key: str) -> Kind:
    for sentence in re.split(r"[.!?\n]+", prompt):
        for kind, words in _RULES:
            if words.search(sentence):
                return kind
        if _COLOUR_WORD.search(sentence):
            return Kind.COLOUR
    return pick(_LOCAL, key, "kind")


def _colours(prompt: str, key: str) -> tuple[Rgb, ...]:
    named = [COLOURS[word.lower()] for word in _COLOUR_WORD.findall(prompt)]
    others = sorted(_PALETTE, key=lambda name: share(key, "colour", name))
    # "from red to blue" and "red car ... blue" both name the new colour last
    return (*reversed(named), *(COLOURS[name] for name in others))


def _side(prompt: str) -> tuple[float | None, float | None]:
    across, down = None, None
    for word, (left, top) in _SIDES.items():
        if re.search(rf"\b{word}\b", prompt, re.IGNORECASE):
            across = left if left is not None else across
            down = top if top is not None else down
    return across, down
