"""One adapter for each kind of server; `make` picks it by the backend's `adapter:`."""

from collections.abc import Mapping

from infra.backends.adapters.base import Adapter
from infra.backends.adapters.embedded import EmbeddedAdapter
from infra.backends.adapters.llamacpp import LlamaCppAdapter
from infra.backends.adapters.ollama import OllamaAdapter
from infra.backends.adapters.openai import OpenAIAdapter
from infra.backends.adapters.vllm import VllmAdapter
from infra.config.objects import AdapterName, Backend

KINDS: Mapping[AdapterName, type[Adapter]] = {
    "openai": OpenAIAdapter,
    "llamacpp": LlamaCppAdapter,
    "vllm": VllmAdapter,
    "ollama": OllamaAdapter,
    "embedded": EmbeddedAdapter,
}


def make(backend: Backend) -> Adapter:
    """The adapter of one backend, without a connection yet."""
    return KINDS[backend.adapter](backend)
