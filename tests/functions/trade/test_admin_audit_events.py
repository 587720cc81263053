"""The audit log's filters."""

import pytest

from infra.store.clock import SECOND_US
from infra.store.models import AuditEvent
from tests.functions.trade.owner import Owner

PATH = "/admin/audit-events"
EVENTS = (
    ("user.create", "admin", "Bob"),
    ("user.change", "admin session", "bob"),
    ("key.mint", "admin", "sk-a_b"),
    ("key.mint", "admin", "sk-axb"),
    ("users.odd", "admin", "100%"),
)


@pytest.fixture(autouse=True)
async def events(owner: Owner) -> None:
    for number, (action, actor, target) in enumerate(EVENTS):
        await AuditEvent.create(
            id=f"audit_{number}", at_us=(1_000 + number) * SECOND_US, actor=actor, address="::1", action=action,
            target=target,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [4, 3, 2, 1, 0]),
        ("action=user", [1, 0]),
        ("action=user.create", [0]),
        ("action=us", []),
        ("actor=admin", [4, 3, 2, 0]),
        ("actor=admin%20session", [1]),
        ("target=BOB", [1, 0]),
        ("target=a_b", [2]),
        ("target=0%25", [4]),
        ("target=%25%25", []),
        ("from=1001&to=1003", [2, 1]),
        ("action=key&target=axb&actor=admin", [3]),
        ("action=key&limit=1", [3]),
    ],
)
async def test_events_are_found_by_what_who_whom_and_when(owner: Owner, query: str, found: list[int]) -> None:
    rows = (await owner.done("GET", f"{PATH}?{query}"))["data"]
    assert [int(row["id"].removeprefix("audit_")) for row in rows] == found


async def test_pages_keep_their_filters(owner: Owner) -> None:
    first = await owner.done("GET", f"{PATH}?action=key&limit=1")
    second = await owner.done("GET", f"{PATH}?action=key&limit=1&cursor={first['next']}")
    assert ([row["id"] for row in second["data"]], second["next"]) == (["audit_2"], None)


@pytest.mark.parametrize("query", ["from=never", "to=2026-13-01", "action=%00", "actor=" + "a" * 300, "limit=0", "q=x"])
async def test_what_is_not_understood_is_refused(owner: Owner, query: str) -> None:
    await owner.refused("GET", f"{PATH}?{query}")
