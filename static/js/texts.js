// Canned texts: T, or the button under a text box, offers those of the form's action with their variables filled in.
import { api } from "./api.js";
import { toast } from "./toast.js";

export class Texts {
  constructor(panel) {
    this.panel = panel;
    panel.addEventListener("shown", ({ detail }) => this.#buttons(detail.panel));
  }

  #buttons(shown) {
    for (const box of shown.querySelectorAll(".gg-act textarea")) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "gg-link gg-texts", textContent: gettext("套用常用语") });
      button.addEventListener("click", () => this.offer(box));
      box.after(button);
    }
  }

  /** The texts for the text box that has the focus, or for the first of the open form. */
  key() {
    const box = this.panel.box.querySelector(".gg-act[open] textarea");
    if (!box) return false;
    this.offer(box);
    return true;
  }

  async offer(box) {
    const action = box.closest(".gg-act").id.slice(4);
    box.parentElement.querySelector(".gg-textlist")?.remove();
    let found;
    try {
      found = (await api("GET", `incidents/${this.panel.number}/texts/?${new URLSearchParams({ action })}`)).results;
    } catch (refused) {
      return toast(refused.message, { kind: "over" });
    }
    if (!found.length) return toast(gettext("这一步没有常用语。"));
    const list = Object.assign(document.createElement("div"), { className: "gg-textlist", role: "menu" });
    for (const { title, text } of found) {
      const item = Object.assign(document.createElement("button"), { type: "button", role: "menuitem", title: text, textContent: title });
      item.addEventListener("click", () => {
        box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
        list.remove();
        box.focus();
        box.dispatchEvent(new Event("input", { bubbles: true }));
      });
      list.append(item);
    }
    list.addEventListener("keydown", (event) => {
      const items = [...list.children];
      const here = items.indexOf(document.activeElement);
      if (event.key === "ArrowDown") items[(here + 1) % items.length].focus();
      else if (event.key === "ArrowUp") items[(here - 1 + items.length) % items.length].focus();
      else if (event.key === "Escape") {
        list.remove();
        box.focus();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
    box.after(list);
    list.firstElementChild.focus();
  }
}
