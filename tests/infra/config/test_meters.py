"""The loader may not import functions, so it has a table of what they need: here the two are held together."""

from importlib import import_module

import pytest

from infra.config.meters import METERS


@pytest.mark.parametrize("function", METERS)
def test_the_loader_knows_the_meters_that_the_function_bills(function: str) -> None:
    assert import_module(f"{function}.schema").READING.meters == METERS[function]
