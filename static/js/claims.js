// Claiming the shown case: a strip that says who holds it and for how long, prolonged while somebody works on it.
import { api } from "./api.js";
import { serverNow } from "./live.js";
import { toast } from "./toast.js";

const RENEW_BELOW_MS = 180_000;

export class Claims {
  #timer = 0;
  #busy = false;

  constructor(panel) {
    this.panel = panel;
    panel.addEventListener("shown", () => this.#tick());
    panel.box.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-claim]");
      if (button) this.do(button.dataset.claim);
    });
    panel.box.addEventListener("input", () => this.#keep());
    setInterval(() => this.#tick(), 1000);
  }

  get strip() {
    return this.panel.box.querySelector("[data-lease]");
  }

  /** Claims or releases the shown case, as it stands once the panel is there. */
  async toggle() {
    const { number } = this.panel;
    await this.panel.settled();
    if (number !== this.panel.number) return; // meant was the one before
    const offered = this.strip?.querySelector("[data-claim=claim], [data-claim=release]");
    if (offered) this.do(offered.dataset.claim);
    // a colleague's: whoever asks for it is told, though the strip says so already
    else if (this.strip) toast(this.strip.querySelector("span").textContent.trim(), { kind: "over" });
  }

  async do(what) {
    const { number } = this.panel;
    if (!number || this.#busy) return;
    let reason;
    if (what === "seize") {
      reason = this.panel.box.querySelector("[data-seize-reason]")?.value.trim();
      if (!reason) return void this.panel.box.querySelector("[data-seize-reason]")?.focus();
    }
    this.#busy = true;
    try {
      if (what === "release") await api("DELETE", `incidents/${number}/claim/`);
      else if (what === "seize") await api("POST", `incidents/${number}/claim/seize/`, { reason });
      else await api("POST", `incidents/${number}/claim/${what === "renew" ? "renew/" : ""}`);
      this.panel.dispatchEvent(new CustomEvent("claimed", { detail: { number, what } }));
    } catch (refused) {
      toast(refused.message, { kind: "over" });
    }
    this.panel.forget(number);
    // busy until the panel shows what came of it: a key pressed before that would do the same once more
    try {
      if (number === this.panel.number) await this.panel.refresh();
    } finally {
      this.#busy = false;
    }
  }

  /** Something is on its way whose answer renews the panel. */
  get isBusy() {
    return this.#busy;
  }

  /** Who types holds on to it. */
  async #keep() {
    const mine = this.strip?.matches("[data-mine]");
    const left = Number(this.strip?.dataset.until) - serverNow();
    if (!mine || this.#busy || left > RENEW_BELOW_MS) return;
    const { number } = this.panel;
    this.#busy = true;
    try {
      const held = await api("POST", `incidents/${number}/claim/renew/`);
      if (this.strip && number === this.panel.number) this.strip.dataset.until = String(Date.parse(held.until));
    } catch {
      // it ended: the strip says so at the next look
    }
    this.#busy = false;
  }

  #tick() {
    const left = this.strip?.querySelector("[data-left]");
    if (!left) return;
    const ms = Math.max(0, Number(this.strip.dataset.until) - serverNow());
    left.textContent = `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;
    // where somebody types he is told, and asks for the panel in which the buttons are free again
    const ended = `${this.panel.number} ${this.strip.dataset.until}`;
    if (ms === 0 && this.#timer !== ended) {
      this.#timer = ended;
      this.panel.refresh();
    }
  }
}
