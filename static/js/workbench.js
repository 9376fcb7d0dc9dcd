// The operator's workbench: queue, map and case linked by the chosen number. Nothing moves under the cursor: what is new
// waits in the slot until it is asked for; what colleagues did is marked in place.
import { CasePanel } from "./casepanel.js";
import { Keyboard } from "./keyboard.js";
import { toast } from "./toast.js";
import { live } from "./live.js";

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const list = find("[data-list]");
const desk = list.dataset.desk;
const slot = find("[data-slot]");
const panel = new CasePanel(find("[data-case]"));
const shell = find(".gg-workbench");

// --- the chosen row ---------------------------------------------------------------------------------------------

const rows = () => all(".gg-wrow", list);
const rowOf = (number) => find(`#row-${CSS.escape(number)}`, list);
let chosen = "";

function choose(number, { open = true, focus = false, from = "list" } = {}) {
  for (const row of rows()) row.setAttribute("aria-selected", String(row.dataset.number === number));
  chosen = number;
  const row = rowOf(number);
  if (row) {
    list.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
    const order = rows();
    panel.prefetch(order[order.indexOf(row) + 1]?.dataset.number);
  }
  if (open) panel.show(number, { focus });
  if (from !== "map") map?.select(number, row ? { lon: Number(row.dataset.lon), lat: Number(row.dataset.lat) } : null);
  const address = new URL(location.href);
  address.hash = number;
  history.replaceState(null, "", address);
}

function step(by) {
  const order = rows().filter((row) => !("gone" in row.dataset));
  if (!order.length) return;
  const here = order.findIndex((row) => row.dataset.number === chosen);
  const next = order[Math.min(order.length - 1, Math.max(0, here < 0 ? 0 : here + by))];
  choose(next.dataset.number);
}

list.addEventListener("click", (event) => {
  const row = event.target.closest(".gg-wrow");
  if (row && !event.target.closest(".gg-wpick")) choose(row.dataset.number);
  const link = event.target.closest("a[data-page]");
  if (link) {
    event.preventDefault();
    turn(link.href);
  }
});

// --- keeping the list up to date ----------------------------------------------------------------------------------

let waiting = null;

async function part(name, address = location.href) {
  const url = new URL(address);
  url.pathname = `/work/${desk}/parts/${name}/`;
  url.hash = "";
  const response = await fetch(url, { credentials: "same-origin" });
  if (!response.ok || response.redirected) throw new Error(`${name}: ${response.status}`);
  const body = new DOMParser().parseFromString(await response.text(), "text/html").body;
  return body;
}

async function turn(address) {
  const found = await part("rows", address);
  history.pushState(null, "", address);
  replace(found);
}

function replace(found) {
  list.replaceChildren(...found.childNodes);
  waiting = null;
  fresh();
  const row = rowOf(chosen);
  if (row) row.setAttribute("aria-selected", "true");
}

function fresh(count = 0) {
  const button = find("[data-slot-new]", slot);
  button.hidden = count === 0;
  find("[data-slot-idle]", slot).hidden = count > 0;
  if (count) button.innerHTML = "";
  if (count) button.append(interpolate(ngettext("有 %s 件新案件 ▲", "有 %s 件新案件 ▲", count), [count]), " ", Object.assign(document.createElement("kbd"), { textContent: "U" }));
  find("[data-slot-at]", slot).textContent = new Date().toLocaleTimeString("zh-CN", { hour12: false });
}

/** What differs is marked where it stands; what is new is counted, and shown when asked for. */
function compare(found) {
  const now = new Map(all(".gg-wrow", found).map((row) => [row.dataset.number, row]));
  let added = 0;
  for (const number of now.keys()) if (!rowOf(number)) added += 1;
  for (const row of rows()) {
    const other = now.get(row.dataset.number);
    if (!other) {
      row.dataset.gone = "";
    } else {
      delete row.dataset.gone;
      if (other.dataset.version !== row.dataset.version || other.innerHTML !== row.innerHTML) {
        const picked = find(".gg-wpick", row)?.checked;
        row.replaceChildren(...other.childNodes);
        Object.assign(row.dataset, other.dataset);
        if (picked) find(".gg-wpick", row).checked = true;
      }
    }
  }
  waiting = added ? found : null;
  fresh(added);
}

async function bring() {
  try {
    replace(await part("rows"));
  } catch {
    toast(gettext("列表没有更新，请稍后再试。"), { kind: "over" });
  }
}

let pending = 0;
function refresh() {
  clearTimeout(pending);
  pending = setTimeout(async () => {
    try {
      const [listed, tabs, counters, ticker] = await Promise.all(["rows", "tabs", "counters", "ticker"].map((name) => part(name)));
      compare(listed);
      find("[data-part=tabs]").replaceChildren(...tabs.childNodes);
      find("[data-part=counters]").replaceChildren(...counters.childNodes);
      find("[data-part=ticker]").replaceChildren(...ticker.childNodes);
    } catch {
      // the lamp says that the page is cut off; the next event tries again
    }
  }, 250);
}

find("[data-slot-new]", slot).addEventListener("click", bring);

live.on("case", ({ number }) => {
  panel.forget(number);
  refresh();
  if (number === chosen) panel.refresh();
  map?.refresh();
});
live.on("gap", () => {
  refresh();
  if (chosen) panel.refresh();
});

// --- after a step -------------------------------------------------------------------------------------------------

panel.addEventListener("done", ({ detail }) => {
  const row = rowOf(detail.number);
  const order = rows().filter((r) => !("gone" in r.dataset));
  const next = order[order.indexOf(row) + 1] ?? order[order.indexOf(row) - 1];
  const undo = detail.undo && { label: detail.undo.label, run: () => takeBack(detail.number, detail.undo) };
  toast(`${detail.number.slice(-7)} ${detail.words}`, { action: undo });
  const stays = detail.action === "note" || detail.action === "supervise" || detail.action === "amend";
  if (row && !stays) row.dataset.gone = "";
  if (!stays && next) choose(next.dataset.number);
  else panel.refresh();
  refresh();
});
panel.addEventListener("conflict", refresh);

async function takeBack(number, undo) {
  choose(number);
  await panel.show(number);
  panel.act(undo.action);
}

// --- states of the panel --------------------------------------------------------------------------------------------

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

let map = null;
async function drawMap() {
  const box = find("[data-map]");
  if (!box || typeof L === "undefined") return;
  const { workMap } = await import("./workmap.js");
  map = await workMap(box, { desk, choose: (number) => choose(number, { from: "map" }) });
  if (chosen) choose(chosen, { open: false });
}
const toggle = find("[data-map-toggle]");
toggle.addEventListener("click", () => {
  const shown = shell.toggleAttribute("data-map-shown");
  toggle.setAttribute("aria-pressed", String(shown));
  map?.resize();
});

// --- keys -----------------------------------------------------------------------------------------------------------

const keys = new Keyboard();
keys.on("j", () => step(1)).on("k", () => step(-1));
keys.on("ArrowDown", (event) => (document.activeElement === list ? step(1) : false && event));
keys.on("ArrowUp", () => (document.activeElement === list ? step(-1) : false));
keys.on("Enter", (event) => (event.target === list || event.target === document.body ? void panel.show(chosen, { focus: true }) : false));
keys.on("u", bring).on("?", () => find("[data-keys]").showModal());
keys.on("g q", () => list.focus());
keys.on("g m", () => find("[data-map]")?.focus());
keys.on("g r", () => find("#panel-title")?.focus());
keys.on("Escape", (event) => (event.target !== document.body ? void event.target.blur() : false));
for (const letter of "afdrvnmehxsc") {
  if (letter === "c") keys.on("c", () => claimed?.toggle());
  else keys.on(letter, () => panel.key(letter));
}

let claimed = null;

document.addEventListener("DOMContentLoaded", start);
if (document.readyState !== "loading") start();
let started = false;
function start() {
  if (started) return;
  started = true;
  const wanted = location.hash.slice(1);
  const first = rowOf(wanted) ? wanted : rows()[0]?.dataset.number;
  if (wanted || (first && matchMedia("(min-width: 801px)").matches)) choose(wanted || first);
  drawMap();
}
