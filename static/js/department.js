// The department's desk: the chosen ticket beside the list, signed and fed back without leaving the page. The list is kept
// true by queue.js. Everything is a plain form first; without this script the same buttons lead to pages.
import { api } from "./api.js";
import { Draft } from "./draft.js";
import { live } from "./live.js";
import "./queue.js";
import { toast } from "./toast.js";
import { Uploads } from "./upload.js";

const WIDE = matchMedia("(min-width: 1024px)");
const list = document.querySelector("[data-live-list]");
const box = document.querySelector("[data-ticket-box]");
const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const shown = () => find("[data-ticket]", box);
const rowOf = (number) => list.querySelector(`[data-number="${CSS.escape(number)}"]`);
const pathOf = (number) => `/inbox/${number}/`;
let number = shown()?.dataset.number ?? "";
let asked = 0;
let isTouched = false;

// --- the ticket in work -----------------------------------------------------------------------------------------

function mark() {
  for (const row of all("[data-number]", list)) {
    row.classList.toggle("gg-dchosen", row.dataset.number === number);
    for (const link of all("h2 [data-open]", row)) link.toggleAttribute("aria-current", row.dataset.number === number);
  }
}

function state(name) {
  box.dataset.state = name;
  if (name !== "shown") shown()?.remove();
  box.setAttribute("aria-busy", String(name === "loading"));
}

async function show(wanted, { focus = false, push = false } = {}) {
  const mine = ++asked;
  number = wanted;
  mark();
  if (push) history.pushState({ number }, "", pathOf(number) + location.search);
  const slow = setTimeout(() => state("loading"), 150);
  try {
    const answer = await fetch(pathOf(number), { headers: { "X-Ticket": "1" }, cache: "no-store" });
    if (mine !== asked) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-ticket]");
    if (answer.ok && fresh) put(document.adoptNode(fresh), focus);
    else if (answer.redirected && new URL(answer.url).pathname === "/login/") state("signed-out");
    else state(answer.status === 404 || answer.redirected ? "gone" : "failed");
  } catch {
    if (mine === asked) state("failed");
  } finally {
    clearTimeout(slow);
  }
}

function put(fresh, focus) {
  const scrolled = shown()?.dataset.number === fresh.dataset.number ? find(".gg-dmain", box).scrollTop : 0;
  shown()?.remove();
  box.append(fresh);
  state("shown");
  isTouched = false;
  begin(fresh);
  find(".gg-dmain", fresh).scrollTop = scrolled;
  if (focus) find("h2", fresh).focus({ preventScroll: true });
}

function begin(ticket) {
  for (const form of all("form[data-send]", ticket)) {
    for (const kind of ["input", "change"]) form.addEventListener(kind, () => { isTouched = true; });
    if (form.dataset.draft && !form.hasAttribute("data-feedback")) keepTyped(form);
  }
  const form = find("[data-feedback]", ticket);
  if (form) feedback(form, ticket);
  for (const place of all("[data-texts]", ticket)) offerTexts(place, ticket.dataset.number);
  if (WIDE.matches) for (const why of all("[data-why]", ticket)) why.open = true;
}

// --- feeding back -----------------------------------------------------------------------------------------------

const drafts = new WeakMap();
const uploads = new WeakMap();

function feedback(form, ticket) {
  const said = find("[data-draft-said]", form);
  const files = new Uploads(find("[data-uploads]", form));
  const { note, waive } = form.elements;
  const draft = new Draft(form.dataset.draft, {
    collect: () => ({ note: note.value, waive: waive?.value ?? "", kept: files.kept }),
    said: (words) => { said.textContent = words; },
  });
  drafts.set(form, draft);
  uploads.set(form, files);
  const held = draft.held();
  if (held) {
    if (held.note) note.value = held.note;
    if (held.waive && waive) waive.value = held.waive;
    said.textContent = gettext("已恢复上次填写的内容");
    draft.touch();
  }
  const changed = () => { owe(ticket, form, files); draft.touch(); };
  form.addEventListener("input", changed);
  files.addEventListener("change", () => { isTouched ||= files.isBusy; changed(); });
  owe(ticket, form, files);
}

function met(item, form, files) {
  const kind = item.dataset.owed;
  if (kind === "photos") return files.done.length >= Number(item.dataset.need);
  if (kind === "note") return form.elements.note.value.trim() !== "";
  if (kind === "joint") return item.dataset.done === "server" || Boolean(form.elements.waive?.value.trim());
  return item.dataset.done === "server";
}

/** The list says what is there; the button says what is not. */
function owe(ticket, form, files) {
  const items = all("[data-owed]", form);
  const lacking = [];
  for (const item of items) {
    if (item.dataset.done === "") item.dataset.done = "server";
    const done = met(item, form, files);
    item.toggleAttribute("data-busy", item.dataset.owed === "photos" && !done && files.isBusy);
    if (item.dataset.done !== "server") {
      if (done) item.dataset.done = "here";
      else delete item.dataset.done;
    }
    if (!done) lacking.push(item);
  }
  const labels = lacking.map((item) => item.dataset.label);
  if (!labels.length && files.isBusy) labels.push(gettext("照片还在上传"));
  const button = find("[data-submit]", ticket);
  button.setAttribute("aria-disabled", String(labels.length > 0));
  button.textContent = labels.length ? interpolate(gettext("还差 %(n)s 项：%(what)s"), { n: labels.length, what: labels.join("、") }, true) : gettext("提交反馈");
  find("[data-owed-sum]", form).textContent = interpolate(gettext("必需 %(all)s 项，已完成 %(done)s 项"), { all: items.length, done: items.length - lacking.length }, true);
  find("[data-length]", form).textContent = `${form.elements.note.value.length} / ${form.elements.note.maxLength}`;
}

function firstLacking(form) {
  const item = find("[data-owed]:not([data-done])", form);
  if (item?.dataset.owed === "note") form.elements.note.focus();
  else if (item?.dataset.owed === "joint") form.elements.waive?.focus();
  else if (item?.dataset.owed.startsWith("milestone")) openForm("reach_milestone");
  else find("input[type=file]", form).focus();
}

/** An application that was begun and not sent: its words come back. */
function keepTyped(form) {
  const names = [...form.elements].filter((one) => one.name && !["hidden", "file", "submit"].includes(one.type)).map((one) => one.name);
  const draft = new Draft(form.dataset.draft, { collect: () => Object.fromEntries(names.map((name) => [name, form.elements[name].value])) });
  drafts.set(form, draft);
  form.addEventListener("input", () => draft.touch());
  const restore = (content) => {
    for (const name of names) if (content?.[name] && !form.elements[name].value) form.elements[name].value = content[name];
  };
  restore(draft.held());
  form.closest("details").addEventListener("toggle", async () => {
    const kept = await api("GET", `drafts/${draft.key}/`).catch(() => null);
    if (kept) restore(kept.content);
  }, { once: true });
}

async function offerTexts(place, of) {
  const action = place.dataset.texts;
  const area = place.closest("form").querySelector("textarea");
  const { results } = await api("GET", `incidents/${of}/texts/?${new URLSearchParams({ action })}`).catch(() => ({ results: [] }));
  for (const { title, text } of results.slice(0, 4)) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: title, title: text });
    button.addEventListener("click", () => {
      area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
      area.focus();
      area.dispatchEvent(new Event("input", { bubbles: true }));
    });
    place.append(button);
  }
}

// --- sending ----------------------------------------------------------------------------------------------------

function wrong(form, page) {
  for (const old of all("[data-error-for]", form)) old.hidden = true;
  for (const old of all(".gg-field-error:not([data-error-for])", form)) old.remove();
  const action = new URL(form.action).pathname.split("/").at(-2);
  const theirs = page.querySelector(`#act-${CSS.escape(action)}`);
  let first = null;
  for (const error of all(".gg-field-error[id]", theirs ?? document.createElement("div"))) {
    const name = error.id.replace(/^[a-z_]+-/, "").replace(/_error$/, "");
    const words = error.textContent.trim();
    const control = form.elements[name]?.length === undefined || form.elements[name]?.tagName === "SELECT" ? form.elements[name] : form.elements[name][0];
    let place = find(`[data-error-for="${CSS.escape(name)}"]`, form);
    if (!place) {
      place = Object.assign(document.createElement("div"), { className: "gg-field-error" });
      control?.after(place);
    }
    place.textContent = words;
    place.hidden = false;
    first ??= control;
  }
  const place = find("[data-problem]", shown() ?? document) ?? box;
  const told = page.querySelector("[role=alert]");
  place.replaceChildren(...(told ? [document.adoptNode(told)] : []));
  if (told && !first) place.scrollIntoView({ block: "nearest" });
  first?.focus();
  if (!told && !first) toast(gettext("没有送到，请再试一次。填写的内容已保留。"), { kind: "over" });
}

async function send(form, button) {
  if (form.dataset.sending) return;
  form.dataset.sending = "";
  button?.setAttribute("aria-busy", "true");
  try {
    const body = new FormData(form, button);
    const target = button?.hasAttribute("formaction") ? button.formAction : form.action;
    const answer = await fetch(target, { method: "POST", body, headers: { "X-Panel": "1" } });
    if (answer.redirected && new URL(answer.url).pathname === "/login/") {
      await drafts.get(form)?.save();
      toast(gettext("登录已过期，填写的内容已保留，请重新登录。"), {
        kind: "over",
        action: { label: gettext("登录"), run: () => location.assign(`/login/?next=${encodeURIComponent(location.pathname + location.search)}`) },
      });
    } else if (answer.ok && answer.headers.get("Content-Type")?.startsWith("application/json")) await done(form, await answer.json());
    else wrong(form, new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    await drafts.get(form)?.save();
    toast(gettext("网络不通，没有送到。填写的内容已保留，请稍后再试。"), { kind: "over" });
  } finally {
    delete form.dataset.sending;
    button?.removeAttribute("aria-busy");
  }
}

async function done(form, { done: words, number: of }) {
  await drafts.get(form)?.discard();
  toast(words);
  isTouched = false;
  const row = rowOf(of);
  if (row) {
    // it keeps its place until the list is asked for anew
    row.dataset.done = words.replace(/[。.]$/, "");
    const badge = Object.assign(document.createElement("span"), { className: "gg-live-word gg-badge gg-badge-ok", textContent: row.dataset.done });
    find(".gg-live-word", row)?.remove();
    find("[data-live-status]", row)?.append(badge);
    for (const old of all("form", row)) old.remove();
  }
  if (WIDE.matches || box.dataset.state === "shown") await show(of, { push: number !== of && WIDE.matches });
  else if (row) find(".gg-dopen", row).textContent = gettext("办理");
  counts();
}

async function counts() {
  const answer = await fetch(`/inbox/?tab=${encodeURIComponent(list.dataset.tab)}`, { cache: "no-store" }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  count(page);
}

/** The tabs and, on a phone, the bar below say the same. */
function count(page) {
  for (const part of ["[data-live-counts]", ".gg-dbottom"]) {
    const [mine, theirs] = [find(part), find(part, page)];
    if (mine && theirs && mine.innerHTML !== theirs.innerHTML) mine.innerHTML = theirs.innerHTML;
  }
}

// --- by hand ----------------------------------------------------------------------------------------------------

function openForm(kind) {
  const sheet = find(`#act-${CSS.escape(kind)}`, box);
  if (!sheet) return;
  sheet.open = true;
  sheet.scrollIntoView({ block: "nearest" });
  (find("textarea, input:not([type=hidden]), select", sheet) ?? find("summary", sheet)).focus();
}

function leave() {
  const files = uploads.get(find("[data-feedback]", box));
  return !files?.isBusy || confirm(gettext("还有文件没有传完，离开就要重新选择。确定离开吗？"));
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-send]")) return;
  event.preventDefault();
  if (form.hasAttribute("data-feedback") && find("[data-submit]", box).getAttribute("aria-disabled") === "true") return firstLacking(form);
  send(form, event.submitter);
});

document.addEventListener("click", (event) => {
  const ask = event.target.closest("[data-open-ask]");
  if (ask) {
    event.preventDefault();
    openForm(ask.dataset.openAsk);
  }
  const link = event.target.closest("[data-open]");
  if (link && WIDE.matches && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    const wanted = link.closest("[data-number]").dataset.number;
    if (leave()) show(wanted, { focus: true, push: true });
  }
  if (event.target.closest("[data-again], [data-reload]")) show(number);
});

addEventListener("beforeunload", (event) => {
  if (uploads.get(find("[data-feedback]", box))?.isBusy) event.preventDefault();
});
addEventListener("popstate", () => {
  const wanted = location.pathname.match(/^\/inbox\/([^/]+)\/$/)?.[1];
  if (wanted && WIDE.matches) show(wanted);
  else location.reload();
});

document.addEventListener("gg:list", ({ detail: page }) => {
  count(page);
  mark();
});
live.on("case", ({ n, seq }) => {
  const ticket = shown();
  if (n !== number || !ticket || seq <= Number(ticket.dataset.seq)) return;
  if (isTouched) find("[data-moved]", ticket).hidden = false;
  else show(number);
});

if (shown()) begin(shown());
else if (WIDE.matches) {
  const first = find("[data-number]", list);
  if (first) show(first.dataset.number);
}
