from collections import Counter
from typing import Any

from infra.backends.choice import Option, choose, prefix_of
from infra.metering.ask import Ask


def option(name: str, busy: int = 0, slots: int = 4, weight: int = 1, turn: float = 0, trial: bool = False) -> Option:
    return Option(name, busy, slots, weight, turn, trial)


def test_the_least_busy_for_its_slots_and_weight_is_chosen() -> None:
    assert choose([option("a", 2), option("b", 1)], None).name == "b"
    assert choose([option("a", 2, slots=8), option("b", 2, slots=4)], None).name == "a"
    assert choose([option("a", 2, weight=3), option("b", 1)], None).name == "a"


def test_among_equals_turns_decide() -> None:
    assert choose([option("a", turn=1), option("b", turn=0.5)], None).name == "b"


def test_one_that_was_ejected_is_tried_first() -> None:
    assert choose([option("a"), option("b", 3, trial=True)], b"1" * 16).name == "b"


def test_a_conversation_stays_with_its_backend_until_that_is_much_busier() -> None:
    for number in range(50):
        prefix = number.to_bytes(16)
        own = choose([option("a"), option("b"), option("c")], prefix).name
        busier = [option(name, 2 if name == own else 0) for name in "abc"]
        assert choose(busier, prefix).name == own
        much_busier = [option(name, 3 if name == own else 0) for name in "abc"]
        assert choose(much_busier, prefix).name != own


def test_conversations_spread_by_weight_and_few_move_when_a_backend_is_gone() -> None:
    prefixes = [number.to_bytes(16) for number in range(4_000)]
    all_three = {prefix: choose([option("a", weight=2), option("b"), option("c")], prefix).name for prefix in prefixes}
    shares = Counter(all_three.values())
    assert 1_850 < shares["a"] < 2_150
    assert 900 < shares["b"] < 1_100
    for prefix, name in all_three.items():
        if name != "c":
            assert choose([option("a", weight=2), option("b")], prefix).name == name


def chat(*messages: tuple[str, str], **more: Any) -> Ask:
    body = {"messages": [{"role": role, "content": content} for role, content in messages], **more}
    return Ask("chat", "m", body)


def test_a_conversation_keeps_its_prefix_as_it_grows() -> None:
    first = chat(("system", "be brief"), ("user", "hello"))
    later = chat(("system", "be brief"), ("user", "hello"), ("assistant", "hi"), ("user", "and now?"))
    assert prefix_of(first) == prefix_of(later)
    others = [
        chat(("system", "be long"), ("user", "hello")),
        chat(("system", "be brief"), ("user", "hey")),
        chat(("system", "be brief"), ("user", "hello"), tools=[{"type": "function"}]),
    ]
    assert len({prefix_of(ask) for ask in (first, *others)}) == 4
    assert prefix_of(Ask("completion", "m", {"prompt": "x" * 1024})) == prefix_of(
        Ask("completion", "m", {"prompt": "x" * 2000})
    )
    assert prefix_of(Ask("embedding", "m", {"input": "x"})) is None


def test_a_prefix_is_a_digest_and_holds_no_text() -> None:
    found = prefix_of(chat(("user", "secret")))
    assert found is not None
    assert len(found) == 16
    assert b"secret" not in found
