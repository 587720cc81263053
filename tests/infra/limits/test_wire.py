"""Limits of keys and users as JSON."""

import json

import pytest

from infra.config.objects import Limits
from infra.limits import limits_from_json, limits_to_json
from infra.units import Rate


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        (None, Limits()),
        ({}, Limits()),
        ({"requests": None, "concurrent": None}, Limits()),
        ({"requests": "60/m"}, Limits(requests=Rate(60, 60))),
        (
            {"requests": "1000/h", "tokens": "200K/m", "concurrent": 8},
            Limits(requests=Rate(1_000, 3_600), tokens=Rate(200_000, 60), concurrent=8),
        ),
    ],
)
def test_what_is_read_is_written_so_that_it_reads_the_same(given: object, limits: Limits) -> None:
    assert limits_from_json(given) == limits
    assert limits_from_json(json.loads(json.dumps(limits_to_json(limits)))) == limits


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "limits are written as"),
        ("60/m", "limits are written as"),
        ({"request": "60/m"}, "'request' is not a limit; did you mean requests?"),
        ({"body": "8MB"}, "there are requests, tokens, concurrent"),
        ({"requests": 60}, 'requests: 60 is not a rate: write it as "60/m"'),
        ({"requests": "60"}, "requests: '60' is not a rate"),
        ({"tokens": "0/m"}, "tokens: '0/m' would let nothing pass"),
        ({"tokens": "-1/m"}, "tokens: '-1/m' is not a rate"),
        ({"concurrent": 0}, "concurrent: a whole number from 1"),
        ({"concurrent": True}, "concurrent: a whole number"),
        ({"concurrent": "8"}, "concurrent: a whole number"),
        ({"concurrent": 1.5}, "concurrent: a whole number"),
        ({"concurrent": 10**5000}, "concurrent: a whole number"),
        ({"requests": 10**5000}, "requests:"),
        ({"requests": "9" * 10_000 + "/m"}, "is not a rate"),
    ],
)
def test_bad_limits_are_refused_with_one_sentence_that_says_what_was_found(given: object, sentence: str) -> None:
    with pytest.raises(ValueError) as found:
        limits_from_json(given)
    assert sentence in str(found.value)
    assert "\n" not in str(found.value) and len(str(found.value)) < 300
