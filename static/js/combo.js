// A text box that offers a list while one types: arrows, Enter, Escape; nothing is chosen while an input method composes.
let serial = 0;

const made = (name, className = "", text = "") => Object.assign(document.createElement(name), { className, textContent: text });

export class Combo extends EventTarget {
  #options = [];
  #at = -1;
  #asked = 0;
  #timer = 0;

  /** `find(text)` gives, now or later, [{ label, hint, … }]; "chosen" says which one. `wait`: milliseconds after typing. */
  constructor(input, find, { wait = 0, first = false } = {}) {
    super();
    Object.assign(this, { input, find, wait, first });
    const box = made("div", "gg-ncombo");
    input.before(box);
    this.list = made("ul");
    this.list.id = `combo-${++serial}`;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", gettext("可选项"));
    this.list.hidden = true;
    box.append(input, this.list);
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-controls", this.list.id);
    input.setAttribute("aria-expanded", "false");
    input.autocomplete = "off";
    input.addEventListener("input", (event) => { if (!event.isComposing) this.#ask(); });
    input.addEventListener("compositionend", () => this.#ask());
    input.addEventListener("keydown", (event) => this.#key(event));
    input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault();
      const row = event.target.closest("li");
      if (row) this.choose([...this.list.children].indexOf(row));
    });
  }

  close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  choose(at) {
    const option = this.#options[at];
    this.close();
    if (option) this.dispatchEvent(new CustomEvent("chosen", { detail: option }));
  }

  #ask() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      const mine = ++this.#asked;
      const found = await this.find(this.input.value.trim());
      if (mine === this.#asked) this.#show(found);
    }, this.wait);
  }

  #show(found) {
    this.#options = found;
    this.list.replaceChildren(...found.map(({ label, hint }, position) => {
      const row = made("li");
      row.id = `${this.list.id}-${position}`;
      row.setAttribute("role", "option");
      row.append(made("span", "", label), made("span", "gg-meta", hint));
      return row;
    }));
    this.list.hidden = found.length === 0;
    this.input.setAttribute("aria-expanded", String(found.length > 0));
    this.#mark(this.first && found.length ? 0 : -1);
  }

  #mark(at) {
    this.#at = at;
    [...this.list.children].forEach((row, position) => row.setAttribute("aria-selected", String(position === at)));
    const row = this.list.children[at];
    if (row) {
      this.input.setAttribute("aria-activedescendant", row.id);
      row.scrollIntoView({ block: "nearest" });
    } else this.input.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    if (this.list.hidden) {
      if (event.key === "ArrowDown") this.#ask();
      return;
    }
    const many = this.#options.length;
    if (event.key === "ArrowDown") this.#mark((this.#at + 1) % many);
    else if (event.key === "ArrowUp") this.#mark((this.#at - 1 + many) % many);
    else if (event.key === "Enter" && this.#at >= 0) this.choose(this.#at);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
  }
}
