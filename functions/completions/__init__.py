"""POST /v1/completions: OpenAI's legacy text completion, plain or streamed, for one prompt or several."""
