"""Log probabilities in the legacy completions' shape."""

from typing import Any


def legacy(found: Any, start: int = 0) -> dict[str, Any] | None:
    """OpenAI's legacy shape from the chat shape, which llama.cpp uses for completions too; anything else as it is.

    {"content": [{token, logprob, top_logprobs}]} becomes {tokens, token_logprobs, top_logprobs, text_offset},
    offsets counted from `start`, where this piece of the text begins.
    """
    if not isinstance(found, dict) or not isinstance(found.get("content"), list):
        return found if isinstance(found, dict) else None
    rows = [row for row in found["content"] if isinstance(row, dict)]
    offsets, at = [], start
    for row in rows:
        offsets.append(at)
        at += len(str(row.get("token", "")))
    return {
        "tokens": [row.get("token") for row in rows],
        "token_logprobs": [row.get("logprob") for row in rows],
        "top_logprobs": [
            {top.get("token"): top.get("logprob") for top in row.get("top_logprobs") or () if isinstance(top, dict)}
            for row in rows
        ],
        "text_offset": offsets,
    }
