"""What is asked of a model, and the hash under which its answer is kept.

The hash covers all that determines the answer: provider, model, parameters, prompt, the pictures by
their decoded pixels (and media type and quality where the encoding loses something), and `sample`,
which makes a second attempt at the same request possible. It never covers encoded bytes (the same
pixels give other PNG bytes under another zlib) nor the URL that the request is sent to.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from editcorpus.records import Reason
from editcorpus.responses import ImageAnswer, TextAnswer


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a request; its encoded bytes are read when the request has its turn.

    Attributes:
        pixels: Hash of mode, size and decoded pixels (`images.pixel_hash`), before encoding.
        media_type: Such as `image/png`.
        quality: Of a lossy encoding, 1 to 100; 0 where the encoding keeps every pixel.
        size: Width and height in pixels, or an upper bound of them.
        load: Gives the encoded bytes.
    """

    pixels: str
    media_type: str
    quality: int
    size: tuple[int, int]
    load: Callable[[], bytes] = field(repr=False, compare=False)

    def identity(self) -> dict[str, Any]:
        """What the hash of a request says of the picture."""
        lossy = {"media_type": self.media_type, "quality": self.quality} if self.quality else {}
        return {"pixels": self.pixels, **lossy}


@dataclass(frozen=True, slots=True)
class ImageEdit:
    """One edit of one picture: `POST /v1/images/edits` with `n=1`.

    Attributes:
        prompt: At most 32,000 characters.
        size: Width and height asked for, in pixels.
        quality: Such as `high`; empty where the endpoint takes none.
        output_format: `png`, `jpeg` or `webp`.
        mask: PNG with alpha, of the picture's size and below 4 MB; alpha 0 = edit here.
    """

    model: str
    prompt: str
    picture: Picture
    size: tuple[int, int]
    quality: str
    output_format: str
    mask: Picture | None = None

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures that are sent, in order; a mask comes last."""
        return (self.picture,) if self.mask is None else (self.picture, self.mask)

    @property
    def shown(self) -> tuple[Picture, ...]:
        """Those among them that count as input; the API charges nothing for a mask."""
        return (self.picture,)

    def identity(self) -> dict[str, Any]:
        """All that determines the answer."""
        masked = {} if self.mask is None else {"mask": self.mask.identity()}
        return {
            "api": "images.edits",
            "model": self.model,
            "prompt": self.prompt,
            "size": list(self.size),
            "quality": self.quality,
            "output_format": self.output_format,
            "images": [self.picture.identity()],
            **masked,
        }


@dataclass(frozen=True, slots=True)
class ImageMake:
    """One picture out of nothing but a text: `POST /v1/images/generations` with `n=1`.

    Attributes:
        prompt: At most 32,000 characters.
        size: Width and height asked for, in pixels.
        quality: Such as `high`; empty where the endpoint takes none.
        output_format: `png`, `jpeg` or `webp`.
    """

    model: str
    prompt: str
    size: tuple[int, int]
    quality: str
    output_format: str

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures that are sent: none."""
        return ()

    @property
    def shown(self) -> tuple[Picture, ...]:
        """Those among them that count as input: none."""
        return ()

    def identity(self) -> dict[str, Any]:
        """All that determines the answer."""
        return {
            "api": "images.generations",
            "model": self.model,
            "prompt": self.prompt,
            "size": list(self.size),
            "quality": self.quality,
            "output_format": self.output_format,
        }


class _Message:
    """Texts and pictures in the order in which the model sees them."""

    __slots__ = ()
    content: tuple[str | Picture, ...]

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures that are sent, in order."""
        return tuple(part for part in self.content if isinstance(part, Picture))

    @property
    def shown(self) -> tuple[Picture, ...]:
        """Those among them that count as input: all."""
        return self.pictures

    def parts(self) -> list[Any]:
        """All of it, as far as it determines the answer."""
        return [part if isinstance(part, str) else part.identity() for part in self.content]


@dataclass(frozen=True, slots=True)
class Chat(_Message):
    """One user message of texts and pictures: `POST /v1/chat/completions`.

    Attributes:
        content: Texts and pictures in the order in which the model sees them.
        max_tokens: Most tokens of the answer.
        options: Further members of the request's body, such as `response_format` or `logprobs`.
    """

    model: str
    content: tuple[str | Picture, ...]
    max_tokens: int
    options: dict[str, Any]

    @property
    def prompt(self) -> str:
        """The texts of the message, one after the other."""
        return "\n".join(part for part in self.content if isinstance(part, str))

    def identity(self) -> dict[str, Any]:
        """All that determines the answer."""
        return {
            "api": "chat.completions",
            "model": self.model,
            "content": self.parts(),
            "max_tokens": self.max_tokens,
            "options": self.options,
        }


@dataclass(frozen=True, slots=True)
class Embed(_Message):
    """One vector of a message of texts and pictures: `POST /v1/embeddings`, vLLM's pooling API.

    Attributes:
        content: Texts and pictures in the order in which the model sees them.
        guide: What the model is told to make of them; empty where it takes no such word.
        options: Further members of the request's body, such as `mm_processor_kwargs`.
    """

    model: str
    content: tuple[str | Picture, ...]
    guide: str
    options: dict[str, Any]

    @property
    def prompt(self) -> str:
        """The guide and the texts of the message, one after the other."""
        texts = (part for part in self.content if isinstance(part, str))
        return "\n".join(filter(None, (self.guide, *texts)))

    @property
    def max_tokens(self) -> int:
        """Most tokens of the answer: a vector has none."""
        return 0

    def identity(self) -> dict[str, Any]:
        """All that determines the answer."""
        return {
            "api": "embeddings",
            "model": self.model,
            "content": self.parts(),
            "guide": self.guide,
            "options": self.options,
        }


ForImage = ImageEdit | ImageMake
"""Requests that are answered with a picture."""
ForText = Chat | Embed
"""Requests that are answered with JSON."""
What = ForImage | ForText
"""All that can be asked."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request on behalf of one triplet.

    Attributes:
        id: Id of the triplet.
        step: Name of the step that asks.
        shard: Number of the shard.
        question: Which of the step's questions it is; empty where there is one.
        sample: 0 for the first attempt at this very request, 1 for the second, ...
        what: The request itself.
        key: Hash of the request.
        since: That the API refuses it for good counts only if it was said after this moment, ISO 8601.
        chances: Its answer may be damaged so many times as often as that of others.
    """

    id: str
    step: str
    shard: int
    question: str
    sample: int
    what: What
    key: str
    since: str = ""
    chances: int = 1


def request_hash(provider: str, what: What, sample: int) -> str:
    """SHA-256, in hex, over everything that determines the answer."""
    members = {"provider": provider, "sample": sample, **what.identity()}
    text = json.dumps(members, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


Answer = ImageAnswer | TextAnswer


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer is in the store; `paid` says whether this very ask was paid for."""

    ask: Ask
    answer: Answer
    paid: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    """There will never be an answer: the reason is final."""

    ask: Ask
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer for now: the next run asks again."""

    ask: Ask
    reason: Reason
    detail: str


Outcome = Answered | Dropped | Unanswered
