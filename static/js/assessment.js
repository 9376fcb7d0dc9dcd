// The month's table: keys, the live sentence of a batch, the panel beside it; the live sum of a mark. Everything works
// without this, too: rows are links to pages of their own, and the server checks whatever is sent. What is said to people
// comes out of the page, in its language.

const table = document.querySelector("[data-rows]");
const aside = document.querySelector("[data-aside]");
const wide = matchMedia("(min-width: 1280px)");

for (const select of document.querySelectorAll("[data-submits]")) select.addEventListener("change", () => select.form.submit());
for (const part of document.querySelectorAll("[data-without-script]")) part.hidden = true;
for (const part of document.querySelectorAll("[data-with-script]")) part.hidden = false;

// --- points -------------------------------------------------------------------------------------------------------

/** Hundredths as the server says them: 88.4, 92.0, 66.67. */
function points(hundredths) {
  const rest = String(Math.abs(hundredths) % 100).padStart(2, "0");
  return `${hundredths < 0 ? "−" : ""}${Math.floor(Math.abs(hundredths) / 100)}.${rest[1] === "0" ? rest[0] : rest}`;
}

/** What was typed, in hundredths; null for what is no number with at most two decimals. */
function hundredths(text) {
  const plain = text.normalize("NFKC").trim().replace(/[−–]/g, "-");
  if (plain === "") return 0;
  return /^[+-]?\d{1,3}(\.\d{1,2})?$/.test(plain) ? Math.round(Number(plain) * 100) : null;
}

function say(form) {
  const input = form.querySelector("[data-mark]");
  if (!input) return;
  const sum = form.querySelector("[data-sum]");
  const mark = hundredths(input.value);
  const base = Number(input.dataset.base);
  const cap = Number(input.dataset.cap);
  const fits = mark !== null && Math.abs(mark) <= cap;
  sum.classList.toggle("gg-asum-over", !fits);
  if (mark === null) sum.textContent = sum.dataset.noNumber;
  else if (!fits) sum.textContent = sum.dataset.beyond.replace("{cap}", cap / 100);
  else {
    const total = document.createElement("b");
    total.textContent = points(Math.min(10000, Math.max(0, base + mark)));
    sum.replaceChildren(mark === 0 ? sum.dataset.score : `${points(base)} ${mark < 0 ? "−" : "+"} ${points(Math.abs(mark))} = `, total);
  }
}

function ready(root) {
  for (const box of root.querySelectorAll("[data-slide-box]")) {
    box.hidden = false;
    const input = box.closest("form").querySelector("[data-mark]");
    box.querySelector("[data-slide]").value = (hundredths(input.value) ?? 0) / 100;
  }
  for (const form of root.querySelectorAll("form")) say(form);
}

document.addEventListener("input", ({ target }) => {
  if (!target.form) return;
  if (target.matches("[data-slide]")) {
    const value = Math.round(target.value * 100);
    target.form.querySelector("[data-mark]").value = value ? `${value > 0 ? "+" : ""}${points(value)}` : "";
  } else if (target.matches("[data-mark]")) {
    target.form.querySelector("[data-slide]").value = (hundredths(target.value) ?? 0) / 100;
  } else return;
  say(target.form);
});
ready(document);

// --- the panel beside the table -----------------------------------------------------------------------------------

let asked = 0;

async function open(row) {
  const mine = ++asked;
  const link = row.querySelector("[data-open]");
  const address = new URL(location.href);
  address.searchParams.set("row", row.dataset.row);
  aside.setAttribute("aria-busy", "true");
  try {
    const tab = encodeURIComponent(address.searchParams.get("tab") ?? "");
    const answer = await fetch(`${link.href}?tab=${tab}`, { headers: { "X-Panel": "1" } });
    const text = await answer.text();
    if (mine !== asked) return; // another row was opened meanwhile
    if (!answer.ok || answer.redirected) return location.assign(link.href);
    put(text);
    for (const other of table.querySelectorAll("tr[aria-current]")) other.removeAttribute("aria-current");
    row.setAttribute("aria-current", "true");
    history.replaceState(null, "", address);
  } catch {
    if (mine === asked) location.assign(link.href);
  } finally {
    if (mine === asked) aside.removeAttribute("aria-busy");
  }
}

/** The first field that is at fault, whole and clear of the bar at the foot; whether there is one. */
function fault(root) {
  const field = root.querySelector("[aria-invalid]");
  if (!field) return false;
  field.closest(".gg-field").scrollIntoView({ block: "center" });
  field.focus({ preventScroll: true });
  return true;
}
fault(document);

function put(html) {
  aside.innerHTML = html;
  ready(aside);
  aside.querySelector(".gg-apanel")?.scrollTo(0, 0);
}

table?.addEventListener("click", (event) => {
  const link = event.target.closest("[data-open]");
  if (!link || !aside || !wide.matches || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  open(link.closest("tr"));
});

aside?.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-send]")) return;
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  const buttons = [...form.elements].filter((part) => part.matches("button:enabled"));
  for (const button of buttons) button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Panel": "1" } });
    const next = answer.headers.get("X-Next");
    if (next) return location.assign(next);
    if (answer.status !== 400 && answer.status !== 409) return form.submit(); // its own page says why not
    put(await answer.text());
    if (!fault(aside)) aside.focus();
  } catch {
    for (const button of buttons) button.disabled = false;
    say(form);
    const note = Object.assign(document.createElement("p"), { className: "gg-note gg-note-soon" });
    note.setAttribute("role", "alert");
    aside.querySelector("[role=alert].gg-note")?.remove();
    note.textContent = form.closest("[data-panel]").dataset.cut;
    form.closest("[data-panel]").querySelector(".gg-apanel-head").after(note);
  }
});

// --- a batch ------------------------------------------------------------------------------------------------------

const batch = document.querySelector("[data-batch]");
const bar = batch?.querySelector("[data-bar]");
if (bar) {
  const all = batch.querySelector("[data-all]");
  const boxes = [...batch.querySelectorAll("input[name=row]")];
  const sentence = bar.querySelector("[data-sentence]");
  const idle = sentence.textContent;
  const sure = Object.assign(document.createElement("input"), { type: "hidden", name: "sure", value: "1" });
  batch.append(sure);
  all.hidden = false;

  const tell = () => {
    const chosen = boxes.filter((box) => box.checked);
    const scores = chosen.map((box) => box.dataset.score).filter((score) => score !== undefined).map(Number);
    const said = sentence.dataset;
    const none = chosen.length - scores.length;
    const range = said.range.replace("{low}", points(Math.min(...scores))).replace("{high}", points(Math.max(...scores)));
    const parts = [said.chosen.replace("{n}", chosen.length), scores.length ? range : "", none ? said.unscored.replace("{n}", none) : "", said.plain];
    sentence.textContent = chosen.length ? parts.join("") : idle;
    bar.querySelector("[data-count]").textContent = chosen.length || "";
    bar.querySelector("[data-confirm]").disabled = chosen.length === 0;
    bar.querySelector("[data-clear]").hidden = chosen.length === 0;
    all.checked = chosen.length === boxes.length;
    all.indeterminate = chosen.length > 0 && chosen.length < boxes.length;
  };
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tell();
  });
  batch.addEventListener("change", tell);
  batch.addEventListener("reset", () => setTimeout(tell));
  tell();
}

// --- keys ---------------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (!table || event.isComposing || event.metaKey || event.ctrlKey || event.altKey) return;
  if (event.target.closest("textarea, select, input:not([type=checkbox]), [contenteditable]")) return;
  const rows = [...table.querySelectorAll("tr[data-row]")];
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const key = event.key.toLowerCase();
  if (key === "j" || key === "k") {
    const start = here >= 0 ? here + (key === "j" ? 1 : -1) : Math.max(0, rows.findIndex((r) => r.hasAttribute("aria-current")));
    rows[Math.min(rows.length - 1, Math.max(0, start))]?.querySelector("[data-open]").focus();
    event.preventDefault();
  } else if (key === "x" && here >= 0) {
    rows[here].querySelector("input[name=row]")?.click();
    event.preventDefault();
  }
});
