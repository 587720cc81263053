"""Dialogs on a phone: nothing is cut off, every field has its name, every button can be reached."""

from pathlib import Path

from tests.ui.conftest import needs_browser
from tests.ui.dialogs import dialogs, step
from tests.ui.screenshots import READY
from tests.ui.whole import whole

pytestmark = needs_browser
SOME = (
    *("user-new-sure", "user-top-up", "user-adjust-wrong", "user-adjust-sure", "user-terms", "key-once", "key"),
    *("key-rotate", "key-change", "model-new", "model-change", "export", "backend", "endpoint", "change", "keyboard"),
)
FAULTS = """(() => {
  const dialog = document.querySelector(".q-dialog .q-card") || document.querySelector("dialog[open]");
  const seen = e => e.getBoundingClientRect().width > 0, faults = [];
  const inside = e => { const b = e.getBoundingClientRect(); return b.left >= 0 && b.right <= innerWidth + 0.5; };
  const named = f => f.getAttribute("aria-label") || [...(f.labels || [])].some(l => l.innerText.trim());
  if (!dialog) return ["no dialog"];
  if (dialog.scrollWidth > dialog.clientWidth + 1) faults.push(`${dialog.scrollWidth} wide in ${dialog.clientWidth}`);
  for (const label of dialog.querySelectorAll(".q-field__label"))
    if (label.scrollWidth > label.clientWidth + 1) faults.push(`cut: ${label.innerText}`);
  for (const part of dialog.querySelectorAll("button, input, textarea, dd, .sentence"))
    if (seen(part) && !inside(part)) faults.push(`beyond the edge: ${part.innerText || part.tagName}`);
  for (const field of dialog.querySelectorAll("input, textarea"))
    if (seen(field) && !named(field)) faults.push(`no name: ${field.outerHTML.slice(0, 80)}`);
  for (const button of dialog.querySelectorAll("button"))
    if (seen(button) && !(button.innerText.trim() || button.getAttribute("aria-label"))) faults.push("a mute button");
  const last = [...dialog.querySelectorAll("button")].filter(seen).at(-1);
  if (last) last.scrollIntoView({block: "nearest", behavior: "instant"});
  if (last && last.getBoundingClientRect().bottom > innerHeight + 0.5) faults.push(`out of reach: ${last.innerText}`);
  return faults;
})()"""

FOCUSED = """(() => {
  const dialog = document.querySelector(".q-dialog") || document.querySelector("dialog[open]");
  return dialog.contains(document.activeElement);
})()"""


async def test_on_a_phone_no_dialog_is_cut_and_every_field_has_its_name(tmp_path: Path) -> None:
    async with whole(tmp_path) as house:
        await house.admin.add_user("a.long.name.of-a-customer@lab.example", "10.00")
        await house.admin.add_key("a.long.name.of-a-customer@lab.example", name="the workstation in the cellar")
        owner, found = house.browser, dict[str, list[str]]()
        await owner.size(390, 844, phone=True)
        places = {"users-one": "/users/a.long.name.of-a-customer@lab.example", "models-model-path": "/models/stand-in"}
        for name, (path, steps) in dialogs(places).items():
            if name not in SOME:
                continue
            await house.open(path)
            await owner.until(f"location.pathname === {path.partition('?')[0]!r} && {READY}")
            for verb, *words in steps:
                await step(owner, verb, *words)
            await owner.until("!!document.querySelector('.q-dialog .q-card, dialog[open]')")
            await owner.until("!document.querySelector('.q-transition--scale-enter-active')")
            await owner.until(FOCUSED)
            found[name] = await owner.run(FAULTS)
        assert {name: faults for name, faults in found.items() if faults} == {}
        assert len(found) == len(SOME)
        await house.nothing_went_wrong()
