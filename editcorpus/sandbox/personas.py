"""The two services that one server plays, and the models that each of them has."""

from enum import StrEnum


class Persona(StrEnum):
    """Whose manners a route has: OpenAI's own service, or a vLLM server."""

    OPENAI = "openai"
    VLLM = "vllm"
