"""What models and prices look like."""

from typing import Literal

from functions.admin_models.previewing import PreviewPrice
from functions.admin_models.schema import PutModel
from infra.openapi.operation import Field, Operation
from infra.openapi.shapes import Anything, Money, Nano, Price, Shape, Time


class DeclaredModel(Shape):
    """What is declared of a model, by the file or by the owner."""

    id: str
    targets: list[str]
    weights: list[int]
    fallback: str | None
    source: str
    active: bool
    price_in: Money | None
    price_out: Money | None
    price: dict[str, Price]
    price_version: int | None
    max_output: int | None
    context: int | None
    limits: Anything
    overrides_file: bool


class PriceVersion(Shape):
    """One dated price list; `endpoint` is empty where it holds everywhere."""

    id: str
    model: str
    endpoint: str
    version: int
    price_in: Money | None
    price_out: Money | None
    price: dict[str, Price]
    source: str
    actor: str
    created_at: Time


class PricePreview(Shape):
    """What the price would have meant on the settled requests of the last days."""

    object: Literal["price_preview"]
    model: str
    endpoint: str | None
    days: int
    price: dict[str, Price]
    requests: int
    input_tokens: int
    output_tokens: int
    charged: Money
    charged_nano: Nano
    would_be: Money
    would_be_nano: Nano
    difference: Money
    difference_nano: Nano
    exact: bool


OPERATIONS = {
    "GET /admin/models": Operation(answer=DeclaredModel, listed=True),
    "POST /admin/models": Operation(answer=DeclaredModel, also=(201,), body=PutModel, errors=(404, 409)),
    "GET /admin/models/{id:path}": Operation(answer=DeclaredModel, errors=(404,)),
    "DELETE /admin/models/{id:path}": Operation(answer=DeclaredModel, errors=(404,)),
    "POST /admin/prices/preview": Operation(answer=PricePreview, body=PreviewPrice, errors=(404,)),
    "GET /admin/prices": Operation(
        answer=PriceVersion, listed=True, query={"model": Field("Of this model alone.")}, errors=(404,)
    ),
}
