"""The doors between the rooms, one way only.

functions → infra's verbs, never each other; infra knows none of the others (it loads functions by the dotted name in
gateway.yaml); the control room and the command reach the gateway through its admin API alone.
"""

from pathlib import Path

import pytest

from tests.house.tree import ROOMS, ROOT, imports, name, sources, within

CLIENT = ("infra.client", "infra.units", "infra.errors", "infra.config")
DOORS = {
    "ui": ("ui", *CLIENT),
    # The command also boots the gateway: to serve it, or to call its admin functions in its own process.
    "admin_cli": ("admin_cli", *CLIENT, "infra.runtime"),
    "infra": ("infra",),
}
EXCEPTIONS = {
    ("admin_cli/room.py", "ui.app"): "`aethergate ui` is the control room's process",
    ("admin_cli/commands/database.py", "infra.store.backup"): "`backup` reads beside the gateway, not through it",
    ("admin_cli/commands/database.py", "infra.store.restore"): "`restore` works while no gateway serves",
    ("admin_cli/commands/database.py", "infra.demo.fill"): "`demo-data` fills a database that nobody serves",
    ("admin_cli/commands/setup.py", "infra.store.database"): "`init` migrates before there is a gateway",
    ("admin_cli/running.py", "infra.telemetry.lines"): "the process that serves says where its log goes",
    ("admin_cli/welcome.py", "infra.backends"): "`up` asks, before it starts one, whether another backend answers",
}
"""(file, what it imports) → why."""


ENVIRONMENT = {
    "infra/runtime/gateway.py": "gateway.yaml and .env are read anew at a reload",
    "infra/ledger/failpoint.py": "where a test lets the process die",
}
"""Files below the command that read the environment → why."""


def doors(path: Path) -> tuple[str, ...]:
    """What a file may import of ours."""
    room, *inner = name(path).split("/")
    if room == "functions":
        return ("infra", f"functions.{inner[0].removesuffix('.py')}")
    return DOORS[room] + tuple(dotted for (file, dotted) in EXCEPTIONS if file == name(path))


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_reaches_through_a_wall(room: str) -> None:
    wrong = [
        f"{name(path)} imports {dotted}"
        for path in sources(room)
        for dotted in imports(path)
        if within(dotted, (*ROOMS, "tests")) and not within(dotted, doors(path))
    ]
    assert wrong == []


def test_a_function_sees_its_call_and_never_quarts_request_or_another_globals() -> None:
    used = {
        (name(path), dotted) for path in sources("functions") for dotted in imports(path) if within(dotted, ("quart",))
    }
    assert {dotted for _, dotted in used} == {"quart.Response"}, used


@pytest.mark.parametrize("verb", ["hold", "settle", "void", "progress"])
def test_a_function_never_moves_a_requests_money_itself(verb: str) -> None:
    # The Call settles on every way out; a function that did would be one more exit to forget.
    assert [name(path) for path in sources("functions") if f"ledger.{verb}(" in path.read_text()] == []


def test_the_environment_is_read_at_the_edge_alone() -> None:
    readers = {name(path) for path in sources("functions", "infra") if "os.environ" in path.read_text()}
    assert readers == set(ENVIRONMENT)


def test_every_exception_is_still_needed() -> None:
    used = {(file, dotted) for file, dotted in EXCEPTIONS if any(within(i, (dotted,)) for i in imports(ROOT / file))}
    assert used == set(EXCEPTIONS)


def test_the_walls_are_really_looked_at() -> None:
    assert "infra.runtime.call.Call" in set(imports(next(p for p in sources("functions") if p.name == "handler.py")))
    assert len(sources(*ROOMS)) > 100
