"""The two services that one server plays, and the models that each of them has."""

from enum import StrEnum


class Persona(StrEnum):
    """Whose manners a route has: OpenAI's own service, or a vLLM server."""

    OPENAI = "openai"
    VLLM = "vllm"


#: The models of the pooling servers of the vLLM persona.
POOLING_MODELS = (
    "Qwen/Qwen3-VL-Embedding-2B",
    "openai/clip-vit-large-patch14",
    "facebook/dinov2-with-registers-large",
)
