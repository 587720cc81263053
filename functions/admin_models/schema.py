"""What the owner says of a model, and how models and prices are shown."""

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from infra.catalogue.offer import Listed
from infra.catalogue.prices import price_list
from infra.config.faults import did_you_mean
from infra.config.sections.models import ID
from infra.config.shown import show_limits
from infra.errors import BadRequest
from infra.metering.price import PriceList
from infra.store.clock import SECOND_US
from infra.store.models import PriceVersion
from infra.units import Written, price, price_decimal, price_per_token, show_price

METERS = tuple(field.name for field in fields(PriceList))
MAX_OUTPUT_MAX = 100_000_000
_ID = re.compile(ID.shape["pattern"])


class Weighted(msgspec.Struct, forbid_unknown_fields=True):
    """A target with its share of the requests."""

    to: str
    weight: int = 1


class PutModel(msgspec.Struct, forbid_unknown_fields=True):
    """POST /admin/models."""

    id: str
    upstream: str | Weighted | list[str | Weighted] | None = None
    """backend/its own name, or that with a weight; a list is balanced and failed over."""
    litellm_name: str | None = None
    """The same by its other name."""
    price_in: Written = None
    """Per token."""
    price_out: Written = None
    price: dict[str, str | float | None] = msgspec.field(default_factory=dict)
    """Meter → "1.00/1M", or null for no price of its own."""
    max_output: int | UnsetType | None = UNSET
    fallback: str | UnsetType | None = UNSET
    """A model that serves while all backends of this one are gone; null for what gateway.yaml says."""


def checked(wanted: PutModel) -> PutModel:
    """The same, with a name and a limit that can be; raises BadRequest."""
    if not _ID.fullmatch(wanted.id) or len(wanted.id) > 200:
        raise BadRequest(f"{wanted.id[:80]!r} is not {ID.what}, at most 200 of them.", param="id")
    if isinstance(wanted.max_output, int) and not 1 <= wanted.max_output <= MAX_OUTPUT_MAX:
        raise BadRequest(f"max_output must be from 1 to {MAX_OUTPUT_MAX:,} tokens, or null.", param="max_output")
    return wanted


def prices(wanted: PutModel, before: PriceList) -> PriceList | None:
    """The whole price list, `before` with what was said of it; None where nothing was. Raises BadRequest."""
    said: dict[str, int | None] = {}
    for meter, value in wanted.price.items():
        if meter not in METERS:
            raise BadRequest(f"{meter[:40]!r} is not a meter{did_you_mean(meter, METERS)}.", param="price")
        said[meter] = None if value is None else _read(price, value, f"price.{meter}")
    for name, meter, each in (("price_in", "input", wanted.price_in), ("price_out", "output", wanted.price_out)):
        if each is None:
            continue
        if meter in said:
            raise BadRequest(f"{name} and price.{meter} are the same: send one of them.", param=name)
        said[meter] = _read(price_per_token, each, name)
    if not said:
        return None
    whole = {**before.to_json(), **said}
    found = PriceList.of({meter: nano for meter, nano in whole.items() if nano is not None})
    if not found.to_json():
        raise BadRequest("No price would be left: free is an explicit 0.", param="price")
    return found


def _read(reader: Callable[[object], int], value: object, param: str) -> int:
    try:
        return reader(value[:60] if isinstance(value, str) else value)
    except ValueError as error:
        raise BadRequest(f"{param}: {error}.", param=param) from None


def view(listed: Listed, *, active: bool = True) -> dict[str, Any]:
    """A model as the admin API shows one."""
    return {
        "id": listed.id,
        "targets": [str(target) for target in listed.targets],
        "weights": [target.weight for target in listed.targets],
        "source": listed.source,
        "active": active,
        **_priced(listed.price),
        "price_version": listed.price_version,
        "max_output": listed.max_output,
        "context": listed.context,
        "fallback": listed.fallback,
        "limits": show_limits(listed.limits),
        "overrides_file": listed.overrides_file,
    }


def price_view(version: PriceVersion) -> dict[str, Any]:
    """A dated price; `endpoint` is empty where it holds everywhere."""
    return {
        "id": version.id,
        "model": version.model,
        "endpoint": version.endpoint,
        "version": version.version,
        **_priced(price_list(version)),
        "source": version.source,
        "actor": version.actor,
        "created_at": version.created_us // SECOND_US,
    }


def _priced(found: PriceList) -> dict[str, Any]:
    return {
        "price_in": None if found.input is None else price_decimal(found.input),
        "price_out": None if found.output is None else price_decimal(found.output),
        "price": {meter: show_price(nano) for meter, nano in found.to_json().items()},
    }


def as_list(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A list that is whole."""
    return {"object": "list", "data": list(rows), "next": None}
