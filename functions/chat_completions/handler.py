"""The straight line of one chat."""

from quart import Response

from functions.chat_completions.schema import READING, parse
from infra.runtime.call import Call


async def handle(call: Call) -> Response:
    """Answers one chat, charged by the tokens that the backend reports.

    Raises BadRequest 400, ModelUnknown 404, ModelNotAllowed 403, BalanceTooLow 402, and what a backend can do: 502–504.
    """
    ask = parse(await call.body())
    offer = call.model(ask, READING)
    await call.afford(offer, ask)
    return await call.forward(offer, ask, READING)
