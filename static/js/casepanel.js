// A case beside its queue: fetched as a fragment, its forms sent without leaving the page, what was typed kept.
import { toast } from "./toast.js";

const KEPT_MS = 15_000;
const ASK = { headers: { "X-Panel": "1" }, credentials: "same-origin" };

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html").querySelector("[data-panel]");
}

function fields(form) {
  return [...form.elements].filter((e) => e.name && e.type !== "hidden" && e.type !== "file" && e.type !== "submit");
}

export class CasePanel extends EventTarget {
  #cache = new Map();
  #asked = 0;

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
      if (button) this.act(button.dataset.act);
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
    answer.catch(() => this.#cache.delete(number));
    return answer;
  }

  /** The neighbour of the chosen row is likely to be next: have it at hand. */
  prefetch(number) {
    if (number) this.#fetched(number).catch(() => {});
  }

  forget(number) {
    this.#cache.delete(number);
  }

  async show(number, { focus = false } = {}) {
    const asked = ++this.#asked;
    this.number = number;
    if (!number) {
      this.#state("empty");
      return;
    }
    const slow = setTimeout(() => this.#state("loading"), 120);
    try {
      const { status, html } = await this.#fetched(number);
      if (asked !== this.#asked) return;
      const found = parsed(html);
      if (found) this.#put(found, focus);
      else this.#fail(status);
    } catch {
      if (asked === this.#asked) this.#fail(0);
    } finally {
      clearTimeout(slow);
    }
  }

  /** As it is now: unless somebody is typing, who is told instead. */
  async refresh() {
    this.forget(this.number);
    if (!this.isTouched) await this.show(this.number);
    else this.panel?.setAttribute("data-stale", "");
  }

  /** The action's form is opened; one that has nothing to fill in is sent at once. */
  act(action) {
    const sheet = this.box.querySelector(`#act-${CSS.escape(action)}`);
    if (!sheet) return false;
    const form = sheet.querySelector("form");
    const open = fields(form);
    const wanting = open.filter((e) => !e.value && !e.closest(".gg-field")?.querySelector(".form-label .gg-meta"));
    if (sheet.open && wanting.length === 0) {
      form.requestSubmit(form.querySelector(".gg-actions button"));
      return true;
    }
    for (const other of this.box.querySelectorAll(".gg-act[open]")) if (other !== sheet) other.open = false;
    sheet.open = true;
    sheet.scrollIntoView({ block: "nearest" });
    (wanting[0] ?? open[0] ?? form.querySelector("button")).focus();
    return true;
  }

  /** The action whose button has this key; whether there is one. */
  key(letter) {
    const button = this.box.querySelector(`[data-key="${CSS.escape(letter.toUpperCase())}"]`);
    return button ? this.act(button.dataset.act) : false;
  }

  #put(found, focus) {
    this.#state("shown");
    this.box.querySelector("[data-panel]")?.remove();
    this.box.append(document.adoptNode(found));
    this.#restore(found);
    this.dispatchEvent(new CustomEvent("shown", { detail: { number: this.number, panel: found } }));
    if (focus) found.querySelector("h2")?.focus();
  }

  #state(state) {
    this.box.dataset.state = state;
    if (state !== "shown") this.box.querySelector("[data-panel]")?.remove();
    this.box.setAttribute("aria-busy", String(state === "loading"));
  }

  #fail(status) {
    const states = { 401: "signed-out", 403: "forbidden", 404: "gone" };
    this.#state(states[status] ?? "failed");
  }

  // --- what was typed -----------------------------------------------------------------------------------------

  #place(form) {
    return `gg-typed:${new URL(form.action).pathname}`;
  }

  #keep(form) {
    if (!form || form.method !== "post") return;
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
      for (const [name, value] of JSON.parse(text).kept) {
        for (const field of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
          if (field.type === "radio" || field.type === "checkbox") field.checked = field.value === value;
          else if (field.multiple) for (const o of field.options) o.selected = value.includes(o.value);
          else if (value) field.value = value;
        }
      }
      form.dataset.touched = "";
      form.closest(".gg-act").dataset.kept = gettext("已恢复上次填写的内容");
    }
  }

  // --- sending ------------------------------------------------------------------------------------------------

  async #submit(event) {
    const form = event.target;
    if (form.method !== "post" || !form.closest("[data-panel]")) return;
    event.preventDefault();
    const button = event.submitter ?? form.querySelector("button");
    if (form.dataset.sending) return;
    form.dataset.sending = "";
    button?.setAttribute("aria-busy", "true");
    const target = button?.formAction && button.hasAttribute("formaction") ? button.formAction : form.action;
    try {
      const body = new FormData(form, button);
      const response = await fetch(target, { ...ASK, method: "POST", body });
      if (response.redirected && new URL(response.url).pathname === "/login/") {
        this.dispatchEvent(new CustomEvent("signed-out"));
        toast(gettext("登录已过期，填写的内容已保留，请重新登录。"), {
          kind: "over",
          action: { label: gettext("登录"), run: () => location.assign(`/login/?next=${encodeURIComponent(location.pathname + location.search)}`) },
        });
        return;
      }
      if (response.ok && response.headers.get("Content-Type")?.startsWith("application/json")) {
        const { done, number, undo } = await response.json();
        sessionStorage.removeItem(this.#place(form));
        this.forget(number);
        this.dispatchEvent(new CustomEvent("done", { detail: { number, words: done, undo, action: form.closest(".gg-act")?.id.slice(4) } }));
        return;
      }
      const found = parsed(await response.text());
      if (found) {
        this.forget(this.number);
        this.#put(found, false);
        const wrong = found.querySelector("[role=alert], .gg-field-error");
        wrong?.scrollIntoView({ block: "center" });
        (found.querySelector(".gg-bad input, .gg-bad select, .gg-bad textarea") ?? found.querySelector("h2"))?.focus({ preventScroll: true });
        if (response.status === 409) this.dispatchEvent(new CustomEvent("conflict", { detail: { number: this.number } }));
      } else {
        toast(response.status === 403 ? gettext("没有权限。") : gettext("没有送到，请再试一次。填写的内容已保留。"), { kind: "over" });
      }
    } catch {
      toast(gettext("网络不通，没有送到。填写的内容已保留，请稍后再试。"), { kind: "over" });
    } finally {
      delete form.dataset.sending;
      button?.removeAttribute("aria-busy");
    }
  }
}
