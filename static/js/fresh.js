// Asks for the page again each minute and puts its blocks in place of the old ones. What could not be refreshed stays,
// is marked, and says of when it is. `head` carries the words and the seconds; `after` runs once new figures stand.
export class Freshness {
  #head; #after; #seconds; #timer = 0; #tick = 0; #note; #next = 0; #failed = 0;

  constructor(head, after = () => {}) {
    this.#head = head;
    this.#after = after;
    this.#seconds = Number(head.dataset.seconds);
    this.#note = document.querySelector("[data-stale-note]");
    document.querySelector("[data-refresh]")?.addEventListener("click", () => this.refresh());
    document.addEventListener("visibilitychange", () => { if (!document.hidden && Date.now() > this.#next) this.refresh(); });
    this.#plan(this.#seconds);
  }

  async refresh() {
    clearTimeout(this.#timer);
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(20000) });
      if (answer.redirected) throw new Error(this.#head.dataset.signedOut);
      if (!answer.ok) throw new Error(`${this.#head.dataset.stale} (${answer.status})`);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      // figures that are only being counted are no figures: those that stand stay
      if (!fresh.querySelector("[data-dashboard]") || (fresh.querySelector("[data-pending]") && !document.querySelector("[data-pending]"))) throw new Error(this.#head.dataset.stale);
      this.#swap(fresh);
      this.#failed = 0;
      this.#mark("");
      this.#plan(this.#seconds);
    } catch (problem) {
      this.#failed += 1;
      const known = problem instanceof Error && problem.message && !(problem instanceof TypeError) && !(problem instanceof DOMException);
      this.#mark(known ? problem.message : this.#head.dataset.stale);
      this.#plan(Math.min(this.#seconds, 5 * 2 ** Math.min(this.#failed, 4)));
    }
  }

  #swap(fresh) {
    const focused = document.activeElement?.closest("[data-block]")?.dataset.block;
    const key = document.activeElement?.dataset.key ?? document.activeElement?.getAttribute("aria-describedby");
    for (const block of document.querySelectorAll("[data-block]")) {
      const other = fresh.querySelector(`[data-block="${block.dataset.block}"]`);
      if (other && block.innerHTML !== other.innerHTML) block.replaceChildren(...other.childNodes);
      if (other?.hasAttribute("href")) block.setAttribute("href", other.getAttribute("href"));
    }
    if (focused && key) document.querySelector(`[data-block="${focused}"] :is([data-key="${CSS.escape(key)}"], [aria-describedby="${CSS.escape(key)}"])`)?.focus();
    this.#after(fresh);
  }

  #mark(problem) {
    document.body.classList.toggle("gg-is-stale", problem !== "");
    this.#note.hidden = problem === "";
    this.#note.dataset.problem = problem;
  }

  #plan(seconds) {
    clearInterval(this.#tick);
    this.#next = Date.now() + seconds * 1000;
    this.#timer = setTimeout(() => { if (!document.hidden) this.refresh(); else this.#plan(this.#seconds); }, seconds * 1000);
    if (this.#note.hidden) return;
    const say = () => {
      const at = document.querySelector('[data-block="fresh"] time, [data-as-of-time]')?.textContent ?? "";
      const left = Math.max(0, Math.ceil((this.#next - Date.now()) / 1000));
      const words = this.#head.dataset.asOf.replace("{at}", at).replace("{in}", left);
      this.#note.lastElementChild.textContent = `${this.#note.dataset.problem} · ${words}`;
    };
    say();
    this.#tick = setInterval(say, 1000);
  }
}
