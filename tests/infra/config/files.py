"""Manifests for the tests of this room."""

from pathlib import Path
from typing import Any

from infra.config.document import parse
from infra.config.faults import Fault, ManifestFaults
from infra.config.loader import read
from infra.config.nodes import Items, Node, Pairs, Scalar, kind
from infra.config.objects import Manifest

EXAMPLE = Path(__file__).parents[3] / "gateway.yaml"

SMALL = """\
backends:
  box: {adapter: openai, url: "http://127.0.0.1:9000"}
models:
  m: {backend: box/m, price: {input: 1.00/1M, output: 2.00/1M}}
endpoints:
  - routes: [POST /v1/chat/completions]
    function: functions.chat_completions
"""
"""The smallest manifest that sells something; the tests put their own lines into it."""


def manifest(text: str, **environ: str) -> Manifest:
    """What the text says."""
    return read(text.encode(), "gateway.yaml", environ)


def faults(text: str | bytes, **environ: str) -> tuple[Fault, ...]:
    """What is wrong with it; an AssertionError where nothing is."""
    try:
        read(text if isinstance(text, bytes) else text.encode(), "gateway.yaml", environ)
    except ManifestFaults as found:
        return found.faults
    raise AssertionError("no fault was found")


def backend(lines: str) -> str:
    """SMALL with a second backend `b` of these keys, on line 3 and after."""
    block = "  b:\n" + "".join(f"    {line}\n" for line in lines.splitlines())
    return SMALL.replace("backends:\n", "backends:\n" + block)


def model(lines: str) -> str:
    """SMALL with a second model `n` of these keys, on line 5 and after."""
    block = "  n:\n" + "".join(f"    {line}\n" for line in lines.splitlines())
    return SMALL.replace("models:\n", "models:\n" + block)


def endpoint(lines: str) -> str:
    """SMALL with a second endpoint of these keys, on line 8 and after."""
    first, *rest = lines.splitlines()
    return SMALL + f"  - {first}\n" + "".join(f"    {line}\n" for line in rest)


def plain(text: str) -> Any:
    """The document as JSON values, the way an editor's schema checker sees it."""
    return _plain(parse(text.encode()))


def _plain(node: Node) -> Any:
    if isinstance(node, Items):
        return [_plain(item) for item in node.nodes]
    if isinstance(node, Pairs):
        return {key.text: _plain(value) for key, value in reversed(node.pairs)}  # the first of two equal keys counts
    return _scalar(node)


def _scalar(node: Scalar) -> Any:
    found = kind(node)
    if found in ("int", "float"):
        return float(node.text) if found == "float" or len(node.text) > 18 else int(node.text)
    return {"null": None, "bool": node.text.lower() == "true"}.get(found, node.text)
