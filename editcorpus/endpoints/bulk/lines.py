"""One line of a batch: the request as it is sent, and what is on record of it until it has ended.

The record holds all that is needed to take the answer, so that a later process can do it: the intent,
the parameters of the request, and the sizes of its pictures; their pixels are at the API by then.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from editcorpus.bookings import Intent, to_fields, to_intent
from editcorpus.endpoints import chat, images
from editcorpus.endpoints.requests import (
    Ask,
    Chat,
    Embed,
    ForImage,
    ImageEdit,
    ImageMake,
    Picture,
    What,
)
from editcorpus.errors import StorageError
from editcorpus.journal import encode

KIND = "line"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is on its way.

    Attributes:
        custom_id: Its name in the batch: the hash of its request, shortened, and a number.
        ask: Who asked for what; its pictures cannot be loaded any more.
        intent: As it stands in the journal.
        files: The API's names of the pictures that were uploaded for it.
    """

    custom_id: str
    ask: Ask
    intent: Intent
    files: tuple[str, ...]

    def encoded(self) -> bytes:
        """The line of the record."""
        return encode(
            KIND,
            self.ask.key,
            **to_fields(self.intent),
            custom_id=self.custom_id,
            question=self.ask.question,
            what=_told(self.ask.what),
            files=list(self.files),
        )


def for_batch(what: What) -> ForImage | Chat:
    """The same request, if it can be a line.

    Raises:
        TypeError: It asks for a vector: the servers that give any have no batches.
    """
    if isinstance(what, Embed):
        raise TypeError(f"Vectors of {what.model} are not asked for in batches.")
    return what


def path_of(what: What) -> str:
    """The API that a request is for, as batches name it.

    Raises:
        TypeError: It is none for a batch (see `for_batch`).
    """
    what = for_batch(what)
    if isinstance(what, Chat):
        return "/v1/chat/completions"
    return "/v1/images/edits" if isinstance(what, ImageEdit) else "/v1/images/generations"


def sent(custom_id: str, what: What, files: list[str], bodies: list[bytes]) -> bytes:
    """The line of the input file.

    Args:
        custom_id: Its name in the batch.
        what: The request.
        files: The API's names of its pictures, for an edit; that of a mask comes last.
        bodies: Its encoded pictures, for a question; the chat API takes no files.

    Raises:
        TypeError: It is none for a batch (see `for_batch`).
    """
    what = for_batch(what)
    if isinstance(what, Chat):
        body = {**chat.parameters(what, bodies), **what.options}
    else:
        body = {**images.parameters(what), **_files(what, files)}
    line = {"custom_id": custom_id, "method": "POST", "url": path_of(what), "body": body}
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _files(what: ForImage, files: list[str]) -> dict[str, Any]:
    """The members of a body that name uploaded pictures."""
    if isinstance(what, ImageMake):
        return {}
    named = [{"file_id": name} for name in files]
    return {"images": named} if what.mask is None else {"images": named[:-1], "mask": named[-1]}


def bare(ask: Ask) -> Ask:
    """The same without the way to its pictures, which is closed by the time the answer comes."""
    what = ask.what
    if isinstance(what, ImageMake):
        return ask
    if isinstance(what, ImageEdit):
        mask = what.mask and replace(what.mask, load=_gone)
        picture = replace(what.picture, load=_gone)
        return replace(ask, what=replace(what, picture=picture, mask=mask))
    content = tuple(
        replace(part, load=_gone) if isinstance(part, Picture) else part for part in what.content
    )
    return replace(ask, what=replace(what, content=content))


def restored(members: Mapping[str, Any]) -> Line:
    """The line in the members of a record.

    Raises:
        StorageError: They are damaged.
    """
    intent = to_intent(members)
    try:
        what = _what(intent.model, members["what"])
        files = tuple(str(name) for name in members["files"])
        custom_id, question = str(members["custom_id"]), str(members["question"])
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(f"The record of a line of {intent.batch!r:.80} is damaged.") from error
    ask = Ask(intent.id, intent.step, intent.shard, question, intent.sample, what, intent.key)
    return Line(custom_id, ask, intent, files)


def _told(what: What) -> dict[str, Any]:
    what = for_batch(what)
    if isinstance(what, Chat):
        content = [part if isinstance(part, str) else list(part.size) for part in what.content]
        return {"content": content, "max_tokens": what.max_tokens, "options": what.options}
    told = {
        "prompt": what.prompt,
        "size": list(what.size),
        "quality": what.quality,
        "output_format": what.output_format,
    }
    if isinstance(what, ImageMake):
        return told
    masked = {} if what.mask is None else {"mask": list(what.mask.size)}
    return {**told, "shown": list(what.picture.size), **masked}


def _what(model: str, told: Mapping[str, Any]) -> What:
    if "content" in told:
        content = tuple(
            part if isinstance(part, str) else _picture(part) for part in told["content"]
        )
        return Chat(model, content, int(told["max_tokens"]), dict(told["options"]))
    prompt, size = str(told["prompt"]), _size(told["size"])
    quality, output_format = str(told["quality"]), str(told["output_format"])
    if "shown" not in told:
        return ImageMake(model, prompt, size, quality, output_format)
    mask = _picture(told["mask"]) if "mask" in told else None
    return ImageEdit(model, prompt, _picture(told["shown"]), size, quality, output_format, mask)


def _picture(size: Any) -> Picture:
    return Picture("", "image/png", 0, _size(size), _gone)


def _size(given: Any) -> tuple[int, int]:
    width, height = given
    return int(width), int(height)


def _gone() -> bytes:
    raise TypeError("The picture of a line that is on its way is not read again.")
