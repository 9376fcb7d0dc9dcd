// Two cases side by side in a dialog, merged from there in one step. Without a script the same is a page of its own.
import { toast } from "./toast.js";

export class Compare {
  /** `panel`: the case beside the queue; its links to a likely twin open the dialog. */
  constructor(panel, dialog) {
    this.panel = panel;
    this.dialog = dialog;
    this.body = dialog.querySelector("[data-compare-body]");
    panel.box.addEventListener("click", (event) => {
      const link = event.target.closest("[data-compare-with]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.show(link.href);
    });
    dialog.addEventListener("submit", (event) => {
      if (event.target.method === "post") this.#merge(event);
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  /** Whether the shown case has a likely twin; the likeliest is opened. */
  first() {
    const link = this.panel.box.querySelector("[data-compare-with]");
    if (link) this.show(link.href);
    return Boolean(link);
  }

  async show(address) {
    try {
      const answer = await fetch(address, { headers: { "X-Panel": "1" } });
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-compare-cases]");
      if (!answer.ok || answer.redirected || !found) return void location.assign(address);
      this.body.replaceChildren(document.adoptNode(found));
      if (!this.dialog.open) this.dialog.showModal();
      (found.querySelector("form button") ?? this.dialog.querySelector("header button")).focus({ preventScroll: true });
      this.body.scrollTop = 0;
    } catch {
      toast(gettext("网络不通，请稍后再试。"), { kind: "over" });
    }
    return undefined;
  }

  async #merge(event) {
    const form = event.target;
    const sent = await this.panel.send(event);
    // refused: the panel says why, with what was written
    if (sent !== "kept") this.dialog.close();
    else form.querySelector("textarea").focus();
  }
}
