// A case beside its queue: fetched as a fragment, its forms sent without leaving the page, what was typed kept.
import { token } from "./api.js";
import { toast } from "./toast.js";

const KEPT_MS = 15_000;
//: What was typed and not sent is offered again for so long.
const DRAFT_MS = 12 * 3_600_000;
const USER = document.querySelector("[data-live]")?.dataset.user ?? "";
const ASK = { headers: { "X-Panel": "1" }, credentials: "same-origin" };

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html").querySelector("[data-panel]");
}

function fields(form) {
  return [...form.elements].filter((e) => e.name && e.type !== "hidden" && e.type !== "file" && e.type !== "submit");
}

function isWanting(field) {
  const box = field.closest(".gg-field");
  if (!box || box.querySelector(".form-label .gg-meta")) return false;
  if (field.type === "radio") return !field.form.querySelector(`[name="${CSS.escape(field.name)}"]:checked`);
  if (field.type === "checkbox") return false;
  return field.multiple ? field.selectedOptions.length === 0 : !field.value;
}

/** Where somebody was in a panel, to be put back there in the panel that takes its place. */
function placeIn(panel) {
  const at = panel.contains(document.activeElement) ? document.activeElement : null;
  const { act, claim } = at?.dataset ?? {};
  const name = at?.name && at.closest(".gg-act") ? `#${at.closest(".gg-act").id} [name="${CSS.escape(at.name)}"]` : "";
  const sheet = at?.matches("summary") && at.closest(".gg-act") ? `#${at.closest(".gg-act").id} > summary` : "";
  const same = at?.id ? `#${CSS.escape(at.id)}` : "";
  const button = act ? `[data-act="${act}"]` : claim ? "[data-claim]" : "";
  return {
    top: panel.querySelector("[data-panel-scroll]").scrollTop,
    open: [...panel.querySelectorAll("details[id]")].map((one) => [one.id, one.open]),
    reason: panel.querySelector("[data-seize-reason]")?.value,
    had: Boolean(at),
    at: same || name || sheet || button,
    selection: at?.matches("textarea, input[type=text]") ? [at.selectionStart, at.selectionEnd] : null,
  };
}

export class CasePanel extends EventTarget {
  #cache = new Map();
  #asked = 0;
  #loading = null;

  /** `box`: where the panel is shown; it has states of its own by `data-state`: empty, loading, shown, failed. */
  constructor(box) {
    super();
    this.box = box;
    this.number = "";
    box.addEventListener("submit", (event) => this.#submit(event));
    box.addEventListener("input", (event) => this.#keep(event.target.closest("form")));
    box.addEventListener("change", (event) => this.#keep(event.target.closest("form")));
    box.addEventListener("click", (event) => {
      const button = event.target.closest("[data-act]");
      if (button && !button.disabled) this.act(button.dataset.act);
      if (event.target.closest("[data-renew]")) this.refresh({ typed: true });
    });
    box.addEventListener("keydown", (event) => {
      // out of a text box by the keyboard alone
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || event.keyCode === 229) return;
      const form = event.target.closest("[data-panel] form");
      if (!form) return;
      event.preventDefault();
      const button = form.querySelector("button:not([type=button])");
      if (!button.disabled) form.requestSubmit(button);
    });
  }

  get panel() {
    return this.box.querySelector("[data-panel]");
  }

  /** Whether something was typed into a form of the shown case that was not sent. */
  get isTouched() {
    return Boolean(this.box.querySelector("form[data-touched]"));
  }

  async #fetched(number) {
    const held = this.#cache.get(number);
    if (held && performance.now() - held.at < KEPT_MS) return held.answer;
    const answer = fetch(`/cases/${number}/`, ASK).then(async (response) => ({
      status: response.redirected && new URL(response.url).pathname === "/login/" ? 401 : response.status,
      html: await response.text(),
    }));
    this.#cache.set(number, { at: performance.now(), answer });
    const drop = () => this.#cache.get(number)?.answer === answer && this.#cache.delete(number);
    answer.then(({ status }) => status === 200 || drop(), drop);
    return answer;
  }

  /** The neighbour of the chosen row is likely to be next: have it at hand. */
  prefetch(number) {
    if (number) this.#fetched(number).catch(() => {});
  }

  forget(number) {
    this.#cache.delete(number);
  }

  /** The case stands in the panel, or the reason why not. */
  show(number, options = {}) {
    const loading = this.#shown(number, options);
    this.#loading = loading;
    loading.finally(() => {
      if (this.#loading === loading) this.#loading = null;
    });
    return loading;
  }

  /** Nothing is on its way any more: a load may be overtaken by a newer one. */
  async settled() {
    while (this.#loading) await this.#loading;
  }

  async #shown(number, { focus = false, fresh = false }) {
    const asked = ++this.#asked;
    this.number = number;
    if (!number) {
      this.#state("empty");
      return;
    }
    // one that was overtaken takes nothing away
    const slow = setTimeout(() => asked === this.#asked && this.#wait(number), 120);
    try {
      const { status, html } = await this.#fetched(number);
      if (asked !== this.#asked) return;
      const found = parsed(html);
      if (found) this.#put(found, { focus, fresh });
      else this.#fail(status, focus);
    } catch {
      if (asked === this.#asked) this.#fail(0, focus);
    } finally {
      clearTimeout(slow);
    }
  }

  #isShown(number) {
    return this.box.dataset.state === "shown" && this.panel?.dataset.number === number;
  }

  /** The same case on its way once more: what is read and typed stays until the new one is there. */
  #wait(number) {
    if (this.#isShown(number)) this.box.setAttribute("aria-busy", "true");
    else this.#state("loading");
  }

  /** As it is now: unless somebody is typing, who is told instead, and asks for it (`typed`) when he likes. `fresh`:
   *  after a step of one's own it is not put back as it was opened for that step. */
  async refresh({ typed = false, fresh = false } = {}) {
    this.forget(this.number);
    if (typed || !this.isTouched) await this.show(this.number, { fresh });
    else {
      const note = this.panel.querySelector("[data-stale]");
      if (note) note.hidden = false;
    }
  }

  /** The action's form is opened; one that is open and has nothing to fill in is sent at once. */
  act(action, { send = true } = {}) {
    const sheet = this.box.querySelector(`#act-${CSS.escape(action)}`);
    if (!sheet) return false;
    const form = sheet.querySelector("form");
    const open = fields(form);
    const wanting = open.filter(isWanting);
    if (send && sheet.open && wanting.length === 0) {
      form.requestSubmit(form.querySelector(".gg-actions button"));
      return true;
    }
    for (const other of this.box.querySelectorAll(".gg-act[open]")) if (other !== sheet) other.open = false;
    sheet.open = true;
    sheet.scrollIntoView({ block: "nearest" });
    (wanting[0] ?? (send && open[0]) ?? form.querySelector(".gg-actions button")).focus();
    return true;
  }

  /** The action whose button has this key; whether there is one. A key that is quicker than the case waits for it, and
   *  then only opens the form: nothing is sent about a case that was not yet to be seen. */
  key(letter) {
    if (!this.#loading) return this.#key(letter);
    const { number } = this;
    // one that is only being renewed was seen; should it have moved meanwhile, its version refuses what is sent
    const send = this.panel?.dataset.number === number;
    this.settled().then(() => number === this.number && this.#key(letter, { send }));
    return true;
  }

  #key(letter, options) {
    const button = this.box.querySelector(`[data-key="${CSS.escape(letter.toUpperCase())}"]`);
    if (button?.disabled) return Boolean(toast(button.dataset.held, { kind: "over" }));
    return button ? this.act(button.dataset.act, options) : false;
  }

  #put(found, { focus = false, fresh = false } = {}) {
    const before = this.panel;
    const was = before?.dataset.number === found.dataset.number && !fresh ? placeIn(before) : null;
    const had = Boolean(before?.contains(document.activeElement));
    this.#state("shown");
    before?.remove();
    this.box.append(document.adoptNode(found));
    this.#restore(found);
    if (was) this.#back(found, was);
    this.dispatchEvent(new CustomEvent("shown", { detail: { number: this.number, panel: found } }));
    if (focus || (had && !found.contains(document.activeElement))) found.querySelector("h2")?.focus({ preventScroll: !focus });
  }

  #back(panel, was) {
    for (const [id, open] of was.open) {
      const part = panel.querySelector(`#${CSS.escape(id)}`);
      if (part) part.open = open;
    }
    const reason = panel.querySelector("[data-seize-reason]");
    if (reason && was.reason) reason.value = was.reason;
    panel.querySelector("[data-panel-scroll]").scrollTop = was.top;
    if (!was.had || !was.at) return;
    const at = panel.querySelector(was.at);
    at?.focus({ preventScroll: true });
    if (was.selection && at?.setSelectionRange) at.setSelectionRange(...was.selection);
  }

  #state(state) {
    this.box.dataset.state = state;
    if (state !== "shown") this.box.querySelector("[data-panel]")?.remove();
    this.box.setAttribute("aria-busy", String(state === "loading"));
  }

  #fail(status, focus) {
    const states = { 401: "signed-out", 403: "forbidden", 404: "gone" };
    const state = states[status] ?? "failed";
    if (state === "failed" && this.#isShown(this.number)) {
      // what stands there was true a moment ago, and says that it may have changed
      this.box.setAttribute("aria-busy", "false");
      this.panel.querySelector("[data-stale]")?.removeAttribute("hidden");
      return;
    }
    const had = focus || this.box.contains(document.activeElement);
    this.#state(state);
    const link = this.box.querySelector(".gg-state-signed-out a");
    if (link) link.href = this.#signIn;
    if (had) this.box.querySelector(`.gg-state-${state} :is(button, a, h2)`)?.focus();
  }

  get #signIn() {
    return `/login/?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`;
  }

  // --- what was typed -----------------------------------------------------------------------------------------

  #place(form) {
    // by person: at a shared desk the next one does not find the words of the last
    return `gg-typed:${USER}:${new URL(form.action).pathname}`;
  }

  #keep(form) {
    // a box that is left when its form is gone says once more that it has changed
    if (!form || form.method !== "post" || !form.closest(".gg-act") || "sent" in form.dataset) return;
    form.dataset.touched = "";
    const typed = fields(form).filter((e) => (e.type !== "checkbox" && e.type !== "radio") || e.checked);
    const kept = typed.map((e) => [e.name, e.multiple ? [...e.selectedOptions].map((o) => o.value) : e.value]);
    try {
      sessionStorage.setItem(this.#place(form), JSON.stringify({ at: Date.now(), kept }));
    } catch {
      // a full or forbidden store takes nothing; the form itself still has it
    }
  }

  #restore(panel) {
    for (const form of panel.querySelectorAll(".gg-act form")) {
      const text = sessionStorage.getItem(this.#place(form));
      if (!text || form.querySelector(".gg-field-error")) continue;
      const { at, kept } = JSON.parse(text);
      if (Date.now() - at > DRAFT_MS) {
        sessionStorage.removeItem(this.#place(form));
        continue;
      }
      for (const [name, value] of kept) {
        for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
          if (field.type === "radio" || field.type === "checkbox") field.checked = field.value === value;
          else if (field.multiple) for (const o of field.options) o.selected = value.includes(o.value);
          // a choice that is no longer offered is left as the form has it
          else if (value && (!field.options || [...field.options].some((o) => o.value === value))) field.value = value;
        }
      }
      form.dataset.touched = "";
      form.closest(".gg-act").dataset.kept = gettext("已恢复上次填写的内容");
    }
  }

  // --- sending ------------------------------------------------------------------------------------------------

  #submit(event) {
    if (event.target.method === "post" && event.target.closest("[data-panel]")) this.send(event);
  }

  /** A form about the shown case is sent; "done", "refused" (the panel says why) or "kept" (it did not get through). */
  async send(event) {
    const form = event.target;
    event.preventDefault();
    const button = event.submitter ?? form.querySelector("button");
    if (form.dataset.sending) return "kept";
    form.dataset.sending = "";
    button?.setAttribute("aria-busy", "true");
    const target = button?.formAction && button.hasAttribute("formaction") ? button.formAction : form.action;
    try {
      const body = new FormData(form, button);
      // signing in again, here or in another tab, has made a new one
      if (token()) body.set("csrfmiddlewaretoken", token());
      const response = await fetch(target, { ...ASK, method: "POST", body });
      if (response.redirected && new URL(response.url).pathname === "/login/") {
        toast(gettext("登录已过期，填写的内容已保留，请重新登录。"), {
          kind: "over",
          stays: true,
          action: { label: gettext("登录"), run: () => location.assign(this.#signIn) },
        });
        return "kept";
      }
      if (response.ok && response.headers.get("Content-Type")?.startsWith("application/json")) {
        const { done, number, undo } = await response.json();
        sessionStorage.removeItem(this.#place(form));
        delete form.dataset.touched;
        form.dataset.sent = "";
        const sheet = form.closest(".gg-act");
        if (sheet) sheet.open = false;
        this.forget(number);
        this.dispatchEvent(new CustomEvent("done", { detail: { number, words: done, undo, action: /\/(?:act|ask)\/(\w+)\//.exec(form.action)?.[1] ?? "" } }));
        return "done";
      }
      const found = parsed(await response.text());
      if (found) {
        this.forget(this.number);
        this.#put(found, { fresh: true });
        const wrong = found.querySelector("[role=alert], .gg-field-error");
        wrong?.scrollIntoView({ block: "center" });
        (found.querySelector(".gg-bad input, .gg-bad select, .gg-bad textarea") ?? found.querySelector("h2"))?.focus({ preventScroll: true });
        return "refused";
      } else {
        const words = {
          403: gettext("没有权限，没有办理。填写的内容已保留。"),
          404: gettext("这件案件已不在你的范围内，没有办理。填写的内容已保留。"),
        };
        toast(words[response.status] ?? gettext("没有送到，请再试一次。填写的内容已保留。"), { kind: "over" });
      }
    } catch {
      toast(gettext("网络不通，没有送到。填写的内容已保留，请稍后再试。"), { kind: "over" });
    } finally {
      delete form.dataset.sending;
      button?.removeAttribute("aria-busy");
    }
    return "kept";
  }
}
