// The operator's workbench: queue, map and case linked by the chosen number. The list itself is kept true by queue.js:
// nothing moves under the cursor, what is new waits in the slot, what colleagues did is marked in place.
import { api } from "./api.js";
import { Bulk } from "./bulk.js";
import { CasePanel } from "./casepanel.js";
import { Claims } from "./claims.js";
import { Keyboard } from "./keyboard.js";
import { live } from "./live.js";
import { AreaMap } from "./map.js";
import { Palette } from "./palette.js";
import "./queue.js";
import { Texts } from "./texts.js";
import { toast } from "./toast.js";

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
const rows = () => all(".gg-wrow", list);
const open = () => rows().filter((row) => !row.classList.contains("gg-left"));
const rowOf = (number) => (number ? find(`#row-${CSS.escape(number)}`, list) : null);
let chosen = "";
let map = null;

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

function choose(number, { focus = false } = {}) {
  chosen = number;
  mark();
  const row = rowOf(number);
  row?.scrollIntoView({ block: "nearest" });
  const order = open();
  panel.prefetch(order[order.indexOf(row) + 1]?.dataset.number);
  panel.show(number, { focus });
  map?.pin(number, placeOf(row));
  const address = new URL(location.href);
  address.hash = number;
  history.replaceState(null, "", address);
}

function step(by) {
  const order = open();
  if (!order.length) return;
  const here = order.findIndex((row) => row.dataset.number === chosen);
  choose(order[here < 0 ? 0 : Math.min(order.length - 1, Math.max(0, here + by))].dataset.number);
}

list.addEventListener("click", (event) => {
  const row = event.target.closest(".gg-wrow");
  if (row && !event.target.closest("input, a")) choose(row.dataset.number);
});
document.addEventListener("gg:list", ({ detail: page }) => {
  for (const name of ["tabs", "ticker"]) {
    const [mine, theirs] = [find(`[data-part=${name}]`), find(`[data-part=${name}]`, page)];
    if (mine && theirs && mine.innerHTML !== theirs.innerHTML) mine.innerHTML = theirs.innerHTML;
  }
  queueMicrotask(mark);
  map?.refresh();
});

live.on("case", ({ n, seq }) => {
  panel.forget(n);
  if (n === chosen && seq > Number(panel.panel?.dataset.seq ?? 0)) panel.refresh();
});
live.on("gap", () => chosen && panel.refresh());

// --- after a step -------------------------------------------------------------------------------------------------

panel.addEventListener("shown", ({ detail }) => {
  if (detail.number === chosen) map?.pin(chosen, placeOf(rowOf(chosen)) ?? placeOf(detail.panel));
});
panel.addEventListener("done", ({ detail }) => {
  const row = rowOf(detail.number);
  const order = open();
  const here = order.indexOf(row);
  const next = order[here + 1] ?? order[here - 1];
  const undo = detail.undo;
  toast(`${detail.number.slice(-7)} · ${detail.words}`, {
    action: undo && { label: undo.label, run: () => takeBack(detail.number, undo.action) },
  });
  if (STAYS.has(detail.action) || !row || !next) panel.refresh();
  else choose(next.dataset.number);
});

async function takeBack(number, action) {
  choose(number);
  await panel.show(number);
  panel.act(action);
}

find("[data-again]").addEventListener("click", () => panel.show(chosen));
find("[data-back]").addEventListener("click", () => {
  panel.show("");
  list.focus();
});
find("[data-part=ticker]").addEventListener("click", (event) => {
  const link = event.target.closest("[data-open]");
  if (!link) return;
  event.preventDefault();
  choose(link.dataset.open);
});
find("[data-filter]").addEventListener("change", (event) => event.currentTarget.requestSubmit());

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
keys.on("Escape", ({ target }) => {
  if (target !== document.body) target.blur();
});
keys.on("c", () => claims.toggle()).on("t", () => texts.key()).on("/", () => palette.show());
for (const letter of "afdrvnmehxs") keys.on(letter, () => panel.key(letter));

// --- command line, many at once, views ------------------------------------------------------------------------------

const palette = new Palette(find("[data-palette]"), {
  open: (number) => choose(number),
  filter: (kind, key) => {
    const address = new URL(location.pathname, location.origin);
    address.searchParams.set(kind, key);
    location.assign(address);
  },
});
new Bulk(list, find("[data-bulk-bar]"), find("[data-bulk-dialog]"), find("[data-pick]"));

find("[data-save-view]").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = event.target.elements.name.value.trim();
  const query = Object.fromEntries([...new URL(location.href).searchParams].filter(([key, value]) => value && key !== "after" && key !== "touched"));
  try {
    await api("POST", "views/", { desk: shell.dataset.desk, name, query });
    location.reload();
  } catch (refused) {
    toast(refused.message, { kind: "over" });
  }
});

// --- begin ------------------------------------------------------------------------------------------------------------

const wanted = decodeURIComponent(location.hash.slice(1));
if (wanted) choose(wanted);
else if (WIDE.matches && rows().length) choose(rows()[0].dataset.number);
if (matchMedia("(min-width: 1280px)").matches) drawMap();
