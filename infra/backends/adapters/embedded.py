"""The embedded backend: a llama.cpp server that the gateway runs itself (docs/backends.md, Embedded)."""

from infra.backends.adapters.base import Probe
from infra.backends.adapters.llamacpp import LlamaCppAdapter
from infra.backends.embedded.parts import settings, unmet
from infra.backends.embedded.process import Process
from infra.backends.faults import NotSent
from infra.config.objects import Backend
from infra.errors import NoBackend


class EmbeddedAdapter(LlamaCppAdapter):
    """llama.cpp's adapter for a server whose process and address come and go."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self._process: Process | None = None
        self._why = "It was not started yet."

    @property
    def url(self) -> str:
        """Where the child listens; raises NoBackend while there is none."""
        if self._process is None or self._process.url is None:
            raise NoBackend(f"The embedded model is not available: {self.why}", retry_after=2)
        return self._process.url

    @property
    def started(self) -> bool:
        return self._process is not None

    @property
    def why(self) -> str:
        """Why there is no server at the moment, in one sentence."""
        return self._process.why if self._process is not None else self._why

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def log(self) -> tuple[str, ...]:
        """The child's last lines."""
        return tuple(self._process.log) if self._process is not None else ()

    async def start(self) -> None:
        """Starts the child and returns; what is missing for it is said in `why`."""
        missing = unmet(self.backend)
        if missing is not None:
            self._why = missing
        elif self._process is None:
            self._process = Process(settings(self.backend), self._changed)
            self._process.start()

    def rest(self, reason: str) -> None:
        """Not started, and why."""
        self._why = f"It was not started: {reason}."

    async def probe(self) -> Probe:
        if self._process is None or self._process.url is None:
            return Probe(up=False, why=self.why)
        return await super().probe()

    async def close(self) -> None:
        """Stops the child after the connections to it."""
        await super().close()
        if self._process is not None:
            await self._process.stop()

    def _changed(self, up: bool) -> None:
        self.noticed(None if up else NotSent(self.why, retry_after=2))
