"""The straight line of one summary."""

from my_functions.summarise.schema import READING, Wanted, chat
from quart import Response

from infra.runtime.call import Call


async def handle(call: Call) -> Response:
    """Answers with a chat completion whose message is the summary."""
    ask = chat(await call.read(Wanted))  # 400
    offer = call.model(ask, READING)  # 404, 403
    await call.afford(offer, ask)  # 402 at once; pins nothing yet
    return await call.forward(offer, ask, READING)  # queue, hold, send, settle
