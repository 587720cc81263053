"""`check` needs no server, no database and no secrets; it says every fault with its line."""

import json

from tests.admin_cli.conftest import REPOSITORY, Shell

SHIPPED = (REPOSITORY / "gateway.yaml").read_text()


def test_the_file_that_we_ship_has_no_faults_and_shows_its_guards(bare: Shell) -> None:
    (bare.folder / "gateway.yaml").write_text(SHIPPED)
    said = bare.done("check")
    assert "no faults" in said
    (chat,) = [line for line in said.splitlines() if line.startswith("chat_completions ")]
    assert "api_key, limits, body" in chat
    assert sorted(path.name for path in bare.folder.iterdir()) == ["gateway.yaml"]


def test_as_json_it_names_models_endpoints_and_guards(bare: Shell) -> None:
    (bare.folder / "gateway.yaml").write_text(SHIPPED)
    found = bare.json("check")
    assert found["ok"] is True
    assert [model["id"] for model in found["models"]] == ["qwen2.5:3b", "smollm2:135m", "nomic-embed-text"]
    guards = {endpoint["name"]: endpoint["guards"] for endpoint in found["endpoints"]}
    assert guards["admin_users"] == ["admin_key", "body"]
    assert guards["health"] == ["body"]


def test_every_fault_is_said_with_its_line(bare: Shell) -> None:
    faulty = SHIPPED.replace("adapter: ollama ", "adapter: olama ").replace("slots: 4 ", "slots: none ", 1)
    (bare.folder / "gateway.yaml").write_text(faulty)
    lines = faulty.splitlines()
    wrong = [
        number for number, line in enumerate(lines, 1) if ("olama " in line and "adapter" in line) or "none " in line
    ]
    found = bare.run("check")
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    for number in wrong:
        assert f"gateway.yaml:{number}" in found.stderr
    as_json = bare.run("check", "--json")
    assert as_json.returncode == 1
    assert [fault["line"] for fault in json.loads(as_json.stdout)["faults"]] == wrong
