// The operator's workbench: queue, map and case linked by the chosen number. The list itself is kept true by queue.js:
// nothing moves under the cursor, what is new waits in the slot, what colleagues did is marked in place.
import { api } from "./api.js";
import { Bulk } from "./bulk.js";
import { CasePanel } from "./casepanel.js";
import { Claims } from "./claims.js";
import { Compare } from "./compare.js";
import { hold, watchHolders } from "./holders.js";
import { Keyboard } from "./keyboard.js";
import { live } from "./live.js";
import { AreaMap } from "./map.js";
import { bare, withLayers } from "./maplayers.js";
import { Palette } from "./palette.js";
import { go, leave } from "./queue.js";
import { Texts } from "./texts.js";
import { takeOffer, toast } from "./toast.js";

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const WIDE = matchMedia("(min-width: 801px)");
//: What leaves the case where it is.
const STAYS = new Set(["note", "supervise", "amend", "claim", "phone"]);

const list = find("[data-live-list]");
const shell = find(".gg-workbench");
shell.dataset.desk = list.dataset.desk;
const panel = new CasePanel(find("[data-case]"));
const claims = new Claims(panel);
const texts = new Texts(panel);
const compare = new Compare(panel, find("[data-compare-dialog]"));
const rows = () => all(".gg-wrow", list);
const open = () => rows().filter((row) => !row.classList.contains("gg-left"));
const rowOf = (number) => (number ? find(`#row-${CSS.escape(number)}`, list) : null);
let chosen = "";
let map = null;
//: What the last step could be taken back by: the case's short number, the step's name.
let offered = null;

// --- the chosen row ---------------------------------------------------------------------------------------------

function mark() {
  for (const row of rows()) row.setAttribute("aria-selected", String(row.dataset.number === chosen));
  const row = rowOf(chosen);
  if (row) list.setAttribute("aria-activedescendant", row.id);
  else list.removeAttribute("aria-activedescendant");
}

function placeOf(row) {
  return row?.dataset.lon ? { lon: Number(row.dataset.lon), lat: Number(row.dataset.lat) } : null;
}

function choose(number, { focus = false, back = false } = {}) {
  const first = !chosen;
  chosen = number;
  mark();
  const row = rowOf(number);
  row?.scrollIntoView({ block: "nearest" });
  const order = open();
  // the one that is wanted first, then the one that is likely to be next
  panel.show(number, { focus }).then(() => chosen === number && panel.prefetch(order[order.indexOf(row) + 1]?.dataset.number));
  const address = new URL(location.href);
  address.hash = number;
  // on a phone the case lies over the list, and going back takes it away
  if (!WIDE.matches && first && number && !back) history.pushState({ over: true }, "", address);
  else history.replaceState(history.state, "", address);
  cover();
}

/** No case is chosen, and none shown. */
function empty() {
  chosen = "";
  mark();
  panel.show("");
  map?.pin("", null);
  history.replaceState(history.state, "", `${location.pathname}${location.search}`);
  cover();
}

/** Where the case covers the list, the list is not there for the keyboard and for those who cannot see. */
function cover() {
  const over = !WIDE.matches && Boolean(chosen);
  for (const part of all(".gg-wtabs, .gg-wqueue", shell)) part.inert = over;
}

function uncover() {
  const row = rowOf(chosen);
  chosen = "";
  mark();
  panel.show("");
  cover();
  list.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

WIDE.addEventListener("change", cover);
addEventListener("popstate", async () => {
  const number = decodeURIComponent(location.hash.slice(1));
  if (bare(location.search) !== shown) await visit(location.href, { push: false });
  if (number && number !== chosen) choose(number, { back: true });
  else if (!number && !WIDE.matches && chosen) uncover();
});

function step(by) {
  const order = open();
  if (!order.length) return;
  const here = order.findIndex((row) => row.dataset.number === chosen);
  choose(order[here < 0 ? 0 : Math.min(order.length - 1, Math.max(0, here + by))].dataset.number);
}

// a hand that presses will let go: the case is asked for meanwhile
list.addEventListener("pointerdown", ({ button, target }) => {
  const row = button === 0 && target.closest(".gg-wrow");
  if (row && !target.closest(".gg-wpick, a")) panel.prefetch(row.dataset.number);
});
list.addEventListener("click", (event) => {
  const row = event.target.closest(".gg-wrow");
  if (row && !event.target.closest(".gg-wpick, a")) choose(row.dataset.number);
});
document.addEventListener("gg:list", ({ detail: page }) => {
  for (const name of ["tabs", "ticker", "above", "below"]) {
    const [mine, theirs] = [find(`[data-part=${name}]`), find(`[data-part=${name}]`, page)];
    if (mine && theirs && mine.innerHTML !== theirs.innerHTML) mine.innerHTML = theirs.innerHTML;
  }
  queueMicrotask(mark);
  map?.refresh();
});

// --- filters, views and pages, without loading the workbench anew ---------------------------------------------------

let shown = bare(location.search);

async function visit(address, { push = true } = {}) {
  let page = null;
  if (push) address = withLayers(address);
  try {
    page = await go(address, { push });
  } catch {
    return toast(gettext("网络不通，请稍后再试。"), { kind: "over" });
  }
  if (!page) return location.assign(address);
  shown = bare(location.search);
  const focused = document.activeElement?.id;
  for (const part of ["[data-filter]", "[data-view-links]", "[data-to-list]"]) {
    const [mine, theirs] = [find(part), find(part, page)];
    if (mine && theirs) mine.replaceWith(theirs);
  }
  if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus();
  // where the filter finds nothing no case stands there with live keys; what was typed is kept for it
  if (!rows().length) empty();
  else if (!rowOf(chosen) && WIDE.matches && !panel.isTouched) choose(rows()[0].dataset.number);
  return page;
}

find(".gg-wqueue").addEventListener("change", (event) => {
  const form = event.target.closest("[data-filter]");
  if (!form) return;
  const asked = [...new FormData(form)].filter(([, value]) => value);
  visit(`${location.pathname}?${new URLSearchParams(asked)}`);
});
shell.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='?']");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  find("[data-views]").open = false;
  const kept = document.activeElement === link && !link.closest("[data-views]");
  visit(`${location.pathname}${link.getAttribute("href") === "?" ? "" : link.getAttribute("href")}`).then(() => {
    if (!kept || document.activeElement === document.body) list.focus({ preventScroll: true });
  });
});

live.on("case", ({ n, seq }) => {
  panel.forget(n);
  if (n === chosen && seq > Number(panel.panel?.dataset.seq ?? 0)) panel.refresh();
});
live.on("gap", () => chosen && panel.refresh());

// --- after a step -------------------------------------------------------------------------------------------------

panel.addEventListener("shown", ({ detail }) => {
  if (detail.number !== chosen) return;
  // first the case, then the map that is moved to it
  requestAnimationFrame(() => setTimeout(() => detail.number === chosen && map?.pin(chosen, placeOf(rowOf(chosen)) ?? placeOf(detail.panel))));
});
panel.addEventListener("done", ({ detail }) => {
  const row = rowOf(detail.number);
  const order = open();
  const here = order.indexOf(row);
  const next = order[here + 1] ?? order[here - 1];
  const undo = detail.undo;
  offered = undo ? [detail.number.slice(-7), undo.label] : null;
  toast(`${detail.number.slice(-7)} · ${detail.words}`, {
    action: undo && { label: undo.label, key: "Z", run: () => takeBack(detail.number, undo.action) },
  });
  const had = panel.box.contains(document.activeElement) || document.activeElement === document.body;
  if (STAYS.has(detail.action) || !row || !next) {
    // the hand is not lost with the form that is gone
    if (had && WIDE.matches) list.focus({ preventScroll: true });
    if (row && !STAYS.has(detail.action)) leave(detail.number, detail.words.replace(/[。.]$/, ""));
    panel.refresh({ fresh: true });
    return;
  }
  leave(detail.number, detail.words.replace(/[。.]$/, ""));
  choose(next.dataset.number);
  if (had && WIDE.matches) list.focus({ preventScroll: true });
});
// --- who holds what -----------------------------------------------------------------------------------------------

panel.addEventListener("shown", ({ detail }) => hold(rowOf(detail.number), detail.panel.dataset.holder));
live.on("claim", ({ n }) => panel.forget(n));
watchHolders(
  () => [...new Set([chosen, ...open().map((row) => row.dataset.number)])].filter(Boolean),
  (held, asked) => {
    for (const number of asked) hold(rowOf(number), held[number] ?? "");
    const shown = panel.panel;
    const is = asked.includes(chosen) && shown?.dataset.number === chosen;
    if (is && !claims.isBusy && shown.dataset.holder !== (held[chosen] ?? "")) panel.refresh();
  },
);
/** Why Z takes nothing back: the step cannot be, or its offer is over and the case's own form does it. */
function lapsed() {
  return offered ? interpolate(gettext("撤回的提示已过：请打开 %s，用“%s”。"), offered) : gettext("这一步不能撤回。");
}

async function takeBack(number, action) {
  offered = null;
  choose(number);
  panel.refresh();
  await panel.settled();
  if (panel.number === number) panel.act(action, { send: false });
}

list.addEventListener("bulk-done", () => (offered = null));
list.addEventListener("bulk-done", ({ detail }) => STAYS.has(detail.action) || leave(detail.number, detail.label));
find("[data-again]").addEventListener("click", () => panel.show(chosen));
find("[data-back]").addEventListener("click", () => (history.state?.over ? history.back() : uncover()));
find("[data-part=ticker]").addEventListener("click", (event) => {
  const link = event.target.closest("[data-open]");
  if (!link) return;
  event.preventDefault();
  choose(link.dataset.open);
});

// --- map ------------------------------------------------------------------------------------------------------------

function drawMap() {
  const host = find("[data-map]");
  const configuration = JSON.parse(host.dataset.map);
  if (configuration.area === null || !window.L || map) return;
  map = new AreaMap(host, configuration, { area: configuration.area, level: configuration.level, plain: true, cases: true, wheel: true });
  map.addEventListener("case", (event) => {
    event.preventDefault();
    choose(event.detail.number);
  });
  map.ready.then(() => map.pin(chosen, placeOf(rowOf(chosen))));
}

const toggle = find("[data-map-toggle]");
toggle.addEventListener("click", () => {
  const shown = shell.toggleAttribute("data-map-shown");
  toggle.setAttribute("aria-pressed", String(shown));
  drawMap();
  map?.refresh();
});

// --- keys -----------------------------------------------------------------------------------------------------------

const keys = new Keyboard();
const unfocused = ({ target }) => target === document.body || target === list;
keys.on("j", () => step(1)).on("k", () => step(-1));
keys.on("ArrowDown", (event) => (unfocused(event) ? step(1) : false));
keys.on("ArrowUp", (event) => (unfocused(event) ? step(-1) : false));
keys.on("Enter", (event) => (unfocused(event) ? void panel.show(chosen, { focus: true }) : false));
keys.on("?", () => find("[data-keys]").showModal());
keys.on("g q", () => list.focus());
keys.on("g m", () => find("[data-map] .gg-area[tabindex='0']")?.focus());
keys.on("g r", () => find("#panel-title")?.focus());
keys.on("z", () => takeOffer() || toast(lapsed(), { kind: "over" }));
keys.on("b", () => bulk.pick());
keys.on(" ", (event) => {
  const row = unfocused(event) && list.hasAttribute("data-picking") && rowOf(chosen);
  if (!row) return false;
  bulk.turn(row);
  return undefined;
});
keys.on("Escape", ({ target }) => {
  const menu = target.closest?.("details[open].gg-views, details[open].gg-seize") ?? find("details[open].gg-views, details[open].gg-seize");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (!WIDE.matches && chosen && target === document.body) find("[data-back]").click();
  else if (target !== list) list.focus({ preventScroll: true });
  else if (list.hasAttribute("data-picking")) bulk.pick(false);
});
keys.on("c", () => claims.toggle()).on("t", () => texts.key()).on("/", () => palette.show());
// a step's letter is meant for the picked rows, where there are some
keys.on("m", () => bulk.key("m") || compare.first() || panel.key("m"));
for (const letter of "afdrvnehxs") keys.on(letter, () => bulk.key(letter) || panel.key(letter));

// --- command line, many at once, views ------------------------------------------------------------------------------

const palette = new Palette(find("[data-palette]"), {
  open: (number) => choose(number),
  // an area, a category and a component are filters of the queue
  filter: (kind, key) => visit(`${location.pathname}?${new URLSearchParams({ [kind]: key })}`).then(() => list.focus({ preventScroll: true })),
});
// the search of the bar is the same finder: here it opens without leaving the desk
find(".gg-find").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = event.target.elements.text;
  palette.show(input.value.trim());
  input.value = "";
});
const bulk = new Bulk(list, find("[data-bulk-bar]"), find("[data-bulk-dialog]"), find("[data-pick]"));

async function renewViews() {
  const page = await go(location.href, { push: false });
  const [mine, theirs] = [find("[data-view-links]"), page && find("[data-view-links]", page)];
  if (theirs) mine.replaceWith(theirs);
}

find("[data-views]").addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-drop-view]");
  if (!button) return;
  try {
    await api("DELETE", `views/${button.dataset.dropView}/`);
    await renewViews();
    find("[data-views] > summary").focus();
  } catch (refused) {
    toast(refused.message, { kind: "over" });
  }
});
document.addEventListener("click", ({ target }) => {
  for (const menu of all("details[open].gg-views, details[open].gg-seize")) if (!menu.contains(target)) menu.open = false;
});
find("[data-save-view]").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const name = form.elements.name.value.trim();
  const area = form.elements.area?.value;
  const query = Object.fromEntries([...new URLSearchParams(bare(location.search))].filter(([key, value]) => value && key !== "after" && key !== "touched"));
  try {
    await api("POST", "views/", { desk: shell.dataset.desk, name, query, ...(area ? { area: Number(area) } : {}) });
    form.reset();
    await renewViews();
    toast(interpolate(gettext("已保存视图「%s」"), [name]));
  } catch (refused) {
    toast(refused.message, { kind: "over" });
  }
});

// --- begin ------------------------------------------------------------------------------------------------------------

const wanted = decodeURIComponent(location.hash.slice(1));
if (wanted) choose(wanted, { back: true });
else if (WIDE.matches && rows().length) choose(rows()[0].dataset.number);
if (matchMedia("(min-width: 1280px)").matches) drawMap();
