// Keys of a page: one letter an action, "g q" for a sequence. Silent while somebody types or an input method composes.
const SEQUENCE_MS = 1200;
const TYPING = "input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select, [contenteditable]";

export class Keyboard {
  #keys = new Map();
  #prefix = "";
  #timer = 0;

  constructor(root = document) {
    root.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** `keys`: "j", "?", "g q", "Escape". `act` gets the event; what it does not want it leaves by returning false. */
  on(keys, act) {
    this.#keys.set(keys, act);
    return this;
  }

  #pressed(event) {
    // 229: the key belongs to an input method, whatever it looks like
    if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target instanceof Element && event.target.closest(TYPING);
    if (typing && event.key !== "Escape") return;
    // a dialog has its own keys, Escape among them
    if (document.querySelector("dialog[open]")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const whole = this.#prefix ? `${this.#prefix} ${key}` : key;
    this.#reset();
    if (this.#keys.has(whole)) {
      if (this.#keys.get(whole)(event) !== false) event.preventDefault();
    } else if (key.length === 1 && [...this.#keys.keys()].some((known) => known.startsWith(`${key} `))) {
      this.#prefix = key;
      this.#timer = setTimeout(() => this.#reset(), SEQUENCE_MS);
      event.preventDefault();
    }
  }

  #reset() {
    clearTimeout(this.#timer);
    this.#prefix = "";
  }
}
