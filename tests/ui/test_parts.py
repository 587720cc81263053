"""The parts that are pure: differences of the audit log, the programs of the playground, an endpoint's limits."""

import ast
import json
import shlex
from decimal import Decimal

from ui import show
from ui.pages.config import plain
from ui.parts.diff import differences, in_a_line
from ui.parts.snippet import as_curl, as_python

BODY = {"model": "a'b", "messages": [{"role": "user", "content": 'it\'s $HOME `x` "q"\n\\n'}], "temperature": 0.5}


def test_only_what_differs_is_shown_and_amounts_once() -> None:
    before = {
        "balance": Decimal("1.00"),
        "balance_nano": 10**9,
        "limits": {"requests": "1/m"},
        "models": None,
        "on": True,
    }
    after = {"balance": Decimal("2.50"), "balance_nano": 25 * 10**8, "limits": {}, "models": ["a", "b"], "on": True}
    assert differences(before, after) == [
        ("balance", "1.00", "2.50"), ("models", "–", "a, b"), ("limits.requests", "1/m", "–")
    ]  # fmt: skip
    assert in_a_line(before, after) == "balance: 1.00 → 2.50, models: a, b, and 1 more"


def test_a_price_is_told_for_a_million_tokens_and_not_again_for_one() -> None:
    before = {"price_in": "3.5E-7", "price_out": "8E-7", "price": {"input": "0.35/1M", "output": "0.80/1M"}}
    after = {"price_in": "3.5E-7", "price_out": "0.0000012", "price": {"input": "0.35/1M", "output": "1.20/1M"}}
    assert in_a_line(before, after) == "price.output: 0.80/1M → 1.20/1M"
    assert in_a_line({"price_in": "1"}, {"price_in": "2"}) == "price_in: 1 → 2"


def test_what_came_and_what_went_are_told_as_such() -> None:
    assert in_a_line(None, {"name": "x", "id": "1"}) == "name: x"
    assert in_a_line({"name": "x"}, None) == "name: x gone"
    assert in_a_line(None, None) == ""
    price = {"kind": "price", "subject": "tiny", "text": "output 1 → 2", "users": 3}
    gone = {"kind": "endpoint", "subject": "old", "text": "removed"}
    assert in_a_line(None, [price, gone]) == "price tiny: output 1 → 2, endpoint old: removed, and 1 more"
    assert differences(None, [price])[1] == ("price tiny.users", "–", "3")
    assert differences(None, [{"kind": "price", "text": "+1 %"}]) == [("1.kind", "–", "price"), ("1.text", "–", "+1 %")]


def test_a_shell_reads_the_curl_as_it_was_meant() -> None:
    words = shlex.split(as_curl("http://h", BODY).replace("\\\n", ""))
    assert words[:3] == ["curl", "-N", "http://h/v1/chat/completions"]
    assert json.loads(words[-1]) == {**BODY, "stream": True}


def test_python_reads_the_program_as_it_was_meant() -> None:
    calls = [node for node in ast.walk(ast.parse(as_python("http://h", BODY))) if isinstance(node, ast.Call)]
    [create] = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "create"]
    assert {word.arg: ast.literal_eval(word.value) for word in create.keywords} == {**BODY, "stream": True}


def test_limits_of_an_endpoint_are_words_with_thousands() -> None:
    limits = {"requests": "60/m", "tokens": "200000/m", "body": "8000000B", "total": {"concurrent": 8}}
    assert show.declared_limits(limits) == "60/m requests, 200K/m tokens, body 8 MB, all callers together: 8 at once"
    assert show.declared_limits({}) == "none"


def test_a_manifest_is_written_without_what_is_nothing() -> None:
    assert plain({"a": None, "b": [], "c": {"d": Decimal("0.30")}, "e": False}) == {"c": {"d": 0.3}, "e": False}
