// A list that stays true without moving under the cursor: new cases wait in the slot, rows that changed or left are
// marked, counters follow. What is shown is always fetched from the page's own address, permissions and all.
import { hold, watchHolders } from "./holders.js";
import { live } from "./live.js";

const list = document.querySelector("[data-live-list]");
const slot = document.querySelector("[data-live-slot]");
const LEAST_MS = 1_500;
//: The first word after a silence is followed at once: by each browser at another moment, but so that nobody waits.
const SPREAD_MS = 60;
const MOST = 100;
const AFTER_FAILURE_MS = 15_000;
const HEAL_MS = 300_000;

const rowsOf = (root) => new Map([...root.querySelectorAll("[data-number]")].map((row) => [row.dataset.number, row]));
let statuses = new Set((list?.dataset.statuses ?? "").split(" "));
const touched = new Set();
const waiting = new Set();
let everything = false;
let timer = 0;
let busy = false;
let fetchedAt = 0;
let visit = 0;

function concerns({ n, seq, to, from }) {
  const row = rowsOf(list).get(n);
  if (row) return Number(row.dataset.seq) < seq;
  return statuses.has(to) || statuses.has(from);
}

function schedule() {
  if (timer || busy) return;
  timer = setTimeout(check, Math.max(0, fetchedAt + LEAST_MS - Date.now()) * (1 + Math.random() / 4) + Math.random() * SPREAD_MS);
}

/** Of which the list is asked what became of them: those that changed, and those that wait and may be past its end. */
const asking = () => [...new Set([...touched, ...waiting])].slice(0, MOST);

/** The page as it is now; `part`: of its list only the cases asked for, where the page can say that. */
async function fetched(asked, { part = false } = {}) {
  const address = new URL(location.href);
  address.searchParams.set("touched", asked.join(","));
  if (part) address.searchParams.set("only", "touched");
  const answer = await fetch(address, { cache: "no-store", headers: { "X-Requested-With": "live" } });
  // signed out, or no longer of this desk: the page as it stands says when it was true
  if (answer.redirected || !answer.ok) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelector("[data-live-list]") ? page : null;
}

async function check() {
  timer = 0;
  busy = true;
  const asked = asking();
  // a filter may be on its way: what is fetched then is of the list that was
  const here = location.href;
  // where nothing comes back (the lamp says so) the next try is later
  let pause = AFTER_FAILURE_MS;
  try {
    const whole = everything;
    const page = await fetched(asked, { part: !whole });
    if (page && here === location.href) {
      for (const number of asked) touched.delete(number);
      if (whole) everything = false;
      compare(page, new Set(asked));
      pause = 0;
    }
  } catch {
    // tried again
  }
  busy = false;
  fetchedAt = Date.now() + pause;
  if (touched.size || everything) schedule();
}

function follow(page, selector) {
  const [mine, theirs] = [document.querySelector(selector), page.querySelector(selector)];
  if (mine && theirs && mine.innerHTML !== theirs.innerHTML) mine.innerHTML = theirs.innerHTML;
}

function compare(page, asked) {
  follow(page, "[data-live-counts]");
  follow(page, "[data-live-asof]");
  const fresh = page.querySelector("[data-live-list]");
  const [mine, theirs] = [rowsOf(list), rowsOf(fresh)];
  const beyond = new Set((fresh.dataset.beyond ?? "").split(" ").filter(Boolean));
  const gone = new Map([...page.querySelectorAll("[data-gone]")].map((one) => [one.dataset.gone, one.content.textContent]));
  document.dispatchEvent(new CustomEvent("gg:list", { detail: page }));
  const unasked = [...waiting].filter((number) => !asked.has(number));
  waiting.clear();
  for (const number of [...theirs.keys(), ...beyond, ...unasked]) if (!mine.has(number)) waiting.add(number);
  const isPart = fresh.dataset.onlyTouched !== undefined;
  for (const [number, row] of mine) {
    if (isPart && !asked.has(number)) continue;
    const now = theirs.get(number);
    if (now) {
      if (now.dataset.seq !== row.dataset.seq) changed(row, now);
    } else if (!beyond.has(number) && !row.classList.contains("gg-left")) {
      if (gone.has(number)) left(row, gone.get(number));
      else if (asked.has(number)) left(row, list.dataset.wordsLeft);
      else touched.add(number);
    }
  }
  showSlot();
}

function showSlot() {
  const button = slot.querySelector("button");
  button.hidden = waiting.size === 0;
  slot.querySelector("[data-live-idle]").hidden = waiting.size > 0;
  const text = list.dataset.wordsNew.replace("{n}", waiting.size);
  const label = button.querySelector("[data-live-new]");
  if (waiting.size && label.textContent !== text) {
    label.textContent = text;
    live.say(text);
  }
}

// --- rows ---

const isUnderHand = (row) => row.matches(":hover") || row.contains(document.activeElement);

function badge(row, words, kind) {
  const cell = row.querySelector("[data-live-status]") ?? row;
  let found = cell.querySelector(".gg-live-word");
  if (!found) {
    found = document.createElement("span");
    cell.append(found);
  }
  found.className = `gg-live-word gg-badge ${kind}`;
  found.textContent = words;
}

/** A claim, a supervision and a note leave the case where it is: the row is renewed and says nothing of it. */
const isMoved = (row, now) => row.dataset.status === undefined || row.dataset.status !== now.dataset.status;

function changed(row, now) {
  if (isUnderHand(row)) {
    if (isMoved(row, now)) {
      row.classList.remove("gg-left");
      badge(row, list.dataset.wordsChanged, "gg-badge-live");
    }
    const settle = () => {
      if (isUnderHand(row) || !row.isConnected) return;
      row.removeEventListener("mouseleave", settle);
      row.removeEventListener("focusout", later);
      renew(row, now);
    };
    const later = () => setTimeout(settle);
    row.addEventListener("mouseleave", settle);
    row.addEventListener("focusout", later);
  } else renew(row, now);
}

function renew(row, now) {
  const moved = isMoved(row, now) || row.classList.contains("gg-left");
  const said = row.querySelector(".gg-live-word")?.textContent === list.dataset.wordsChanged;
  delete row.dataset.done;
  Object.assign(row.dataset, now.dataset);
  row.classList.remove("gg-left");
  row.replaceChildren(...now.cloneNode(true).childNodes);
  if (moved || said) badge(row, list.dataset.wordsChanged, "gg-badge-live");
  recount();
}

function left(row, words) {
  row.classList.add("gg-left");
  // what was done here says more than that it is gone
  badge(row, row.dataset.done ?? words, "");
  recount();
}

/** Each head says how many of its rows are still to be worked. */
function recount() {
  let head = null;
  const counts = new Map();
  for (const one of list.querySelectorAll(".gg-group, [data-number]")) {
    if (one.matches(".gg-group")) counts.set((head = one), 0);
    else if (head && !one.classList.contains("gg-left")) counts.set(head, counts.get(head) + 1);
  }
  for (const [one, count] of counts) {
    const said = one.querySelector("span");
    said.textContent = `${count}${said.textContent.endsWith("+") ? "+" : ""}`;
  }
}

/** The row of a case that was dealt with here: said at once, before the word of it comes back. */
export function leave(number, words) {
  const row = rowsOf(list).get(number);
  if (row) left(row, words);
}

// --- bringing in ---

function put(page) {
  const picked = new Set([...list.querySelectorAll("[data-number][aria-checked=true]")].map((row) => row.dataset.number));
  const theirs = page.querySelector("[data-live-list]");
  Object.assign(list.dataset, theirs.dataset);
  list.replaceChildren(...theirs.childNodes);
  for (const [number, row] of rowsOf(list)) if (picked.has(number)) row.ariaChecked = "true";
  document.dispatchEvent(new CustomEvent("gg:list", { detail: page }));
  touched.clear();
  waiting.clear();
}

/** The same page under another address (a filter, a view, its next page), without loading it anew; null if it cannot. */
export async function go(address, { push = true } = {}) {
  const here = ++visit;
  clearTimeout(timer);
  timer = 0;
  const answer = await fetch(address, { cache: "no-store", headers: { "X-Requested-With": "live" } });
  if (answer.redirected || !answer.ok) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (here !== visit) return page;
  if (!page.querySelector("[data-live-list]")) return null;
  if (push) history.pushState(null, "", address);
  statuses = new Set(page.querySelector("[data-live-list]").dataset.statuses.split(" "));
  follow(page, "[data-live-counts]");
  put(page);
  list.scrollTop = 0;
  showSlot();
  return page;
}

async function bring() {
  if (busy || !waiting.size) return;
  busy = true;
  clearTimeout(timer);
  timer = 0;
  const news = new Set(waiting);
  const focused = document.activeElement?.closest?.("[data-number]")?.dataset.number;
  try {
    const page = await fetched(asking());
    if (page) {
      follow(page, "[data-live-counts]");
      follow(page, "[data-live-asof]");
      put(page);
      const rows = rowsOf(list);
      const shown = [...news].filter((number) => rows.has(number));
      for (const number of shown) rows.get(number).classList.add("gg-new");
      showSlot();
      const beyond = news.size - shown.length;
      slot.querySelector("[data-live-idle]").textContent = beyond
        ? list.dataset.wordsBeyond.replace("{n}", shown.length).replace("{m}", beyond)
        : list.dataset.wordsBrought.replace("{n}", shown.length);
      live.say(slot.querySelector("[data-live-idle]").textContent);
      if (!list.matches("[role=listbox]")) (rows.get(focused) ?? rows.get(shown[0]))?.querySelector("a")?.focus({ preventScroll: Boolean(focused) });
    }
  } catch {
    // still waiting in the slot
  }
  busy = false;
  fetchedAt = Date.now();
  if (touched.size) schedule();
}

if (list && slot) {
  slot.hidden = false;
  slot.querySelector("button").addEventListener("click", bring);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
    if (typing || document.querySelector("dialog[open]") || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "u" || event.key === "U") bring();
  });
  live.on("state", (state) => {
    // back again: what failed meanwhile is fetched at once
    if (state !== "live" || !(touched.size || everything)) return;
    fetchedAt = 0;
    clearTimeout(timer);
    timer = 0;
    schedule();
  });
  live.on("case", (event) => {
    if (!concerns(event)) return;
    if (touched.size < MOST) touched.add(event.n);
    else everything = true;
    schedule();
  });
  live.on("gap", () => {
    everything = true;
    schedule();
  });
  // the workbench has its own watch, for its panel as well; the inbox and the tasks say nothing of holders
  if (!list.matches("[role=listbox]") && list.matches("[data-beyond]")) {
    const numbers = () => [...rowsOf(list)].filter(([, row]) => !row.classList.contains("gg-left")).map(([number]) => number);
    watchHolders(numbers, (held, asked) => {
      for (const number of asked) hold(rowsOf(list).get(number), held[number] ?? "");
    });
  }
  setInterval(() => {
    if (document.hidden) return;
    everything = true;
    schedule();
  }, HEAL_MS);
}
