// The same step for many cases: picked in the list, tried dry first, then a result a row. Never all or nothing.
import { api } from "./api.js";

const WAIT_MS = 350;
//: What wants a reason where the others take a note.
const REASONED = new Set(["send_back", "recall"]);

export class Bulk {
  constructor(list, bar, dialog, toggle) {
    Object.assign(this, { list, bar, dialog, toggle });
    toggle.addEventListener("click", () => this.pick());
    list.addEventListener("click", ({ target }) => {
      if (target.closest(".gg-wpick")) this.turn(target.closest(".gg-wrow"));
    });
    document.addEventListener("gg:list", () => queueMicrotask(() => this.#count()));
    bar.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-bulk]");
      if (button) this.#rehearse(button.dataset.bulk, button.textContent.trim());
      if (target.closest("[data-bulk-all]")) this.#turnAll();
    });
    dialog.querySelector("[data-bulk-go]").addEventListener("click", () => this.#go());
    dialog.querySelector("textarea").addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#run(true), WAIT_MS);
    });
  }

  pick(on = !this.list.hasAttribute("data-picking")) {
    this.list.toggleAttribute("data-picking", on);
    this.toggle.setAttribute("aria-pressed", String(on));
    if (!on) for (const row of this.#all()) row.removeAttribute("aria-checked");
    this.#count();
  }

  /** The row is picked, or no longer. */
  turn(row) {
    row.ariaChecked = String(row.ariaChecked !== "true");
    this.#count();
  }

  #all() {
    return [...this.list.querySelectorAll(".gg-wrow")];
  }

  #rows() {
    return this.#all().filter((row) => row.ariaChecked === "true");
  }

  #turnAll() {
    const on = this.#rows().length < this.#all().length;
    for (const row of this.#all()) row.ariaChecked = String(on);
    this.#count();
  }

  #count() {
    const count = this.#rows().length;
    const picking = this.list.hasAttribute("data-picking");
    // a row that just came says that it is not picked
    if (picking) for (const row of this.#all()) row.ariaChecked ??= "false";
    this.bar.hidden = !picking;
    this.bar.querySelector("[data-bulk-count]").textContent = interpolate(gettext("已选 %s 件"), [count]);
    for (const button of this.bar.querySelectorAll("[data-bulk]")) button.disabled = count === 0;
  }

  #body(dry) {
    const cases = this.#chosen.map((row) => ({ number: row.dataset.number, version: Number(row.dataset.version) }));
    const note = this.dialog.querySelector("textarea").value.trim();
    return { action: this.action, dry_run: dry, payload: note ? { [REASONED.has(this.action) ? "reason" : "note"]: note } : {}, cases };
  }

  #chosen = [];
  #timer = 0;

  #asked = 0;
  #again = null;

  async #rehearse(action, label) {
    this.action = action;
    this.label = label;
    this.#chosen = this.#rows();
    this.dialog.querySelector("h2").textContent = interpolate(gettext("%s · %s 件"), [label, this.#chosen.length]);
    const note = this.dialog.querySelector("textarea");
    note.value = "";
    note.disabled = false;
    this.dialog.showModal();
    await this.#run(true);
  }

  async #go() {
    clearTimeout(this.#timer);
    // what could not be tried is tried, never done, by the same button
    if (this.#again) return void this.#run(true);
    if (!(await this.#run(false))) return undefined;
    this.dialog.querySelector("textarea").disabled = true;
    this.dialog.querySelector("footer form button").focus();
    for (const row of this.#chosen) row.ariaChecked = "false";
    this.#count();
    return undefined;
  }

  async #run(dry) {
    const table = this.dialog.querySelector("tbody");
    const go = this.dialog.querySelector("[data-bulk-go]");
    const sum = this.dialog.querySelector("[data-bulk-sum]");
    const asked = ++this.#asked;
    go.disabled = true;
    sum.textContent = dry ? gettext("正在试算…") : gettext("正在办理…");
    try {
      const { counts, results } = await api("POST", "bulk/", this.#body(dry));
      if (asked !== this.#asked) return false;
      const words = { would_pass: gettext("可办"), done: gettext("已办"), already: gettext("先前已办"), refused: gettext("不能办") };
      table.replaceChildren(
        ...results.map(({ number, result, message, actor }) => {
          const row = document.createElement("tr");
          row.dataset.result = result;
          const cells = [number.slice(-7), words[result] ?? result, [message, actor].filter(Boolean).join(" · ")];
          row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
          if (!dry && result !== "refused") this.list.dispatchEvent(new CustomEvent("bulk-done", { bubbles: true, detail: { number, action: this.action, label: this.label } }));
          return row;
        }),
      );
      const pass = dry ? (counts.would_pass ?? 0) : (counts.done ?? 0) + (counts.already ?? 0);
      sum.textContent = interpolate(dry ? gettext("试算：%s 件可办，%s 件不能办，尚未写入。") : gettext("已办 %s 件，%s 件未办。"), [pass, results.length - pass]);
      this.#again = null;
      go.disabled = !dry || pass === 0;
      go.textContent = interpolate(dry ? gettext("办理 %s 件") : gettext("已办 %s 件"), [pass]);
      return true;
    } catch (refused) {
      if (asked !== this.#asked) return false;
      table.replaceChildren();
      sum.textContent = refused.message;
      this.#again = true;
      go.disabled = false;
      go.textContent = gettext("重新试算");
      return false;
    }
  }
}
