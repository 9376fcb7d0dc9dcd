// The same step for many cases: picked in the list, tried dry first, then a result a row. Never all or nothing.
import { api } from "./api.js";
import { toast } from "./toast.js";

const WAIT_MS = 350;

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
      if (button) this.#rehearse(button);
      if (target.closest("[data-bulk-all]")) this.#turnAll();
    });
    dialog.querySelector("[data-bulk-go]").addEventListener("click", () => this.#go());
    dialog.querySelector(".gg-dialog-body").addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#run(true), WAIT_MS);
    });
    // all of them are done: nothing is left to pick for
    dialog.addEventListener("close", () => this.#isDone && !this.#rows().length && this.pick(false));
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

  /** The step of this key for the picked rows, or that it is none for many; false where none is picked. */
  key(letter) {
    if (!this.list.hasAttribute("data-picking") || !this.#rows().length) return false;
    const button = this.bar.querySelector(`[data-bulk][data-key="${CSS.escape(letter.toUpperCase())}"]`);
    if (button) this.#rehearse(button);
    else toast(interpolate(gettext("选中的案件没有“%s”键的批量步骤。"), [letter.toUpperCase()]), { kind: "over" });
    return true;
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
    const payload = Object.fromEntries(this.#fields().filter((one) => one.value).map((one) => [one.name, one.name === "level" ? Number(one.value) : one.value]));
    if (this.#words) payload[this.#step.text] = this.#words;
    return { action: this.action, dry_run: dry, payload, cases };
  }

  get #words() {
    return this.dialog.querySelector("textarea").value.trim();
  }

  /** What the step asks beside the words. */
  #fields() {
    return [...this.dialog.querySelectorAll("[data-bulk-field]:not([hidden]) [name]")];
  }

  #chosen = [];
  #timer = 0;

  #asked = 0;
  #again = null;
  #isDone = false;
  #step = null;

  async #rehearse({ dataset: step }) {
    this.#step = step;
    this.action = step.bulk;
    this.label = step.label;
    this.#isDone = false;
    this.#chosen = this.#rows();
    this.dialog.querySelector("h2").textContent = interpolate(gettext("%s · %s 件"), [step.label, this.#chosen.length]);
    const note = this.dialog.querySelector("textarea");
    this.dialog.querySelector("[data-bulk-optional]").hidden = "needsText" in step;
    for (const box of this.dialog.querySelectorAll("[data-bulk-field]")) box.hidden = !step.fields.split(" ").includes(box.dataset.bulkField);
    for (const one of [note, ...this.dialog.querySelectorAll("[data-bulk-field] [name]")]) Object.assign(one, { value: "", disabled: false });
    this.dialog.showModal();
    note.focus();
    await this.#run(true);
  }

  /** A row of the dialog: the case by number and title, and what becomes of it. */
  #line(number, result, ...words) {
    const row = document.createElement("tr");
    if (result) row.dataset.result = result;
    const title = this.#chosen.find((one) => one.dataset.number === number)?.querySelector(".gg-qtitle")?.textContent ?? "";
    row.append(...[number.slice(-7), title, ...words].map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return row;
  }

  /** Before the words that the step needs there is nothing to try. */
  #waitForWords() {
    this.#asked += 1;
    this.#again = null;
    this.dialog.querySelector("tbody").replaceChildren(...this.#chosen.map((one) => this.#line(one.dataset.number, "", "", "")));
    this.dialog.querySelector("[data-bulk-sum]").textContent = gettext("写好说明或理由后逐件试算。");
    Object.assign(this.dialog.querySelector("[data-bulk-go]"), { disabled: true, textContent: interpolate(gettext("办理 %s 件"), [this.#chosen.length]) });
    return false;
  }

  async #go() {
    clearTimeout(this.#timer);
    // what could not be tried is tried, never done, by the same button
    if (this.#again) return void this.#run(true);
    if (!(await this.#run(false))) return undefined;
    for (const one of [this.dialog.querySelector("textarea"), ...this.#fields()]) one.disabled = true;
    this.dialog.querySelector("footer form button").focus();
    this.#isDone = true;
    // what was refused stays picked
    for (const row of this.#chosen) row.ariaChecked = String(this.#refused.has(row.dataset.number));
    this.#count();
    return undefined;
  }

  #refused = new Set();

  async #run(dry) {
    if ("needsText" in this.#step && !this.#words) return this.#waitForWords();
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
      this.#refused = new Set(results.filter(({ result }) => result === "refused").map(({ number }) => number));
      table.replaceChildren(
        ...results.map(({ number, result, message, actor }) => {
          const row = this.#line(number, result, words[result] ?? result, [message, actor].filter(Boolean).join(" · "));
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
