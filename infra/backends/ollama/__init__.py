"""Ollama's own API in OpenAI's words (docs/api.md of ollama/ollama).

Its `/v1` ignores `num_ctx` and `think`, cuts prompts silently and tells a stream's usage only where asked; `/api` not.
"""
