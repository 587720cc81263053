"""Waits as text."""

import pytest

from infra.limits.headers import show_wait


@pytest.mark.parametrize(
    ("wait_ns", "text"),
    [
        (0, "0ms"),
        (1, "1ms"),
        (12_000_000, "12ms"),
        (12_000_001, "13ms"),
        (999_999_999, "1s"),
        (1_000_000_001, "1.1s"),
        (59_910_000_000, "1m0s"),
        (360_000_000_000, "6m0s"),
        (3_600_000_000_001, "1h0m1s"),
    ],
)
def test_a_wait_is_rounded_up_never_down(wait_ns: int, text: str) -> None:
    assert show_wait(wait_ns) == text
