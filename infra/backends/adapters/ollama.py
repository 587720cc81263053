"""Ollama."""

from infra.backends.adapters.openai import OpenAIAdapter


class OllamaAdapter(OpenAIAdapter):
    """Ollama's OpenAI-compatible routes."""
