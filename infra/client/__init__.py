"""The typed async client of the gateway's admin API: the one way in for the control room and the `aethergate` command.

    async with AdminClient("http://127.0.0.1:8000", token=admin_key) as admin:
        await admin.add_user("bob", "10.00")

With `transport=httpx.ASGITransport(app=gateway.app)` it speaks to a gateway in the same process.
"""

from infra.client.admin import AdminClient
from infra.client.chat import Said, Streaming, chat
from infra.client.door import Answer, ApiError, ClientError, Event, Unreachable

__all__ = ["AdminClient", "Answer", "ApiError", "ClientError", "Event", "Said", "Streaming", "Unreachable", "chat"]
