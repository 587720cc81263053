"""Faulty models and endpoints, for the same table as bad.py."""

from tests.infra.config.bad import Bad
from tests.infra.config.files import SMALL, endpoint, model

CHAT = "function: functions.chat_completions"
PRICE = "price: {input: 1/1M, output: 1/1M}"


def _bad_model(name: str, lines: str, line: int, where: str, words: str, schema_sees: bool = True) -> Bad:
    return Bad(f"model: {name}", model(lines), line, f"models.n{where}", words, schema_sees)


def _bad_endpoint(name: str, lines: str, line: int, where: str, words: str, schema_sees: bool = True) -> Bad:
    return Bad(f"endpoint: {name}", endpoint(lines), line, f"endpoints[1]{where}", words, schema_sees)


BAD_SALES = [
    Bad("model name", SMALL.replace("  m:", '  "a b":'), 4, "models.a b", "is not a name of a model"),
    _bad_model("no backend", PRICE, 5, "", "no `backend`"),
    _bad_model("no price", "backend: box/n", 5, "", "no `price`"),
    _bad_model(
        "unknown backend", f"backend: bx/n\n{PRICE}", 5, ".backend", 'no backend "bx"; did you mean "box"?', False
    ),
    _bad_model("backend alone", f"backend: box\n{PRICE}", 5, ".backend", "is not backend/its own name"),
    _bad_model(
        "unknown fallback", f"backend: box/n\n{PRICE}\nfallback: mm", 7, ".fallback", 'did you mean "m"?', False
    ),
    _bad_model("itself as fallback", f"backend: box/n\n{PRICE}\nfallback: n", 7, ".fallback", "circle: n → n", False),
    _bad_model(
        "fallback without a price",
        f"backend: box/n\n{PRICE[:-1]}, image: 1/1}}\nfallback: m",
        7,
        ".fallback",
        '"m" has no price for image, which n has',
        False,
    ),
    _bad_model("no own name", f"backend: box/\n{PRICE}", 5, ".backend", "is not backend/its own name"),
    _bad_model("no backends", f"backend: []\n{PRICE}", 5, ".backend", "an empty list"),
    _bad_model("unknown in list", f"backend: [box/n, by/n]\n{PRICE}", 5, ".backend[1]", 'no backend "by"', False),
    _bad_model("backend without to", f"backend: {{weight: 2}}\n{PRICE}", 5, ".backend", "no `to`"),
    _bad_model(
        "weight of 0", f"backend: {{to: box/n, weight: 0}}\n{PRICE}", 5, ".backend.weight", "between 1 and 1,000"
    ),
    _bad_model(
        "bare price", "backend: box/n\nprice: {input: 1.00}", 6, ".price.input", 'bare number: say the unit, as in "1.'
    ),
    _bad_model("bare whole price", "backend: box/n\nprice: {input: 1}", 6, ".price.input", "say the unit"),
    _bad_model("quoted bare price", 'backend: box/n\nprice: {input: "1.00"}', 6, ".price.input", "say the unit"),
    _bad_model("odd unit", "backend: box/n\nprice: {input: 1/1G}", 6, ".price.input", "per 1, 1K or 1M"),
    _bad_model("negative price", "backend: box/n\nprice: {input: -1/1M}", 6, ".price.input", "cannot be negative"),
    _bad_model("absurd price", "backend: box/n\nprice: {input: 1e40/1M}", 6, ".price.input", "too many digits", False),
    _bad_model("price null", "backend: box/n\nprice:", 6, ".price", "expected a price list"),
    _bad_model("price empty", "backend: box/n\nprice: {}", 6, ".price", "free is an explicit"),
    _bad_model("price as text", "backend: box/n\nprice: 1/1M", 6, ".price", "expected a price list"),
    _bad_model(
        "unknown meter", "backend: box/n\nprice: {output: 0, inptu: 1/1M}", 6, ".price", 'did you mean "input"?'
    ),
    _bad_model("max_output", f"backend: box/n\n{PRICE}\nmax_output: 0", 7, ".max_output", "0 is not between"),
    _bad_model("context", f"backend: box/n\n{PRICE}\ncontext: 8K", 7, ".context", "not a whole number"),
    _bad_model("limits", f"backend: box/n\n{PRICE}\nlimits: {{body: 8MB}}", 7, ".limits", '"body" is not known here'),
    _bad_endpoint("a word", "hello", 8, "", "expected an endpoint"),
    _bad_endpoint("no routes", "function: functions.health", 8, "", "no `routes`"),
    _bad_endpoint("empty routes", "routes: []\nfunction: a.b", 8, ".routes", "an empty list"),
    _bad_endpoint("routes as a word", "routes: GET /x\nfunction: a.b", 8, ".routes", "at least one route"),
    _bad_endpoint("no function", "routes: [GET /x]", 8, "", "no `function`"),
    _bad_endpoint("function without folder", "routes: [GET /x]\nfunction: health", 9, ".function", "not a dotted name"),
    _bad_endpoint("small method", "routes: [get /x]\nfunction: a.b", 8, ".routes[0]", "write GET in capitals"),
    _bad_endpoint("unknown method", "routes: [FETCH /x]\nfunction: a.b", 8, ".routes[0]", "a method is GET, POST"),
    _bad_endpoint("no path", "routes: [GET]\nfunction: a.b", 8, ".routes[0]", "is not a route"),
    _bad_endpoint("no slash", "routes: [GET x]\nfunction: a.b", 8, ".routes[0]", "is not a route"),
    _bad_endpoint("slash at the end", "routes: [GET /x/]\nfunction: a.b", 8, ".routes[0]", "is not a route"),
    _bad_endpoint("double slash", "routes: [GET //x]\nfunction: a.b", 8, ".routes[0]", "is not a route"),
    _bad_endpoint("odd name", 'routes: ["GET /{a-b}"]\nfunction: a.b', 8, ".routes[0]", "is not a route"),
    _bad_endpoint(
        "path in the middle", 'routes: ["GET /{a:path}/x"]\nfunction: a.b', 8, ".routes[0]", "is not a route"
    ),
    _bad_endpoint("same name twice", 'routes: ["GET /{a}/{a}"]\nfunction: a.b', 8, ".routes[0]", "twice", False),
    _bad_endpoint(
        "route of another", "routes: [POST /v1/chat/completions]\nfunction: a.b", 8, ".routes[0]", "on line 6", False
    ),
    _bad_endpoint(
        "same pattern",
        'routes: ["GET /x/{a}", "GET /x/{b}"]\nfunction: a.b',
        8,
        ".routes[1]",
        "is a route already",
        False,
    ),
    _bad_endpoint("same function", f"routes: [POST /x]\n{CHAT}", 9, ".function", "give this one a `name`", False),
    _bad_endpoint("name", "routes: [GET /x]\nfunction: a.b\nname: A B", 10, ".name", "not a name of an endpoint"),
    _bad_endpoint(
        "access", "routes: [GET /x]\nfunction: a.b\naccess: user", 10, ".access", "not one of key, admin, open"
    ),
    _bad_endpoint("open /v1", "routes: [GET /v1/x]\nfunction: a.b\naccess: open", 10, ".access", "needs a key", False),
    _bad_endpoint("key on /admin", "routes: [GET /admin/x]\nfunction: a.b", 9, ".function", "must be admin", False),
    _bad_endpoint(
        "admin function", "routes: [GET /x]\nfunction: functions.admin_users", 9, ".function", "must be admin", False
    ),
    _bad_endpoint(
        "open chat", f"routes: [POST /x]\n{CHAT}\nname: free\naccess: open", 11, ".access", "must be key", False
    ),
    _bad_endpoint("models as a word", "routes: [GET /x]\nfunction: a.b\nmodels: m", 10, ".models", "not one of all"),
    _bad_endpoint("no models", "routes: [GET /x]\nfunction: a.b\nmodels: []", 10, ".models", "an empty list"),
    _bad_endpoint(
        "unknown model", "routes: [GET /x]\nfunction: a.b\nmodels: [mm]", 10, ".models[0]", 'no model "mm" under', False
    ),
    _bad_endpoint(
        "own price without unit",
        "routes: [GET /x]\nfunction: a.b\nmodels: {m: {price: {input: 2}}}",
        10,
        ".models.m.price.input",
        "say the unit",
    ),
    _bad_endpoint(
        "own price that lacks a meter",
        f"routes: [POST /x]\n{CHAT}\nname: dear\nmodels: {{m: {{price: {{input: 2/1M}}}}}}",
        11,
        ".models",
        '"m" has no price for output',
        False,
    ),
    _bad_endpoint("limit unknown", "routes: [GET /x]\nfunction: a.b\nlimits: {rps: 1/s}", 10, ".limits", "requests, "),
    _bad_endpoint(
        "bare rate", "routes: [GET /x]\nfunction: a.b\nlimits: {requests: 60}", 10, ".limits.requests", "60/m"
    ),
    _bad_endpoint(
        "zero rate", "routes: [GET /x]\nfunction: a.b\nlimits: {tokens: 0/m}", 10, ".limits.tokens", "nothing"
    ),
    _bad_endpoint("bare size", "routes: [GET /x]\nfunction: a.b\nlimits: {body: 8}", 10, ".limits.body", "8MB"),
    _bad_endpoint("no size", "routes: [GET /x]\nfunction: a.b\nlimits: {body: 0B}", 10, ".limits.body", "nothing"),
    _bad_endpoint("bare time", "routes: [GET /x]\nfunction: a.b\nlimits: {time: 10}", 10, ".limits.time", "duration"),
    _bad_endpoint(
        "total of body", "routes: [GET /x]\nfunction: a.b\nlimits: {total: {body: 8MB}}", 10, ".limits.total", '"body"'
    ),
    _bad_endpoint(
        "concurrent", "routes: [GET /x]\nfunction: a.b\nlimits: {concurrent: 0}", 10, ".limits.concurrent", "between 1"
    ),
]
