// The command line: "/" opens it; a number, its tail, a phone's last four, a code, 拼音 initials or words find what there is.
import { api } from "./api.js";

const WAIT_MS = 140;
const WHY = { phone: gettext("电话尾号"), address: gettext("地址"), code: gettext("编码"), number: gettext("编号"), name: gettext("名称") };
const KINDS = { case: gettext("案件"), area: gettext("区域"), category: gettext("类别"), component: gettext("部件") };

export class Palette {
  #asked = 0;
  #timer = 0;

  /** `open`: what to do with a case's number; everything else is an address. */
  constructor(dialog, { open, filter }) {
    this.dialog = dialog;
    this.input = dialog.querySelector("input");
    this.list = dialog.querySelector("ul");
    this.open = open;
    this.filter = filter;
    this.input.addEventListener("input", () => this.#later());
    this.input.addEventListener("compositionend", () => this.#later());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("click", (event) => this.#take(event.target.closest("[data-kind]")));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  /** Open, with `text` already asked for. */
  show(text = "") {
    this.input.value = text;
    this.list.replaceChildren();
    this.dialog.showModal();
    this.input.focus();
    if (text) this.#ask();
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), WAIT_MS);
  }

  async #ask() {
    const text = this.input.value.trim();
    const asked = ++this.#asked;
    if (text.length < 2) return this.list.replaceChildren();
    let found;
    try {
      found = (await api("GET", `find/?${new URLSearchParams({ text })}`)).results;
    } catch (refused) {
      if (asked === this.#asked) this.#say(refused.message);
      return;
    }
    if (asked !== this.#asked) return;
    if (!found.length) return this.#say(gettext("没有找到。"));
    this.list.replaceChildren(...found.map((hit, position) => this.#row(hit, position === 0)));
  }

  #say(text) {
    this.list.replaceChildren(Object.assign(document.createElement("li"), { textContent: text, role: "presentation" }));
  }

  #row({ kind, key, label, hint, why }, first) {
    const row = document.createElement("li");
    row.id = `palette-${kind}-${key}`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(first));
    row.dataset.kind = kind;
    row.dataset.key = key;
    row.append(label);
    row.append(Object.assign(document.createElement("span"), { className: "gg-meta", textContent: [KINDS[kind], hint, WHY[why]].filter(Boolean).join(" · ") }));
    if (first) this.input.setAttribute("aria-activedescendant", row.id);
    return row;
  }

  #key(event) {
    if (event.isComposing || event.keyCode === 229) return;
    const rows = [...this.list.querySelectorAll("[data-kind]")];
    const here = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
    if (event.key === "Enter") {
      event.preventDefault();
      this.#take(rows[here]);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = rows[Math.min(rows.length - 1, Math.max(0, here + (event.key === "ArrowDown" ? 1 : -1)))];
      for (const row of rows) row.setAttribute("aria-selected", String(row === next));
      next?.scrollIntoView({ block: "nearest" });
      if (next) this.input.setAttribute("aria-activedescendant", next.id);
    }
  }

  #take(row) {
    if (!row) return;
    this.dialog.close();
    const { kind, key } = row.dataset;
    if (kind === "case") this.open(key);
    else this.filter(kind, key);
  }
}
