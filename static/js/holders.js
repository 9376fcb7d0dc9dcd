// Who holds which of the shown cases. The stream says that it has changed, the names come from the ordinary way, permissions
// and all; while there is no stream it is asked now and then.
import { live, words } from "./live.js";

const ASK_MS = 8_000;
const GATHER_MS = 120;
const MOST = 100;

/** Calls `tell(names, asked)` for the cases among `numbers()` of which something is known anew: number to name, those asked. */
export function watchHolders(numbers, tell) {
  const heard = new Set();
  let timer = 0;
  let stale = false;
  let turn = Promise.resolve();

  /** One after the other: an answer that was overtaken would stand until the next change. */
  function look(asked) {
    turn = turn.then(() => ask(asked));
  }

  async function ask(asked) {
    if (!asked.length || live.state === "down" || live.state === "out") return;
    try {
      const answer = await fetch(`/work/holders/?of=${asked.join(",")}`, { cache: "no-store" });
      if (answer.ok && !answer.redirected) tell((await answer.json()).held, asked);
    } catch {
      // the lamp says that nothing gets through
    }
  }

  function all() {
    stale = document.hidden;
    if (!stale) look(numbers().slice(0, MOST));
  }

  function some() {
    timer = 0;
    const shown = new Set(numbers());
    const asked = [...heard].filter((number) => shown.has(number)).slice(0, MOST);
    heard.clear();
    if (document.hidden) stale = true;
    else look(asked);
  }

  live.on("claim", ({ n }) => {
    heard.add(n);
    timer ||= setTimeout(some, GATHER_MS);
  });
  live.on("gap", all);
  // what changed while the stream was away, or before this page had it
  live.on("state", (state) => state === "live" && all());
  setInterval(() => live.state !== "live" && all(), ASK_MS);
  document.addEventListener("visibilitychange", () => stale && all());
}

/** The row says who holds its case, else where the case came from. */
export function hold(row, holder) {
  const cell = row?.querySelector("[data-holder]");
  if (!cell || cell.dataset.holder === holder) return;
  if (holder) {
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("class", "gg-icon");
    icon.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `${words("sprite")}#lock`);
    icon.append(use);
    cell.replaceChildren(icon, ` ${holder}`);
  } else cell.textContent = cell.dataset.source;
  cell.dataset.holder = holder;
}
