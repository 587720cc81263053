"""Requests: OpenAI's bodies as Ollama's. Pure; raises BadRequest naming the field that has no counterpart."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from infra.errors import BadRequest
from infra.metering.ask import Task

PATHS: Mapping[Task, str] = {"chat": "/api/chat", "completion": "/api/generate", "embedding": "/api/embed"}

_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "repetition_penalty": "repeat_penalty",
    "repeat_penalty": "repeat_penalty",
    "repeat_last_n": "repeat_last_n",
    "max_tokens": "num_predict",
    "max_completion_tokens": "num_predict",
}
"""OpenAI's names and the local servers' as Ollama's; a later one wins where two mean the same."""
_RUNNER = ("num_", "main_gpu", "use_m", "low_vram")
"""How the names of the runner's own options begin: num_ctx, num_gpu, num_keep…"""
_ROLES = {"developer": "system", "function": "tool"}
_EFFORTS: Mapping[Any, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
_LEVELS, _MAX = (0, 11), (0, 30)
"""The versions that know levels of thinking, and certainly the highest; before, it is one or the other."""
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


def native(task: Task, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body for `PATHS[task]`. Prompts that do not fit are refused by Ollama, never cut."""
    found: dict[str, Any] = {"model": body["model"], "truncate": False}
    if task == "embedding":
        return found | {"input": _inputs(body)} | _copied(body, "dimensions")
    if (body.get("n") or 1) != 1:
        raise BadRequest("'n' above 1 is not supported by this model's backend.", param="n")
    found |= {"stream": bool(body.get("stream")), "shift": False} | _format(body) | _thinking(body) | _logprobs(body)
    if options := _options(body):
        found["options"] = options
    if task == "completion":
        return found | {"prompt": _prompt(body)} | _copied(body, "suffix")
    found["messages"] = messages(body)
    if not found["messages"]:  # would load the model and answer nothing
        raise BadRequest("'messages' must not be empty.", param="messages")
    if body.get("tools") and body.get("tool_choice") != "none":
        found["tools"] = _tools(body["tools"])
    return found


def messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Messages with texts joined, images apart, tool calls as objects, and tools' answers by the tool's name."""
    names: dict[Any, Any] = {}
    found = []
    for number, message in enumerate(body.get("messages") or ()):
        where = f"messages[{number}]"
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise BadRequest(f"{where} must be an object with a role.", param=where)
        one = {"role": _ROLES.get(message["role"], message["role"])} | _content(message.get("content"), where)
        if message.get("tool_calls"):
            one["tool_calls"] = _calls(message["tool_calls"], names, where)
        if thought := message.get("reasoning_content") or message.get("reasoning"):
            one["thinking"] = thought
        if one["role"] == "tool":
            called = message.get("tool_call_id")
            one |= {"tool_name": names.get(called) or message.get("name") or ""} | _id("tool_call_id", called)
        found.append(one)
    return found


def _content(content: Any, where: str) -> dict[str, Any]:
    if content is None or isinstance(content, str):
        return {"content": content or ""}
    texts, images = [], []
    for place, part in enumerate(content if isinstance(content, list) else [content]):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind in ("text", "refusal") and isinstance(part.get(kind), str):
            texts.append(part[kind])
        elif kind == "image_url":
            images.append(_image(part.get("image_url"), f"{where}.content[{place}].image_url"))
        else:
            at = f"{where}.content[{place}]"
            raise BadRequest(f"{at}: this model's backend takes text and images only.", param=at)
    return {"content": "\n".join(texts)} | ({"images": images} if images else {})


def _image(found: Any, where: str) -> str:
    """The base64 of a data: URL: Ollama takes nothing else."""
    url = found.get("url") if isinstance(found, Mapping) else found
    head, comma, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    if not comma or not head.lower().startswith("data:") or not head.lower().endswith(";base64"):
        raise BadRequest(f"{where} must be a data: URL in base64.", param=where)
    return str(data)


def _calls(calls: Any, names: dict[Any, Any], where: str) -> list[dict[str, Any]]:
    """Ollama wants arguments as an object; remembers each call's name for the answer to it."""
    found = []
    for place, call in enumerate(calls if isinstance(calls, list) else [calls]):
        function = call.get("function") if isinstance(call, Mapping) else None
        at = f"{where}.tool_calls[{place}]"
        if not isinstance(function, Mapping):
            raise BadRequest(f"{at} must have a function.", param=at)
        names[call.get("id")] = function.get("name")
        said = {"name": function.get("name"), "arguments": _arguments(function, at)}
        found.append({**_id("id", call.get("id")), "function": said})
    return found


def _id(name: str, given: Any) -> dict[str, str]:
    """Newer ones tell by it which of two calls of one tool is answered; older ones do not read it."""
    return {name: given} if isinstance(given, str) and given else {}


def _arguments(function: Mapping[str, Any], where: str) -> dict[str, Any]:
    text = function.get("arguments") or "{}"
    try:
        found = msgspec.json.decode(text) if isinstance(text, str) else text
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        found = None
    if not isinstance(found, dict):
        raise BadRequest(f"{where}.function.arguments must be a JSON object.", param=f"{where}.function.arguments")
    return found


def _options(body: Mapping[str, Any]) -> dict[str, Any]:
    found = {theirs: body[ours] for ours, theirs in _OPTIONS.items() if body.get(ours) is not None}
    stop = body.get("stop")
    return found | ({"stop": [stop] if isinstance(stop, str) else stop} if stop else {})


def accept(sent: dict[str, Any], body: Mapping[str, Any], names: Iterable[str]) -> None:
    """Adds the fields that the owner opened (`accept:`), those of the runner under `options`."""
    for name in names:
        if name in body and name not in sent:
            into = sent.setdefault("options", {}) if name.startswith(_RUNNER) else sent
            into[name] = body[name]


def _format(body: Mapping[str, Any]) -> dict[str, Any]:
    asked = body.get("response_format")
    kind = asked.get("type") if isinstance(asked, Mapping) else None
    if asked is None or kind == "text":
        return {}
    if kind == "json_object":
        return {"format": "json"}
    schema = asked.get("json_schema") if isinstance(asked, Mapping) else None
    if kind == "json_schema" and isinstance(schema, Mapping) and isinstance(schema.get("schema"), Mapping):
        return {"format": schema["schema"]}
    raise BadRequest("'response_format' must be text, json_object or json_schema.", param="response_format")


def _thinking(body: Mapping[str, Any]) -> dict[str, Any]:
    for name, known in (("think", {True: True, False: False, **_EFFORTS}), ("reasoning_effort", _EFFORTS)):
        asked = body.get(name)
        if asked is None:
            continue
        if not isinstance(asked, (bool, str)) or asked not in known:
            raise BadRequest(f"'{name}' must be one of none, minimal, low, medium, high, xhigh, max.", param=name)
        return {"think": known[asked]}
    return {}


def thinking(asked: bool | str, version: tuple[int, ...]) -> bool | str:
    """What a server of this version is told for it."""
    if isinstance(asked, str) and version < _LEVELS:
        return True
    return "high" if asked == "max" and version < _MAX else asked


def has_images(sent: Mapping[str, Any]) -> str:
    """Where the first one is; nothing where there is none."""
    found = (number for number, message in enumerate(sent.get("messages") or ()) if message.get("images"))
    return next((f"messages[{number}].content" for number in found), "")


def _tools(tools: Any) -> Any:
    return [_tool(tool) for tool in tools] if isinstance(tools, list) else tools


def _tool(tool: Any) -> Any:
    """OpenAI's need no parameters; templates are not made for functions without."""
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if not isinstance(function, Mapping) or function.get("parameters"):
        return tool
    return {**tool, "function": {**function, "parameters": _NO_PARAMETERS}}


def _logprobs(body: Mapping[str, Any]) -> dict[str, Any]:
    """Chat says true and `top_logprobs`, completions say the number itself."""
    asked = body.get("logprobs")
    if asked is None or asked is False:
        return {}
    top = body.get("top_logprobs") if asked is True else asked
    return {"logprobs": True} | ({"top_logprobs": top} if top else {})


def _prompt(body: Mapping[str, Any]) -> str:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str) or not prompt:
        raise BadRequest("'prompt' must be one text, not empty, for this model's backend.", param="prompt")
    return prompt


def _inputs(body: Mapping[str, Any]) -> list[str]:
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) and one for one in texts):
        raise BadRequest(
            "'input' must be a text or a list of texts, none empty, for this model's backend.", param="input"
        )
    return texts


def _copied(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: body[name]} if body.get(name) is not None else {}
