"""Files that are faulty, and how to say so: one table for the loader and the JSON Schema."""

from dataclasses import dataclass

from tests.infra.config.files import SMALL, backend


@dataclass(frozen=True)
class Bad:
    """A file with one fault."""

    name: str
    text: str
    line: int
    where: str
    words: str
    """A part of the message."""
    schema_sees: bool = True
    """Whether the JSON Schema refuses it too: it cannot where names refer to others, or two places must differ."""

    def __str__(self) -> str:
        return self.name


def _bad_backend(name: str, lines: str, line: int, where: str, words: str, schema_sees: bool = True) -> Bad:
    return Bad(f"backend: {name}", backend(lines), line, f"backends.b{where}", words, schema_sees)


def _bad_gateway(name: str, lines: str, where: str, words: str, schema_sees: bool = True) -> Bad:
    text = "gateway:\n" + "".join(f"  {line}\n" for line in lines.splitlines()) + SMALL
    return Bad(f"gateway: {name}", text, 2, f"gateway{where}", words, schema_sees)


OLLAMA = "adapter: ollama\nurl: http://h:1\n"
EMBEDDED = "adapter: embedded\n"

BAD = [
    Bad("not a mapping", "- a\n", 1, "", "found a list; expected a manifest"),
    Bad("a word", "hello\n", 1, "", 'found "hello"'),
    Bad("null", "~\n", 1, "", "found nothing"),
    Bad("no endpoints", SMALL.partition("endpoints:")[0], 1, "", "no `endpoints`"),
    Bad("empty endpoints", SMALL.partition("endpoints:")[0] + "endpoints: []\n", 5, "endpoints", "an empty list"),
    Bad(
        "endpoints as a mapping", SMALL.partition("endpoints:")[0] + "endpoints: {a: 1}\n", 5, "endpoints", "a mapping"
    ),
    Bad("no backends", "models:\nendpoints:\n- routes: [GET /x]\n  function: a.b\n", 1, "", "no `backends`"),
    Bad("null backends", "backends:\nendpoints:\n- routes: [GET /x]\n  function: a.b\n", 1, "backends", "at least one"),
    Bad("unknown section", SMALL + "backend: {}\n", 8, "", '"backend" is not known here; did you mean "backends"?'),
    _bad_gateway("unknown key", "databse: x", "", 'did you mean "database"?'),
    _bad_gateway("currency", "currency: usd", ".currency", '"usd" is not a currency in capitals'),
    _bad_gateway("currency as number", "currency: 840", ".currency", "put it in quotes"),
    _bad_gateway("database of another kind", "database: mysql://u:secret@h/x", ".database", '"mysql" is no database'),
    _bad_gateway("database without name", "database: postgresql://u:secret@h/", ".database", "no name", False),
    _bad_gateway("drain without unit", "drain: 600", ".drain", 'write it as "60s"'),
    _bad_gateway(
        "a tier of another name", "service_tiers: {a: {price: 2}}", ".service_tiers.a", "is not a service tier"
    ),
    _bad_gateway("a tier without price", "service_tiers: {flex: {}}", ".service_tiers.flex", "no `price`"),
    _bad_gateway(
        "a factor in per cent", "service_tiers: {flex: {price: 50%}}", ".service_tiers.flex.price", "as in 1.5"
    ),
    _bad_gateway("a factor below zero", "service_tiers: {flex: {price: -1}}", ".service_tiers.flex.price", "as in 1.5"),
    _bad_gateway("deadline without unit", "deadlines: {headers: 15}", ".deadlines.headers", "not a duration"),
    _bad_gateway("deadline of nothing", "deadlines: {body: 0s}", ".deadlines.body", "not between"),
    _bad_gateway("deadline unknown", "deadlines: {header: 15s}", ".deadlines", 'did you mean "headers"?'),
    _bad_gateway("drain of nothing", "drain: 0s", ".drain", "not between"),
    _bad_gateway("a proxy that is no network", "trusted_proxies: [example.com]", ".trusted_proxies[0]", "no network"),
    _bad_gateway("proxies as a word", "trusted_proxies: 10.0.0.0/8", ".trusted_proxies", "expected a list"),
    Bad(
        "the same key twice",
        SMALL.replace("models:", '  box: {adapter: openai, url: "http://h"}\nmodels:'),
        3,
        "backends.box",
        "a second time, first on line 2",
        schema_sees=False,
    ),
    Bad("backend name", backend(OLLAMA).replace("b:", "a/b:"), 2, "backends.a/b", "is not a name of a backend"),
    _bad_backend("no adapter", "url: http://h:1", 3, "", "no `adapter`"),
    _bad_backend("unknown adapter", "adapter: olama\nurl: http://h:1", 3, ".adapter", 'did you mean "ollama"?'),
    _bad_backend(
        "options of vllm",
        "adapter: vllm\nurl: http://h:1\noptions: {num_ctx: 512}",
        5,
        ".options",
        "is for adapter ollama",
    ),
    _bad_backend(
        "less at most than normally",
        "adapter: ollama\nurl: http://h:1\noptions: {num_ctx: 1024, num_ctx_max: 512}",
        5,
        ".options.num_ctx_max",
        "512 is less than num_ctx, 1,024",
        False,
    ),
    _bad_backend(
        "think what",
        "adapter: ollama\nurl: http://h:1\noptions: {think: deep}",
        5,
        ".options.think",
        "is not one of true",
    ),
    _bad_backend("no url", "adapter: vllm", 3, "", "needs `url`"),
    _bad_backend("url without scheme", "adapter: vllm\nurl: localhost:8000", 4, ".url", "no address of a server"),
    _bad_backend("url with a port too far", "adapter: vllm\nurl: http://h:99999", 4, ".url", "no address", False),
    _bad_backend("url with a password", "adapter: vllm\nurl: http://u:p@h", 4, ".url", "a password in the address"),
    _bad_backend("url with a query", "adapter: vllm\nurl: http://h/?a=1", 4, ".url", "query"),
    _bad_backend("url as number", "adapter: vllm\nurl: 8000", 4, ".url", "put it in quotes"),
    _bad_backend("no slots", OLLAMA + "slots: 0", 5, ".slots", "0 is not between 1 and"),
    _bad_backend("slots as text", OLLAMA + "slots: many", 5, ".slots", '"many" is not a whole number'),
    _bad_backend("slots in quotes", OLLAMA + 'slots: "4"', 5, ".slots", '"4" is not a whole number'),
    _bad_backend("half a slot", OLLAMA + "slots: 1.5", 5, ".slots", "1.5 is not a whole number"),
    _bad_backend("slots true", OLLAMA + "slots: true", 5, ".slots", "true is not a whole number"),
    _bad_backend("slots null", OLLAMA + "slots:", 5, ".slots", "found nothing"),
    _bad_backend("slots list", OLLAMA + "slots: [4]", 5, ".slots", "found a list"),
    _bad_backend("5,000 digits", OLLAMA + "slots: " + "9" * 5000, 5, ".slots", "not a whole number"),
    _bad_backend("unknown key", OLLAMA + "slot: 4", 5, "", 'did you mean "slots"?'),
    _bad_backend(
        "queue as number", OLLAMA + "queue: 64", 5, ".queue", "expected a queue, as in {length: 64, wait: 60s}"
    ),
    _bad_backend("hours without zone", OLLAMA + "available: mon-fri 18:00-08:00", 5, ".available", "with its zone"),
    _bad_backend("hours of no zone", OLLAMA + "available: 8:00-9:00 Mars/X", 5, ".available", "is no time zone", False),
    _bad_backend("hours of no time", OLLAMA + "available: 8:00-24:30 UTC", 5, ".available", "there is no 24:30", False),
    _bad_backend("hours of no day", OLLAMA + "available: mo-fr 8:00-9:00 UTC", 5, ".available", "days are mon", False),
    _bad_backend("hours of nothing", OLLAMA + "available: 8:00-8:00 UTC", 5, ".available", "the whole day is", False),
    _bad_backend("queue null", OLLAMA + "queue:", 5, ".queue", "found nothing"),
    _bad_backend("queue below zero", OLLAMA + "queue: {length: -1}", 5, ".queue.length", "-1 is not between 0"),
    _bad_backend("wait without unit", OLLAMA + "queue: {wait: 60}", 5, ".queue.wait", "not a duration"),
    _bad_backend("deadline for ever", OLLAMA + "deadlines: {idle: 900d}", 5, ".deadlines.idle", "366d", False),
    _bad_backend("deadline unknown", OLLAMA + "deadlines: {firstbyte: 1s}", 5, ".deadlines", '"first_byte"'),
    _bad_backend("media", OLLAMA + "media: all", 5, ".media", "not one of data, any"),
    _bad_backend("pace", OLLAMA + "pace: 10", 5, ".pace", "not a rate"),
    _bad_backend("accept", OLLAMA + "accept: [a b]", 5, ".accept[0]", "not a name of a request field"),
    _bad_backend("secret with a space", OLLAMA + "api_key: sk hidden", 5, ".api_key", "no header can carry"),
    _bad_backend("secret of digits", OLLAMA + "api_key: 12345", 5, ".api_key", "in quotes"),
    _bad_backend(
        "embedded's key", OLLAMA + "start: always", 5, ".start", "is for adapter embedded, this one is ollama"
    ),
    _bad_backend("embedded with url", EMBEDDED + "url: http://h:1", 4, ".url", "has no url"),
    _bad_backend("embedded start", EMBEDDED + "start: sometimes", 4, ".start", "not one of always, if_no_other, never"),
    _bad_backend("embedded context", EMBEDDED + "context: 1", 4, ".context", "not between 256"),
    _bad_backend("embedded file", EMBEDDED + "model_file: []", 4, ".model_file", "expected a path of a file"),
    _bad_backend("unset variable", OLLAMA + "api_key: ${NO_SUCH}", 5, ".api_key", "${NO_SUCH} is not set", False),
    _bad_backend("odd variable", EMBEDDED + "model_file: ${1}", 4, ".model_file", '"${1}" is not a variable', False),
]
