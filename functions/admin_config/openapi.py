"""What gateway.yaml looks like from outside."""

from functions.admin_config.schema import Nothing
from infra.openapi.operation import Operation
from infra.openapi.shapes import Anything, Shape


class Config(Shape):
    """The file as it is in force; never a secret."""

    path: str
    gateway: Anything
    backends: dict[str, Anything]
    models: dict[str, Anything]
    endpoints: list[Anything]
    notes: list[str]
    overrides: list[Anything]


class ConfigFault(Shape):
    """One fault of the file on the disk; those of .env have line 0."""

    file: str
    line: int
    where: str
    message: str


class Checked(Shape):
    """What a look at the file found."""

    ok: bool
    faults: list[ConfigFault]
    notes: list[str]
    overrides: list[Anything]


class Changes(Shape):
    """What the file would change, or has changed: kind, subject, text; of models and prices keys and users, too."""

    changes: list[Anything]
    overrides: list[Anything]


OPERATIONS = {
    "GET /admin/config": Operation(answer=Config),
    "POST /admin/config/check": Operation(answer=Checked, body=Nothing),
    "POST /admin/config/plan": Operation(answer=Changes, body=Nothing),
    "POST /admin/config/apply": Operation(answer=Changes, body=Nothing),
}
