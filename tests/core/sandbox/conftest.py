"""One sandbox server in its own process for all these tests, and clients that speak to it."""

import base64
import io
import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from openai import OpenAI
from openai.types import Batch
from PIL import Image, ImageFilter

from editcorpus.sandbox import Running, SandboxConfig, running

KEY = "sk-emulated-test"


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    config = SandboxConfig(seed=1, time_scale=1e-5, api_keys=(KEY,))
    with running(config) as found:
        yield found


@pytest.fixture(scope="session")
def _prepared() -> Iterator[Running]:
    with running(SandboxConfig(canned=True, latency_s=0)) as found:
        yield found


@pytest.fixture
def canned(_prepared) -> Iterator[Running]:
    """A server of its own with canned answers, whose settings and journal a test may change."""
    yield _prepared
    plain = {"faults": {}, "limits": {}, "strikes": [], "batches": {}, "time_scale": 1.0}
    _prepared.admin("config", {**plain, "quota_after_usd": None, "keys_revoked": False})
    _prepared.admin("reset", {})


@pytest.fixture(scope="session")
def connect() -> Callable[..., OpenAI]:
    def made(url: str, key: str = KEY, timeout: float = 30) -> OpenAI:
        return OpenAI(base_url=url, api_key=key, max_retries=0, timeout=timeout)

    return made


@pytest.fixture(scope="session")
def client(server, connect) -> Iterator[OpenAI]:
    with connect(server.url) as found:
        yield found


@pytest.fixture(scope="session")
def vllm(server, connect) -> Iterator[OpenAI]:
    with connect(server.vllm_url) as found:
        yield found


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """Something with structure at every scale, like a photograph; 1536x1024."""
    draws = np.random.default_rng(7)
    layers = [
        Image.fromarray(draws.integers(0, 256, (side * 2, side * 3, 3), dtype=np.uint8)).resize(
            (1536, 1024), Image.Resampling.BICUBIC
        )
        for side in (2, 8, 64)
    ]
    mixed = Image.blend(Image.blend(layers[0], layers[1], 0.35), layers[2], 0.2)
    return mixed.filter(ImageFilter.SMOOTH)


@pytest.fixture(scope="session")
def canvas(photo) -> Image.Image:
    """The photograph on white, 118 px of padding left and right."""
    padded = Image.new("RGB", (1536, 1024), "white")
    padded.paste(photo.crop((0, 0, 1300, 1024)), (118, 0))
    return padded


@pytest.fixture(scope="session")
def png() -> Callable[[Image.Image], bytes]:
    def encoded(picture: Image.Image) -> bytes:
        stream = io.BytesIO()
        picture.save(stream, "PNG", compress_level=1)
        return stream.getvalue()

    return encoded


@pytest.fixture(scope="session")
def source(canvas, png) -> bytes:
    return png(canvas)


@pytest.fixture(scope="session")
def small(png) -> bytes:
    """A little picture, for calls whose pixels do not matter."""
    return png(Image.linear_gradient("L").convert("RGB").resize((64, 64)))


@pytest.fixture(scope="session")
def edit(client, small):
    """An edit of the little picture; its answer with all headers."""

    def asked(prompt: str, **given):
        given = {"model": "gpt-image-2", "size": "1024x1024", "quality": "low"} | given
        image = given.pop("image", ("source.png", small, "image/png"))
        given = {name: value for name, value in given.items() if value is not None}
        return client.images.with_raw_response.edit(image=image, prompt=prompt, **given)

    return asked


@pytest.fixture(scope="session")
def decoded() -> Callable[[str], Image.Image]:
    def picture(b64: str) -> Image.Image:
        found = Image.open(io.BytesIO(base64.b64decode(b64)))
        found.load()
        return found

    return picture


@pytest.fixture(scope="session")
def data_url() -> Callable[[Image.Image], str]:
    def url(picture: Image.Image) -> str:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=90)
        return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()

    return url


@pytest.fixture(scope="session")
def jsonl() -> Callable[..., tuple[str, bytes]]:
    """An input file of a batch; each line is a request to one endpoint."""

    def named(bodies: dict[str, dict], url: str = "/v1/images/generations") -> tuple[str, bytes]:
        lines = [
            {"custom_id": name, "method": "POST", "url": url, "body": body}
            for name, body in bodies.items()
        ]
        return "lines.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode()

    return named


@pytest.fixture(scope="session")
def submit() -> Callable[..., Batch]:
    """A batch out of an input file."""

    def made(client: OpenAI, file: tuple[str, bytes], url="/v1/images/generations", **given):
        found = client.files.create(file=file, purpose="batch")
        return client.batches.create(
            input_file_id=found.id, endpoint=url, completion_window="24h", **given
        )

    return made


@pytest.fixture(scope="session")
def until() -> Callable[..., Batch]:
    """A batch as soon as it stands as it should."""

    def stands(client: OpenAI, batch: Batch, *wanted: str) -> Batch:
        ends = ("completed", "failed", "expired", "cancelled")
        while batch.status not in (wanted or ends):
            assert batch.status not in ends, batch
            batch = client.batches.retrieve(batch.id)
        return batch

    return stands


@pytest.fixture(scope="session")
def ended(submit, until) -> Callable[..., Batch]:
    """A batch out of an input file, after it has ended."""
    return lambda client, file, *url, **given: until(client, submit(client, file, *url, **given))


@pytest.fixture(scope="session")
def lines() -> Callable[[OpenAI, str], list[dict]]:
    """The lines of a file that a batch made."""

    def read(client: OpenAI, file_id: str) -> list[dict]:
        return [json.loads(line) for line in client.files.content(file_id).iter_lines() if line]

    return read


@pytest.fixture(scope="session")
def calls(server):
    """Journal entries of calls with some properties, oldest first."""

    def found(**wanted: str):
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        return server.admin(f"journal?{query}")["calls"]

    return found
