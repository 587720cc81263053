"""The headers of the way back: each of them once."""

from pathlib import Path

import pytest

from infra.config.objects import Limits
from infra.units import rate
from tests.standins.openai_backend import StandIn
from tests.standins.running import MANIFEST, running

CHAT = {"model": "stand-in", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}


@pytest.mark.parametrize("limits", [Limits(tokens=rate("40/m")), Limits(requests=rate("1/m"))])
async def test_a_refusal_by_a_limit_says_each_header_once(tmp_path: Path, limits: Limits) -> None:
    async with StandIn() as backend, running(tmp_path, MANIFEST, None, backend=backend.url) as gate:
        key = await gate.key(limits=limits)
        answers = [await gate.post("/v1/chat/completions", key, CHAT) for _ in range(12)]
        refused = answers[-1]
        assert refused.status_code == 429
        names = [name.lower() for name, _ in refused.headers.raw]
        assert sorted(names) == sorted(set(names))
        shown = [value for name, value in refused.headers.items() if name.startswith("x-ratelimit-remaining-")]
        assert [value.isdecimal() for value in shown] == [True]
