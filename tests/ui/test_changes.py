"""What changes money or access, in a real browser: asked twice, told when refused, and nothing typed is lost."""

from tests.standins.admin_api import AdminStandIn
from tests.ui.browser import Browser
from tests.ui.conftest import Served, needs_browser

pytestmark = needs_browser
TYPED = "[...document.querySelectorAll('.q-dialog .form input')].map(field => field.value)"


async def test_create_a_user_a_key_and_top_up(shared_room: Served, owner: Browser, gateway: AdminStandIn) -> None:
    await owner.open(f"{shared_room.url}/users")
    await owner.click("New user")
    await owner.type("Name", "carol")
    await owner.type("First balance", "10")
    await owner.press("Enter")
    await owner.see("carol begins with $10.00.")
    await owner.click("Create")
    await owner.click("Create key")
    await owner.see("cannot be shown again")
    secret = await owner.run("document.querySelector('.secret textarea').value")
    assert secret.startswith("sk-")
    await owner.click("I have copied it")
    await owner.gone("cannot be shown again")
    assert secret not in await owner.run("document.documentElement.innerHTML")
    await owner.click("carol")
    await owner.click("Top up", "main")
    await owner.type("Amount", "2.50")
    await owner.click("Continue")
    await owner.see("$2.50 is added to carol's balance: $10.00 becomes $12.50.")
    assert gateway.users[-1]["balance_nano"] == 10 * 10**9
    await owner.click("Add $2.50")
    await owner.see("$2.50 added.")
    await owner.gone("becomes $12.50.")
    await owner.see("$12.50")
    topped = [seen for seen in gateway.seen if seen.path == "/admin/ledger/topups"]
    assert len(topped) == 1
    assert topped[0].idempotency_key
    assert topped[0].body["amount"] == "2.50"


async def test_a_wrong_amount_is_told_before_anything_is_sent(
    shared_room: Served, owner: Browser, gateway: AdminStandIn
) -> None:
    await owner.open(f"{shared_room.url}/users")
    await owner.click("alice")
    await owner.click("Top up")
    for amount, words in (("-5", "cannot be negative"), ("ten", "is not a number"), ("0", "Type an amount above 0")):
        await owner.type("Amount", amount)
        await owner.click("Continue")
        await owner.see(words)
    await owner.type("Amount", "0.0000000001")
    await owner.click("Continue")
    await owner.see("more than 9 decimals")
    assert not [seen for seen in gateway.seen if seen.method == "POST" and "ledger" in seen.path]


async def test_disabling_asks_first_and_cancel_changes_nothing(
    shared_room: Served, owner: Browser, gateway: AdminStandIn
) -> None:
    await owner.open(f"{shared_room.url}/users")
    await owner.click("alice")
    await owner.click("Disable", "main")
    await owner.see("Every key of alice is refused from now on.")
    await owner.click("Cancel")
    await owner.gone("is refused from now on.")
    assert gateway.users[0]["active"]
    await owner.click("Disable", "main")
    await owner.until("document.querySelector('.q-dialog .actions .bg-negative').disabled")
    await owner.type("Type it here", "alice")
    await owner.until("!document.querySelector('.q-dialog .actions .bg-negative').disabled")
    await owner.click("Disable", ".q-dialog .actions")
    await owner.see("disabled")
    assert not gateway.users[0]["active"]


async def test_revoking_a_key_asks_first(shared_room: Served, owner: Browser, gateway: AdminStandIn) -> None:
    await owner.open(f"{shared_room.url}/keys")
    await owner.click("default")
    await owner.click("Revoke")
    await owner.see("This cannot be undone.")
    await owner.click("Revoke", ".q-dialog .actions")
    await owner.see("The key is revoked.")
    assert not gateway.keys[0]["active"]


async def test_a_refused_change_is_told_in_the_gateways_words(
    shared_room: Served, owner: Browser, gateway: AdminStandIn
) -> None:
    await owner.open(f"{shared_room.url}/users")
    await owner.click("New user")
    await owner.type("Name", "alice")
    await owner.type("First balance", "12.34")
    await owner.press("Enter")
    await owner.see("alice begins with $12.34.")
    await owner.until("document.activeElement.innerText.startsWith('alice begins')")  # and Enter does nothing yet
    await owner.click("Create")
    await owner.see("there is a user named alice already")
    assert await owner.run(TYPED) == ["alice", "12.34"]
    await owner.until("document.activeElement.value === 'alice'")
    await owner.type("Name", "alicia")
    await owner.click("Continue")
    await owner.gone("there is a user named alice already")
    await owner.click("Back")
    assert await owner.run(TYPED) == ["alicia", "12.34"]
    await owner.click("Continue")
    await owner.click("Create")
    await owner.see("Create key")
    made = [seen for seen in gateway.seen if (seen.method, seen.path) == ("POST", "/admin/users")]
    assert [seen.body["username"] for seen in made] == ["alice", "alicia"]
    assert made[0].idempotency_key != made[1].idempotency_key
    await owner.press("Escape")


async def test_what_the_gateway_refuses_stays_open_with_its_words(
    shared_room: Served, owner: Browser, gateway: AdminStandIn
) -> None:
    await owner.open(f"{shared_room.url}/users")
    await owner.click("alice")
    words, gateway.refuse_reads = "not while the books are checked <b>", False
    for opener, fields, verb, typed in (
        ("Top up", {"Amount": "2.50", "Reason": "cash"}, "Add $2.50", ""),
        ("Adjust", {"Amount": "-1.00", "Reason": "twice"}, "Adjust", "alice"),
        ("Disable", {}, "Disable", "alice"),
    ):
        await owner.click(opener, "main")
        for label, text in fields.items():
            await owner.type(label, text)
        if fields:
            await owner.click("Continue", ".q-dialog .actions")
        if typed:
            await owner.type("Type it here", typed)
            await owner.until("[...document.querySelectorAll('.q-dialog .bg-negative')].every(e => !e.disabled)")
        gateway.refuse = (409, words)
        await owner.click(verb, ".q-dialog .actions")
        await owner.see(words)
        assert await owner.run(TYPED) == (list(fields.values()) or ["alice"])
        gateway.refuse = None
        await owner.press("Escape")
        await owner.until("!document.querySelector('.q-dialog')")
    await owner.click("Top up", "main")
    await owner.type("Amount", "2.50")
    for refused in ((503, words), None):
        await owner.click("Continue", ".q-dialog .actions")
        gateway.refuse = refused
        await owner.click("Add $2.50", ".q-dialog .actions")
        await owner.see(words if refused else "$2.50 added.")
    keys = [seen.idempotency_key for seen in gateway.seen if seen.path == "/admin/ledger/topups"][-2:]
    assert keys[0] == keys[1]  # the same wish, sent again
