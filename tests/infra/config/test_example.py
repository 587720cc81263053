"""The gateway.yaml that is shipped: the default that a newcomer runs and learns from."""

from pathlib import Path

from infra.config import load, notes, placeholders, read_env, secrets
from infra.config.objects import Manifest
from infra.metering.price import PriceList
from tests.infra.config.files import EXAMPLE

ROUTES = """
chat_completions   key   POST /v1/chat/completions
completions        key   POST /v1/completions
embeddings         key   POST /v1/embeddings
models             key   GET /v1/models, GET /v1/models/{id:path}
account            key   GET /v1/account, GET /v1/account/usage, GET /v1/account/requests, GET /v1/account/requests/{id}
health             open  GET /health, GET /health/live, GET /health/ready
metrics            admin GET /metrics
admin_session      admin POST /admin/session, DELETE /admin/session
admin_overview     admin GET /admin/overview
admin_figures      admin GET /admin/series, GET /admin/margins, POST /admin/figures/rebuild
admin_live         admin GET /admin/live, POST /admin/live/{id}/stop
admin_events       admin GET /admin/events
admin_users        admin GET /admin/users, POST /admin/users, GET /admin/users/{id}, PATCH /admin/users/{id}
admin_statements   admin GET /admin/users/{id}/usage, GET /admin/users/{id}/statement
admin_keys         admin GET /admin/keys, POST /admin/keys, GET /admin/keys/{id}, PATCH /admin/keys/{id}, DELETE /admin/keys/{id}, POST /admin/keys/{id}/rotate
admin_models       admin GET /admin/models, POST /admin/models, GET /admin/models/{id:path}, DELETE /admin/models/{id:path}, GET /admin/prices, POST /admin/prices/preview
admin_requests     admin GET /admin/requests, GET /admin/requests/export, GET /admin/requests/{id}
admin_backends     admin GET /admin/backends, POST /admin/backends/probe, PATCH /admin/backends/{name}, GET /admin/backends/{name}/events
admin_ledger       admin GET /admin/ledger, POST /admin/ledger/topups, POST /admin/ledger/adjustments, POST /admin/ledger/refunds, GET /admin/ledger/audit
admin_config       admin GET /admin/config, POST /admin/config/check, POST /admin/config/plan, POST /admin/config/apply
admin_endpoints    admin GET /admin/endpoints, POST /admin/endpoints/{name}/reload
admin_openapi      admin GET /admin/openapi.json
admin_audit_events admin GET /admin/audit-events
"""  # noqa: E501


def example(**environ: str) -> Manifest:
    return load(EXAMPLE, environ)


def test_every_function_has_its_routes_and_its_access() -> None:
    wanted = [tuple(line.split(maxsplit=2)) for line in ROUTES.strip().splitlines()]
    found = [
        (each.name, each.access, ", ".join(f"{route.method} {route.path}" for route in each.routes))
        for each in example().endpoints
    ]
    assert found == wanted


def test_the_backends_are_ollama_where_the_environment_says_and_the_embedded_one() -> None:
    found = example(OLLAMA_API_BASE="http://ollama:11434/").backends
    assert [(each.name, each.adapter, each.url, each.slots) for each in found.values()] == [
        ("ollama", "ollama", "http://ollama:11434", 4),
        ("embedded", "embedded", "", 4),
    ]
    assert example().backends["ollama"].url == "http://127.0.0.1:11434"
    assert found["embedded"].start == "if_no_other"


def test_the_model_of_the_contract_costs_what_the_contract_says() -> None:
    assert example().models["qwen2.5:3b"].price == PriceList(input=1_000_000_000, output=2_000_000_000)


def test_the_embedding_model_is_offered_for_embeddings_alone() -> None:
    assert notes(example()) == [
        "chat_completions does not offer nomic-embed-text: it has no price for output",
        "completions does not offer nomic-embed-text: it has no price for output",
    ]


def test_the_first_line_tells_editors_where_the_schema_is() -> None:
    first = EXAMPLE.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (EXAMPLE.parent / first.partition("$schema=")[2]).is_file()


def test_the_example_env_is_read_and_its_secrets_are_known_as_placeholders(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text((EXAMPLE.parent / ".env.example").read_text())
    found = read_env(tmp_path, {})
    assert found == {
        "SECRET_KEY": "change-me",
        "MASTER_API_KEY": "sk-master-key",
        "DATABASE_URL": "sqlite+aiosqlite:///./aethergate.db",
        "OLLAMA_API_BASE": "http://127.0.0.1:11434",
    }
    assert placeholders(secrets(found)) == ("SECRET_KEY", "MASTER_API_KEY")
    assert example(**found).gateway.database == "sqlite+aiosqlite:///./aethergate.db"
