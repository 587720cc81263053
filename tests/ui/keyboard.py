"""A page or dialog by the Tab key alone: what it comes to, what that is called, and whether it is seen to be there.

found = await walk(browser)      # from the top of the page, or inside the dialog that is open
"""

from tests.ui.browser import Browser

TABS_MOST = 200
STILL = """(() => {
  const style = document.createElement("style");
  style.textContent = "*, *::before, *::after {transition: none !important}";
  document.head.append(style);
})()"""
"""Else a look directly after a change would see what was before."""
WANTED = """(() => {
  const dialog = document.querySelector("dialog[open]") || [...document.querySelectorAll(".q-dialog .q-card")].at(-1);
  const keys = "a[href], button, input, textarea, select, summary, [tabindex='0']";
  const off = "[disabled], [aria-disabled=true], [aria-hidden=true]";
  const large = box => box.width > 0 && box.height > 0;
  const seen = e => large(e.getBoundingClientRect()) && e.checkVisibility({visibilityProperty: true});
  const pointed = e => getComputedStyle(e).cursor === "pointer";
  const all = [...(dialog || document.body).querySelectorAll("*")].filter(e => seen(e) && !e.closest(off));
  window.wanted = new Map(all.filter(e => e.matches(keys) && e.tabIndex >= 0).map(e => [e, false]));
  // What the pointer takes for something to click is inside, or around, something that the keyboard comes to.
  // Of a row of tabs the chosen one is reached by Tab, the others by the arrows from there.
  const stop = (e, around) => e.closest(around)?.querySelector(keys);
  const near = e => e.closest(keys) || e.querySelector(keys) || stop(e, "label, .q-field") || stop(e, "[role=tablist]");
  const alone = all.filter(e => pointed(e) && !pointed(e.parentElement) && !near(e));
  return alone.map(e => e.outerHTML.slice(0, 160));
})()"""
LOOK = """(async () => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  if (e === window.before) return {same: true}; // the next part of a date
  const signs = (at, part) => {
    const s = getComputedStyle(at, part);
    return [s.outlineStyle, s.outlineWidth, s.boxShadow, s.borderColor, s.borderWidth, s.backgroundColor, s.opacity];
  };
  const around = [e, e.parentElement, e.closest(".q-field__control"), e.closest(".q-toggle, .q-checkbox, .line, .tile"),
    ...(e.closest("label") || e).querySelectorAll(".q-focus-helper, .q-toggle__thumb, .q-checkbox__inner")];
  const all = () => around.filter(at => at).flatMap(at => [null, "::before", "::after"].map(p => signs(at, p))).join();
  const again = window.wanted.get(e), box = e.getBoundingClientRect();
  const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  await frame(); // Vue draws a field's focus a moment later
  const focused = all();
  e.blur();
  await frame();
  const plain = all();
  e.focus({preventScroll: true});
  window.wanted.set(e, true);
  window.before = e;
  return {
    again, shown: focused !== plain, html: e.outerHTML.slice(0, 160),
    inside: !!e.closest("dialog[open], .q-dialog"),
    off: box.right < 0 || box.bottom < 0 || box.left > innerWidth || box.top > innerHeight,
  };
})()"""
LEFT = """[...window.wanted].filter(([e, been]) => !been && e.isConnected && e.getBoundingClientRect().width)
  .map(([e]) => e.outerHTML.slice(0, 160))"""


async def walk(browser: Browser, dialog: bool = False) -> list[str]:
    """Faults, in words; none where all is well."""
    await browser.run(STILL)
    faults = [f"only for the pointer: {html}" for html in await browser.run(WANTED)]
    if not dialog:
        await browser.run("document.activeElement.blur(), getSelection().removeAllRanges(), scrollTo(0, 0)")
    for _ in range(TABS_MOST):
        await browser.press("Tab")
        found = await browser.run(LOOK)
        if found is None and dialog:  # the browser's own bar, from which the way leads back
            continue
        if found is None:
            break
        if found.get("same"):
            continue
        if found.get("again"):
            break
        if not found["shown"]:
            faults.append(f"not seen to have the focus: {found['html']}")
        if found["off"]:
            faults.append(f"has the focus out of sight: {found['html']}")
        if dialog and not found["inside"]:
            faults.append(f"behind the dialog: {found['html']}")
        if not await _name(browser):
            faults.append(f"without a name: {found['html']}")
    return faults + [f"never reached: {html}" for html in await browser.run(LEFT)]


async def _name(browser: Browser) -> str:
    """What a screen reader calls the thing that has the focus."""
    held = await browser.say("Runtime.evaluate", expression="document.activeElement")
    found = await browser.say(
        "Accessibility.getPartialAXTree", objectId=held["result"]["objectId"], fetchRelatives=False
    )
    [node] = found["nodes"]
    return str(node.get("name", {}).get("value", "")).strip()
