// The category, searched by name, 拼音 initials or code while one types: in place of the plain grouped list, or above it.
import { Combo } from "./combo.js";

const MOST = 10;

/** `rows`: [code, name, 大类, initials as "|bllj"] of each 小类 of the select. `beside`: the list stays, to be leafed through. */
export function categoryBox(select, rows, { beside = false } = {}) {
  const input = Object.assign(document.createElement("input"), { className: "form-control", type: "text", id: `${select.id}-search` });
  input.placeholder = gettext("名称或拼音首字母，例如 井盖、jgqs");
  input.setAttribute("aria-describedby", select.getAttribute("aria-describedby") ?? "");
  if (beside) {
    input.classList.add("mb-2");
    input.setAttribute("aria-label", gettext("搜索类别"));
    select.before(input);
  } else {
    select.labels[0].htmlFor = input.id;
    select.hidden = true;
    select.after(input);
  }
  const chosen = () => rows.find(([code]) => code === select.value);
  const shown = () => (beside ? "" : (chosen()?.[1] ?? ""));
  input.value = shown();
  const combo = new Combo(input, (text) => {
    const wanted = text.toLowerCase();
    const option = ([code, name, parent]) => ({ code, label: name, hint: beside ? parent : `${parent} ${code}` });
    // emptied: what is near to what was chosen
    if (!wanted) return rows.filter(([, , parent]) => parent === chosen()?.[2]).slice(0, MOST).map(option);
    const latin = /^[a-z0-9]+$/.test(wanted);
    const rank = ([code, name, parent, initials]) =>
      name === text || (latin && `${initials}|`.includes(`|${wanted}|`)) ? 0 : name.startsWith(text) ? 1 : latin && initials.includes(`|${wanted}`) ? 1 : name.includes(text) ? 2 : code.startsWith(wanted) ? 3 : latin && wanted.length > 1 && initials.includes(wanted) ? 4 : parent.includes(text) ? 5 : 9;
    return rows.map((row) => [rank(row), row]).filter(([value]) => value < 9).sort(([one, [, name]], [other, [, longer]]) => one - other || name.length - longer.length).slice(0, MOST).map(([, row]) => option(row));
  }, { first: true });
  combo.addEventListener("chosen", ({ detail }) => {
    select.value = detail.code;
    input.value = shown();
    select.dispatchEvent(new Event("change", { bubbles: true }));
  });
  input.addEventListener("focus", () => input.select());
  // whoever typed the whole name of one has said which, and need not choose it too
  input.addEventListener("blur", () => {
    const same = rows.filter(([, name]) => name === input.value.trim());
    if (same.length === 1 && same[0][0] !== select.value) {
      select.value = same[0][0];
      select.dispatchEvent(new Event("change", { bubbles: true }));
    }
    input.value = shown();
  });
}
