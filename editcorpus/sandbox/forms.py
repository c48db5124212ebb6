"""Bodies of requests: multipart forms, parsed whole since the pictures are needed whole."""

from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from editcorpus.sandbox.refusals import ApiError, invalid


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form; `filename` is empty for a plain field, `media_type` where none is said."""

    name: str
    filename: str
    media_type: str
    data: bytes


def _damaged() -> ApiError:
    return invalid("We could not parse the multipart form data of your request.")


def multipart(body: bytes, content_type: str) -> list[Part]:
    """The parts of a `multipart/form-data` body, in order.

    Raises:
        ApiError: There is no boundary, or a part is damaged.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise _damaged()
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    sections = (b"\r\n" + body).split(delimiter)
    if len(sections) < 2 or sections[0].strip() or not sections[-1].startswith(b"--"):
        raise _damaged()
    return [_part(section) for section in sections[1:-1]]


def _part(section: bytes) -> Part:
    head, gap, data = section.partition(b"\r\n\r\n")
    if not gap:
        raise _damaged()
    headers = BytesHeaderParser().parsebytes(head.lstrip(b"\r\n"))
    name = headers.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise _damaged()
    media_type = headers.get_content_type() if "content-type" in headers else ""
    return Part(name, headers.get_filename() or "", media_type, data)
