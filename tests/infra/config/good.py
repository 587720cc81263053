"""Files that are good: one table for the loader, the JSON Schema, `plan` and `show`."""

from tests.infra.config.files import SMALL, backend, endpoint, model

CHAT = "function: functions.chat_completions"

GOOD = {
    "the smallest": SMALL,
    "no models": "backends: {e: {adapter: embedded}}\nendpoints:\n- routes: [GET /]\n  function: a.b\n",
    "empty sections": "gateway:\nmodels:\nbackends: {e: {adapter: embedded}}\n"
    "endpoints:\n- {routes: [GET /x], function: a.b}\n",
    "json": '{"backends": {"e": {"adapter": "embedded"}}, "endpoints": [{"routes": ["GET /x"], "function": "a.b"}]}',
    "gateway": "gateway: {currency: EUR, database: 'sqlite:///x.db', drain: 90s, trusted_proxies: [10.0.0.0/8, '::'],\n"
    "  deadlines: {headers: 5s, body: 2m}}\n" + SMALL,
    "service tiers": "gateway:\n  service_tiers: {priority: {price: 1.5, queue: fair}, flex: {price: 0}}\n" + SMALL,
    "variables": backend("adapter: ${A:-vllm}\nurl: ${U:-http://h}\nslots: ${S:-8}\nqueue: {wait: '${W:-5s}'}"),
    "every key of a backend": backend(
        "adapter: vllm\nurl: https://h:8443/base/v1/\nslots: 32\nqueue: {length: 0, wait: 500ms}\n"
        "deadlines: {connect: 1s, first_byte: 2m, first_byte_loaded: 1m, idle: 1.5m, total: 1h, client: 30s}\n"
        "api_key: sk-x\naccept: [guided_regex]\nmedia: any\npace: 50/s\navailable: mon-fri 18:00-08:00 Europe/Berlin"
    ),
    "two times of the week": backend(
        "adapter: embedded\navailable: ['sat,sun 0:00-24:00 UTC', 18:00 - 08:00 Asia/Tokyo]"
    ),
    "every option of an ollama": backend(
        "adapter: ollama\nurl: http://h:11434\n"
        "options: {num_ctx: 8192, num_ctx_max: 32768, keep_alive: forever, think: low}"
    ),
    "every key of an embedded": backend(
        "adapter: embedded\nstart: never\nmodel_file: ./a b.gguf\ncontext: 4096\nslots: 2"
    ),
    "every meter": model(
        "backend: [box/n, box/o]\nprice: {input: 0, output: 0.0, cached: .5/1M, reasoning: 2e-3/1K, request: 0.001/1,\n"
        "  image: 1/1, second: 1 / 1K, character: 15.00/1M}\nmax_output: 10\ncontext: 4096\n"
        "limits: {requests: 1/s, tokens: 1M/d, concurrent: 2, total: {requests: 5/h}}"
    ),
    "targets with weights": model("backend: [box/n, {to: box/o, weight: 3}]\nprice: {input: 1/1M}"),
    "a fallback": model("backend: box/n\nprice: {input: 1/1M}\nfallback: m"),
    "an input price alone, models: all": model("backend: box/n\nprice: {input: 1/1M}"),
    "an endpoint with its own prices": endpoint(
        f'routes: [POST /lab/chat, "GET /lab/{{id}}", "GET /lab/x/{{id:path}}"]\n{CHAT}\nname: lab\n'
        "models: {m: {price: {input: 0, output: 0}}}\n"
        "limits: {requests: 200K/min, body: 1MiB, time: 10m, total: {concurrent: 9}}"
    ),
    "a model at its own price beside others": endpoint(f"routes: [POST /x]\n{CHAT}\nname: x\nmodels:\n  m:"),
    "anchors": SMALL.replace(
        "models:", '  a: &a {adapter: vllm, url: "http://a", slots: 9}\n  b: {<<: *a, url: "http://b"}\nmodels:'
    ),
}
