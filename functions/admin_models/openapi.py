"""What models and prices look like."""

from functions.admin_models.schema import PutModel
from infra.openapi.operation import Field, Operation
from infra.openapi.shapes import Money, Price, Shape, Time


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


OPERATIONS = {
    "GET /admin/models": Operation(answer=DeclaredModel, listed=True),
    "POST /admin/models": Operation(answer=DeclaredModel, also=(201,), body=PutModel, errors=(404, 409)),
    "GET /admin/models/{id:path}": Operation(answer=DeclaredModel, errors=(404,)),
    "DELETE /admin/models/{id:path}": Operation(answer=DeclaredModel, errors=(404,)),
    "GET /admin/prices": Operation(
        answer=PriceVersion, listed=True, query={"model": Field("Of this model alone.")}, errors=(404,)
    ),
}
