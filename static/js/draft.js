// What is typed into a form is kept on the server while it is typed, for its owner alone. Where the server does not take
// it (signed out, no network) it waits in this tab, under this person's name, and goes up when the page is opened again.
import { api } from "./api.js";

const WAIT_MS = 700;
const owner = () => document.querySelector("[data-user]")?.dataset.user ?? "";

export class Draft {
  #timer = 0;
  #gone = false;
  #saving = null;

  /** `collect()` gives the content; `said(words, trouble)` shows how it went: trouble is "", "out" or "off". */
  constructor(key, { collect, said = () => {} }) {
    this.key = key;
    this.collect = collect;
    this.said = said;
    addEventListener("pagehide", () => { if (this.#timer) this.#keepHere(); });
  }

  get #place() { return `gg-draft:${owner()}:${this.key}`; }

  /** What this tab still holds and the server did not take; null if nothing. */
  held() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#place));
    } catch {
      return null;
    }
  }

  /** Something was typed. */
  touch() {
    if (this.#gone) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), WAIT_MS);
  }

  async save() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#gone) return;
    const content = this.collect();
    this.#saving = api("PUT", `drafts/${this.key}/`, { content });
    try {
      const kept = await this.#saving;
      sessionStorage.removeItem(this.#place);
      const at = new Intl.DateTimeFormat("zh-CN", { timeStyle: "medium", hourCycle: "h23", timeZone: document.querySelector("[data-zone]")?.dataset.zone }).format(new Date(kept.updated_at));
      this.said(`${gettext("草稿已保存")} ${at}`, "");
    } catch (refused) {
      this.#keepHere();
      if (refused.status === 401 || refused.status === 403) this.said(gettext("登录已过期，内容暂存在本页，重新登录后恢复。"), "out");
      else this.said(gettext("草稿没有存到服务器，暂存在本页。"), "off");
    }
  }

  /** The form was sent: there is no draft of it any more. */
  async discard() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#gone = true;
    sessionStorage.removeItem(this.#place);
    await this.#saving?.catch(() => {});
    await api("DELETE", `drafts/${this.key}/`).catch(() => {});
  }

  #keepHere() {
    try {
      sessionStorage.setItem(this.#place, JSON.stringify(this.collect()));
    } catch {
      // a full or forbidden store takes nothing; the form itself still has it
    }
  }
}
