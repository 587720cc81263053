"""POST /v1/chat/completions: OpenAI's chat, plain or streamed, charged by the tokens that the backend reports."""
