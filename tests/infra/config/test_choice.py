"""A word out of a few: a wrong one is told what there is, once."""

import pytest

from infra.config.faults import Place, Reading
from infra.config.leaves import choice
from infra.config.nodes import Scalar


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("nobody", '"nobody" is not one of key, admin, open'),
        ("admn", '"admn" is not one of key, admin, open; did you mean "admin"?'),
    ],
)
def test_a_wrong_word_is_told_what_there_is_once(word: str, message: str) -> None:
    access = choice("key", "admin", "open")
    with pytest.raises(ValueError) as wrong:
        access.convert(Scalar(1, word, plain=True), Place(Reading("gateway.yaml", {})))
    assert str(wrong.value) == message
