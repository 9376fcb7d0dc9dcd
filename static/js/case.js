// A case that somebody else moved says so. While nothing was touched here the page is renewed by itself; once a form
// was touched nothing moves, and the page offers to load again.
import { live } from "./live.js";

const main = document.querySelector("main");
const own = () => main.querySelector("[data-live-case]");
let isTouched = false;
let newest = 0;
let busy = false;

function offer() {
  const note = main.querySelector("[data-live-moved]");
  if (note) note.hidden = false;
}

async function renew() {
  if (busy) return;
  busy = true;
  try {
    const answer = await fetch(location.pathname, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const theirs = page.querySelector("main [data-live-case]");
    // touched while it was fetched, or no longer to be seen: only offered
    if (!answer.ok || answer.redirected || !theirs || isTouched) offer();
    else main.replaceChildren(...page.querySelector("main").childNodes);
  } catch {
    offer();
  }
  busy = false;
  if (own() && Number(own().dataset.seq) < newest && main.querySelector("[data-live-moved]")?.hidden) renew();
}

function moved() {
  const open = main.contains(document.activeElement) && document.activeElement !== main;
  if (isTouched || open || main.querySelector("[role=alert]")) offer();
  else renew();
}

if (own()) {
  for (const kind of ["input", "change", "submit"]) main.addEventListener(kind, () => (isTouched = true));
  main.addEventListener("click", (event) => {
    // a part that was opened would be closed again
    if (event.target.closest("summary")) isTouched = true;
  });
  live.on("case", ({ n, seq }) => {
    if (n !== own()?.dataset.liveCase || seq <= Number(own().dataset.seq)) return;
    newest = Math.max(newest, seq);
    moved();
  });
  live.on("gap", moved);
}

// the pictures before and after, laid over each other; paper
document.addEventListener("input", ({ target }) => {
  target.closest?.("[data-compare]")?.style.setProperty("--gg-share", `${target.value}%`);
});
document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-print]")) window.print();
});
