"""What a newcomer is asked and told by `aethergate up`."""

import asyncio
import dataclasses
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from admin_cli.running import Prepared
    from infra.backends.state import BackendState
    from infra.client import AdminClient
    from infra.config.objects import Manifest
    from infra.runtime.gateway import Gateway

DEMO_USER, DEMO_BALANCE = "demo", "10.00"
LOADING_SECONDS = 90.0
"""How long the welcome waits for an embedded model to be loaded."""


def offer_embedded(manifest: "Manifest") -> "Manifest":
    """Asks whether the embedded model shall start where nothing else answers; after a no it does not."""
    from infra.backends.embedded.parts import unmet

    offered = [each for each in manifest.backends.values() if each.adapter == "embedded" and not unmet(each)]
    offered = [each for each in offered if each.start == "if_no_other"]
    if not offered or asyncio.run(_another_answers(manifest)):
        return manifest
    sys.stdout.write(
        "No backend of gateway.yaml answers. AetherGate brings a small real model along (SmolLM2, 135M parameters, on "
        "this machine's CPU).\nStart it? [Y/n] "
    )
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("n", "no"):
        return manifest
    never = {each.name: dataclasses.replace(each, start="never") for each in offered}
    return dataclasses.replace(manifest, backends={**manifest.backends, **never})


async def _another_answers(manifest: "Manifest") -> bool:
    from infra.backends.pool import Pool

    others = Pool({name: each for name, each in manifest.backends.items() if each.adapter != "embedded"})
    await others.start()
    try:
        return any(state.up for state in others.states())
    finally:
        await others.stop()


async def words(prepared: "Prepared", gateway: "Gateway", url: str, room_url: str) -> list[str]:
    """Where everything is, and requests that work when they are pasted; made once a model can answer, or none will."""
    from infra.client import AdminClient

    await _loaded(gateway)
    async with AdminClient(url, token=prepared.secrets.master_api_key) as admin:
        key, user = await _demo(admin)
        model, whys = await _served(admin)
    currency = prepared.manifest.gateway.currency
    lines = [
        "",
        "AetherGate is up.",
        "",
        f"  API base       {url}/v1",
        f"  Control room   {room_url}",
        f"  Admin key      {_where(prepared)}",
    ]
    if key is not None:
        lines.append(f"  Demo key       {key}   (user {user}, {DEMO_BALANCE} {currency}; shown this once)")
    else:
        lines.append(f"  Another key    {_program()} gen-key {user}")
    lines += ["", *(_snippets(url, key, f"{_program()} gen-key {user}", model) if model else whys)]
    return [*lines, "", "Ctrl-C stops everything."]


def farewell(running: int) -> list[str]:
    """What is said at Ctrl-C."""
    if not running:
        return ["", "Stopping."]
    return ["", f"Stopping when {running} running request(s) have finished; Ctrl-C again ends them now."]


async def _loaded(gateway: "Gateway") -> None:
    """Waits while an embedded model loads."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + LOADING_SECONDS
    while loop.time() < give_up:
        if not any(_loading(state) for state in gateway.pool.states() if state.adapter == "embedded"):
            return
        await asyncio.sleep(0.1)


def _loading(state: "BackendState") -> bool:
    """Between the start of its process and the first look at what it serves."""
    return "is loading" in (state.why or "") or (state.up is not False and not state.models)


async def _demo(admin: "AdminClient") -> tuple[str | None, str]:
    """A key and its user, made where there is no user at all; else no key and whom to make one for."""
    found = (await admin.users(limit=1))["data"]
    if found:
        return None, str(found[0]["username"])
    await admin.add_user(DEMO_USER, DEMO_BALANCE)
    return str((await admin.add_key(DEMO_USER, name="demo"))["key"]), DEMO_USER


async def _served(admin: "AdminClient") -> tuple[str | None, list[str]]:
    """The first chat model that a backend serves now; where there is none, why."""
    backends = {each["name"]: each for each in (await admin.backends())["data"]}
    for model in (await admin.models())["data"]:
        if model["price_out"] is not None and any(_serves(backends, target) for target in model["targets"]):
            return str(model["id"]), []
    whys = [f"  {name}: {each['why'] or 'it serves none of the models'}" for name, each in backends.items()]
    return None, ["No model can be used yet. The backends of gateway.yaml:", *whys]


def _serves(backends: dict[str, Any], target: str) -> bool:
    name, _, upstream = target.partition("/")
    state = backends.get(name)
    return bool(state and state["up"] and {upstream, f"{upstream}:latest"} & set(state["models"]))


def _where(prepared: "Prepared") -> str:
    if os.environ.get("MASTER_API_KEY"):
        return "MASTER_API_KEY, from the environment"
    env = prepared.here.folder / ".env"
    return f"MASTER_API_KEY in {env.name if env.parent == Path.cwd() else env}"


def _program() -> str:
    """How this command is called from here."""
    own = Path(sys.executable).with_name("aethergate")
    if shutil.which("aethergate") == str(own):
        return "aethergate"
    return str(own.relative_to(Path.cwd())) if own.is_relative_to(Path.cwd()) else str(own)


def _snippets(url: str, key: str | None, mint: str, model: str) -> list[str]:
    """A curl line and five lines of Python; where the key is not known any more, a line before them makes one."""
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Say hello."}}]}}'
    shown, quoted = (key, f'"{key}"') if key else ("$KEY", 'os.environ["KEY"]')
    curl = f'curl {url}/v1/chat/completions -H "Authorization: Bearer {shown}" -H "Content-Type: application/json"'
    return [
        *([] if key else ["Make a key for these:", "", f"export KEY=$({mint})", ""]),
        "With curl:",
        "",
        f"{curl} -d '{body}'",
        "",
        "With the OpenAI SDK (pip install openai):",
        "",
        "from openai import OpenAI" if key else "import os; from openai import OpenAI",
        f'client = OpenAI(base_url="{url}/v1", api_key={quoted})',
        'messages = [{"role": "user", "content": "Say hello."}]',
        f'answer = client.chat.completions.create(model="{model}", messages=messages)',
        "print(answer.choices[0].message.content, answer.usage)",
    ]
