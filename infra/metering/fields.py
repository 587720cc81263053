"""Reads the fields of a request with the strictness of OpenAI: a wrong type is a 400 that names the field."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from infra.errors import BadRequest

PROMPT_ALLOWANCE_TOKENS = 256
"""What a chat template may add to the text that was sent: role marks, a default system prompt."""
IMAGE_TOKENS_MAX = 4096
"""The most that one image, sound or file part is taken to cost as a prompt."""

_NAMES: dict[type, str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def wrong_type(name: str, wanted: str, found: Any) -> BadRequest:
    """The 400 for a field of the wrong type, in OpenAI's words."""
    got = _NAMES.get(type(found), "something else")
    return BadRequest(f"Invalid type for '{name}': expected {wanted}, but got {got} instead.", param=name)


def text(body: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    """A string that is not empty; raises BadRequest."""
    value = body.get(name)
    if value is None and default is not None:
        return default
    if value is None:
        raise BadRequest(f"Missing required parameter: '{name}'.", param=name)
    if not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    if not value:
        raise BadRequest(f"Invalid '{name}': empty string.", param=name)
    return value


def flag(body: Mapping[str, Any], name: str) -> bool:
    """A boolean, false where it is missing or null; raises BadRequest."""
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise wrong_type(name, "a boolean", value)
    return value


def whole(body: Mapping[str, Any], name: str, *, least: int, most: int) -> int | None:
    """An integer within its limits, None where it is missing or null; raises BadRequest."""
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not int:
        raise wrong_type(name, "an integer", value)
    if value < least:
        raise BadRequest(f"Invalid '{name}': integer below minimum value. Expected a value >= {least}.", param=name)
    if value > most:
        raise BadRequest(f"Invalid '{name}': integer above maximum value. Expected a value <= {most}.", param=name)
    return value


def number(body: Mapping[str, Any], name: str, *, least: float, most: float) -> None:
    """Checks that a number is one, and within its limits; raises BadRequest."""
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong_type(name, "a decimal", value)
    if not least <= value <= most:
        raise BadRequest(f"Invalid '{name}': expected a value between {least:g} and {most:g}.", param=name)


def array(body: Mapping[str, Any], name: str) -> list[Any]:
    """An array that is not empty; raises BadRequest."""
    value = body.get(name)
    if value is None:
        raise BadRequest(f"Missing required parameter: '{name}'.", param=name)
    if not isinstance(value, list):
        raise wrong_type(name, "an array", value)
    if not value:
        raise BadRequest(f"Invalid '{name}': empty array. Expected an array with minimum length 1.", param=name)
    return value


def mapping(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An object, empty where it is missing or null; raises BadRequest."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong_type(name, "an object", value)
    return value


def one_of(value: Any, name: str, allowed: Collection[str]) -> str:
    """A word of a fixed set; raises BadRequest."""
    if not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    if value not in allowed:
        known = ", ".join(f"'{word}'" for word in sorted(allowed))
        raise BadRequest(f"Invalid value: '{value[:40]}'. Supported values are: {known}.", param=name)
    return value


def sampling(body: Mapping[str, Any]) -> None:
    """Checks the sampling fields that every text endpoint shares; raises BadRequest."""
    number(body, "temperature", least=0, most=2)
    number(body, "top_p", least=0, most=1)
    number(body, "presence_penalty", least=-2, most=2)
    number(body, "frequency_penalty", least=-2, most=2)
    whole(body, "seed", least=-(2**63), most=2**64 - 1)
    stop = body.get("stop")
    if isinstance(stop, list):
        for position, word in enumerate(stop):
            if not isinstance(word, str):
                raise wrong_type(f"stop[{position}]", "a string", word)
    elif stop is not None and not isinstance(stop, str):
        raise wrong_type("stop", "a string or an array of strings", stop)


def usage_wanted(body: Mapping[str, Any], stream: bool) -> bool:
    """Whether a stream shall end with a usage chunk; raises BadRequest for options without a stream."""
    options = mapping(body, "stream_options")
    if options and not stream:
        raise BadRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    value = options.get("include_usage")
    if value is not None and not isinstance(value, bool):
        raise wrong_type("stream_options.include_usage", "a boolean", value)
    return bool(value)


def tier(body: dict[str, Any]) -> str | None:
    """The `service_tier`, which is the gateway's and goes to no backend; raises BadRequest."""
    value = body.pop("service_tier", None)
    if value is not None and not isinstance(value, str):
        raise wrong_type("service_tier", "a string", value)
    return value


def size(value: Any) -> int:
    """Bytes of a value as JSON: never fewer than the bytes of the text in it, and a token is at least a byte."""
    return len(msgspec.json.encode(value))
