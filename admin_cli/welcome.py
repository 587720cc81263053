"""What a newcomer is asked and told by `aethergate up`."""

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.config.objects import Manifest
    from infra.runtime.gateway import Gateway

DEMO_USER = "demo"
DEMO_BALANCE = "10.00"


async def ask_for_embedded(manifest: "Manifest") -> "Manifest":
    """On a terminal, where nothing else answers: whether the embedded model shall start. Without one it just does."""
    from infra.backends.pool import Pool

    offered = [b for b in manifest.backends.values() if b.adapter == "embedded" and b.start == "if_no_other"]
    if not offered or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return manifest
    others = Pool({name: b for name, b in manifest.backends.items() if b.adapter != "embedded"})
    await others.start()
    answered = any(state.up for state in others.states())
    await others.stop()
    if answered:
        return manifest
    print("No backend of gateway.yaml answers. The embedded one runs a small real model (SmolLM2-135M) on this CPU.")
    if input("Start it? [Y/n] ").strip().lower() not in ("n", "no"):
        return manifest
    never = {b.name: dataclasses.replace(b, start="never") for b in offered}
    return dataclasses.replace(manifest, backends={**manifest.backends, **never})


async def first_key(gateway: "Gateway") -> str | None:
    """The key of a demo user with a small balance, made where there is no user at all; else None."""
    import httpx

    from infra.client import AdminClient

    transport = httpx.ASGITransport(app=gateway.app)
    async with AdminClient("http://gateway", token=gateway.secrets.master_api_key, transport=transport) as admin:
        if (await admin.users(limit=1))["data"]:
            return None
        await admin.add_user(DEMO_USER, DEMO_BALANCE)
        return str((await admin.add_key(DEMO_USER, "default"))["key"])


def show(url: str, room_url: str, config: Path, model: str | None, key: str | None, gateway: "Gateway") -> None:
    """Prints where everything is, and requests that work when pasted."""
    env = config.resolve().parent / ".env"
    where = env.name if env.parent == Path.cwd() else str(env)
    lines = [
        "",
        "AetherGate is up.",
        f"  API base        {url}/v1",
        f"  Control room    {room_url}",
        f"  Admin key       MASTER_API_KEY in {where}",
    ]
    if key is not None:
        lines.append(f"  Demo key        {key}")
        lines.append(f"                  (user {DEMO_USER}, balance {DEMO_BALANCE} {gateway.manifest.gateway.currency};"
                     " shown this once)")  # fmt: skip
    else:
        lines.append('  Another key     aethergate gen-key NAME --name "default"   (.venv/bin/aethergate after make run)')
    lines += ["", *(_snippets(url, key or "YOUR_KEY", model) if model else _no_model(gateway))]
    print("\n".join([*lines, "", "Ctrl-C stops everything."]), flush=True)


def _snippets(url: str, key: str, model: str) -> list[str]:
    return [
        "With curl:",
        "",
        f"curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json'"
        f" -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Say hello.\"}}]}}'",
        "",
        "With the OpenAI SDK (pip install openai):",
        "",
        "from openai import OpenAI",
        f'client = OpenAI(base_url="{url}/v1", api_key="{key}")',
        f'messages = [{{"role": "user", "content": "Say hello."}}]',
        f'answer = client.chat.completions.create(model="{model}", messages=messages)',
        "print(answer.choices[0].message.content, answer.usage)",
    ]


def _no_model(gateway: "Gateway") -> list[str]:
    whys = [f"  {state.name}: {state.why or 'it does not answer.'}" for state in gateway.pool.states() if not state.up]
    return ["No model can be used yet; the backends of gateway.yaml say:", *whys]
