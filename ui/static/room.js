// What the control room does in the browser alone: times in the viewer's zone, shortcuts, theme, copying.
// Loaded before the page is drawn; every page's templates and charts rely on `room`.
"use strict";

// Made once, when first wanted: a chart writes hundreds of labels, and a form is dear to make.
const clock = {hour: "2-digit", minute: "2-digit", hourCycle: "h23"}, date = {month: "short", day: "numeric"};
const makers = {
  hour: () => new Intl.DateTimeFormat(undefined, clock),
  wholeHour: () => new Intl.DateTimeFormat(undefined, {weekday: "short", ...date, ...clock}),
  day: () => new Intl.DateTimeFormat(undefined, {...date, timeZone: "UTC"}),
  wholeDay: () => new Intl.DateTimeFormat(undefined, {weekday: "short", year: "numeric", ...date, timeZone: "UTC"}),
  weekday: () => new Intl.DateTimeFormat(undefined, {weekday: "short", day: "numeric"}),
  number: () => new Intl.NumberFormat("en", {maximumFractionDigits: 9}),
  short: () => new Intl.NumberFormat("en", {notation: "compact", maximumSignificantDigits: 3}),
};
const made = {};
const written = (form, value) => (made[form] ??= makers[form]()).format(value);

const room = {
  /** Epoch seconds in the viewer's own zone and manner. */
  when(seconds, never = "–") {
    if (seconds == null) return never;
    const found = new Date(seconds * 1000);
    const year = found.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
    return found.toLocaleString(undefined, {
      year, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
    });
  },

  /** The same with zone and full date, for the pointer. */
  exactly(seconds) {
    return seconds == null ? "" : new Date(seconds * 1000).toLocaleString(undefined, {dateStyle: "full", timeStyle: "long"});
  },

  /** How long ago, in words that are short. */
  ago(seconds, never = "–") {
    if (seconds == null) return never;
    const passed = Date.now() / 1000 - seconds;
    const words = new Intl.RelativeTimeFormat(undefined, {numeric: "auto", style: "short"});
    for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
      if (Math.abs(passed) >= size) return words.format(-Math.trunc(passed / size), unit);
    }
    return "just now";
  },

  /** What a link under the reverse proxy's sub-path reads. */
  path: path => (window.path_prefix || "") + path,

  /** Stores a file of ours. */
  fetch(path) {
    const link = Object.assign(document.createElement("a"), {href: room.path(path), download: ""});
    document.body.append(link);
    link.click();
    link.remove();
  },

  /** Epoch seconds of a local date and time such as 2026-11-26T14:30; null where it is none. */
  epoch(local) {
    const found = new Date(/T/.test(local) ? local : local + "T00:00").getTime();
    return Number.isFinite(found) ? Math.floor(found / 1000) : null;
  },

  /** An hour in the viewer's zone; a day as the gateway sums it up, in UTC. Epoch seconds, as text too. */
  hour: (at, whole = false) => written(whole ? "wholeHour" : "hour", at * 1000),
  day: (at, whole = false) => written(whole ? "wholeDay" : "day", at * 1000),
  weekday: at => written("weekday", at * 1000),
  isMidnight: at => new Date(at * 1000).getHours() === 0,

  /** A value in a chart's tooltip: with thousands, and as money where there is a currency. */
  amount(value, currency) {
    if (value == null) return "–";
    const digits = room.number(value);
    if (!currency) return digits;
    try {
      const places = Math.abs(value) >= 1 || !value ? 2 : 6;
      return Number(value).toLocaleString("en", {style: "currency", currency, minimumFractionDigits: 2,
        maximumFractionDigits: places});
    } catch { // a currency that is none of ISO 4217
      return `${digits} ${currency}`;
    }
  },

  /** Full digits with thousands; a short form for axes. */
  number: value => written("number", value),
  short: value => written("short", value),

  /** A dialog shows its other step: the focus goes to what is filled in there, else to what is said. */
  step(id) {
    requestAnimationFrame(() => {
      const box = document.getElementById(id);
      (box?.querySelector("input, textarea") || box?.querySelector("[tabindex]"))?.focus();
    });
  },

  turnTheme() {
    Quasar.Dark.toggle();
    const chosen = Quasar.Dark.isActive ? "dark" : "light";
    document.documentElement.dataset.theme = chosen;
    document.cookie = `theme=${chosen}; path=/; max-age=31536000; samesite=lax`;
  },

  turnNavigation() {
    document.body.classList.toggle("nav-open");
  },

  signOut() {
    const form = Object.assign(document.createElement("form"), {method: "post", action: room.path("/sign-out")});
    document.body.append(form);
    form.submit();
  },

  help() {
    const box = document.querySelector("dialog.help");
    if (box && !box.open) box.showModal();
  },

  /** Copies what stands beside the button: a field's value or a text. */
  async copy(event) {
    const box = event.target.closest(".copies"), field = box.querySelector("input, textarea");
    const text = field ? field.value : box.querySelector(".copied").textContent;
    try { await navigator.clipboard.writeText(text); } catch { room.copyOldWay(text, box); }
    Quasar.Notify.create({message: "Copied", timeout: 1500});
  },

  copyOldWay(text, box) { // without leave, or over plain HTTP from another machine, where there is no navigator.clipboard
    const area = Object.assign(document.createElement("textarea"), {value: text});
    box.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  },
};

(() => {
  let lead = 0; // when "g" was pressed, in ms
  const typing = found => found.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(found.tagName);

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      document.body.classList.remove("nav-open");
      if (typing(event.target) && !event.target.closest(".q-dialog")) event.target.blur();
      return;
    }
    if (typing(event.target) || document.querySelector(".q-dialog, dialog[open]")) return;
    const follows = Date.now() - lead < 1500;
    lead = event.key === "g" && !follows ? Date.now() : 0;
    if (follows) go(event);
    else if (event.key === "?") room.help();
    else if (event.key === "/") focusSearch(event);
  }

  function go(event) {
    const link = document.querySelector(`.nav-link[data-go="${CSS.escape(event.key)}"]`);
    if (link) link.click();
  }

  function focusSearch(event) {
    const field = document.querySelector(".room .search input");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  }

  // NiceGUI takes a dialog away before Quasar gives the focus back: it goes where it was, in the dialog below or the page.
  const last = new WeakMap(), dialogOf = found => found.closest(".q-dialog") || document;

  function giveBack() {
    if (document.activeElement && document.activeElement !== document.body) return;
    const found = last.get([...document.querySelectorAll(".q-dialog")].at(-1) || document);
    (found?.isConnected ? found : document.getElementById("room"))?.focus();
  }

  // Quasar brings the focus back to a dialog only when its transition is over: until then Tab would go behind it, and
  // what it came to there would be taken for what opened it. Nothing under the uppermost dialog can be reached at all.
  const isDialog = node => node.id?.startsWith("q-portal--dialog");

  function onlyTheUppermost() {
    const layers = [...document.body.children].filter(node => node.id === "app" || isDialog(node));
    layers.forEach((layer, at) => layer.toggleAttribute("inert", at < layers.length - 1));
  }

  const watching = new MutationObserver(changes => {
    const among = nodes => changes.some(change => [...change[nodes]].some(isDialog));
    const gone = among("removedNodes");
    if (gone || among("addedNodes")) onlyTheUppermost();
    if (gone) giveBack();
  });

  document.addEventListener("DOMContentLoaded", () => watching.observe(document.body, {childList: true}));
  document.addEventListener("focusin", event => last.set(dialogOf(event.target), event.target));
  document.addEventListener("keydown", pressed);
  document.addEventListener("visibilitychange", () => window.emitEvent && emitEvent("visibility", document.hidden));
})();
