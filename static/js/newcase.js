// The hotline desk's form: category by 拼音, place by words, code, area or a click on the map; what may be the same case and
// what the limits would be are shown while one types. Kept on the server as a draft. Plain fields without this script.
import { api } from "./api.js";
import { categoryBox } from "./categories.js";
import { Combo } from "./combo.js";
import { Draft } from "./draft.js";
import { AreaMap } from "./map.js";
import { toast } from "./toast.js";
import { Uploads } from "./upload.js";

const find = (selector, root = document) => root.querySelector(selector);
const made = (name, className = "", text = "") => Object.assign(document.createElement(name), { className, textContent: text });
const host = find("[data-map]");
const configuration = JSON.parse(host.dataset.map);
const zone = find("[data-zone]").dataset.zone;
const moment = new Intl.DateTimeFormat("zh-CN", { timeZone: zone, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
let form = find("[data-newcase]");
let draft = null;
let files = null;
let asked = 0;
let timer = 0;
//: The address as it was put in here, not typed.
let filled = "";

// --- the map ------------------------------------------------------------------------------------------------------

const map = configuration.area === null ? null : new AreaMap(host, configuration, { area: configuration.area, level: configuration.level, plain: true, cases: true, wheel: true });
let pressed = null;

function clickOnMap(event) {
  const moved = !pressed || Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > 5;
  if (moved || event.target.closest("a, button, label, input, .leaflet-control")) return;
  const { lat, lng } = map.leaflet.mouseEventToLatLng(event);
  component(null);
  at({ lon: lng, lat });
}

if (map) {
  host.addEventListener("pointerdown", (event) => { pressed = { x: event.clientX, y: event.clientY }; }, true);
  host.addEventListener("click", clickOnMap, true);
  map.addEventListener("component", (event) => {
    event.preventDefault(); // taken here, so that no card opens
    take(event.detail);
  });
}

function position() {
  const [lon, lat] = [form.elements.lon.value, form.elements.lat.value].map((text) => (text.trim() === "" ? NaN : Number(text)));
  return Number.isFinite(lon) && Number.isFinite(lat) ? { lon, lat } : null;
}

/** The case lies there. */
function at({ lon, lat }) {
  form.elements.lon.value = lon.toFixed(6);
  form.elements.lat.value = lat.toFixed(6);
  form.elements.accuracy_m.value = "";
  form.elements.lat.dispatchEvent(new Event("input", { bubbles: true }));
}

// --- place ---------------------------------------------------------------------------------------------

function addressBox() {
  const input = form.elements.address;
  input.placeholder = gettext("地址、单位、部件码、区域名称或拼音首字母");
  const combo = new Combo(input, async (text) => {
    if (text.length < 2) return [];
    const answer = await fetch(`${form.dataset.where}?${new URLSearchParams({ text })}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!answer?.ok || answer.redirected) return [];
    const kinds = { component: gettext("部件"), place: gettext("地点"), case: gettext("曾有案件"), area: gettext("区域") };
    return (await answer.json()).results.map((one) => ({ ...one, hint: `${kinds[one.kind]} · ${one.hint}` }));
  }, { wait: 220 });
  combo.addEventListener("chosen", ({ detail }) => {
    if (detail.kind === "area") {
      // an area is no point: it is brought into view, and the point is given on it
      const below = Math.min(5, detail.level + 1);
      map?.show({ area: Number(detail.key), level: detail.level === 5 ? 5 : below });
      input.value = "";
      place(interpolate(gettext("已到%(area)s，请在地图上点出位置，或接着写地址。"), { area: detail.label }, true));
      return;
    }
    input.value = filled = detail.label;
    component(detail.kind === "component" ? { code: detail.key, name: detail.name } : null);
    at(detail);
  });
}

// --- a component ------------------------------------------------------------------------------------------------------

/** The report is about that component, or about none. Said beside the place. */
function component(chosen) {
  const { component: input } = form.elements;
  input.value = chosen?.code ?? "";
  find("[data-component-off]", form).hidden = !chosen;
  find("[data-component-words]", form).textContent = chosen ? interpolate(gettext("已选部件：%(name)s %(code)s"), chosen, true) : "";
  draft?.touch();
}

/** The report is about the component, and lies where it does; what was written of the place stays. */
function take({ code, name, address, lon, lat }) {
  component({ code, name });
  const { address: input } = form.elements;
  if (address && (!input.value || input.value === filled)) input.value = filled = address;
  at({ lon, lat });
}

/** The component whose code is typed, if it can be told: as if it were clicked. `stays`: a position given stays. */
async function told({ stays = false } = {}) {
  const text = form.elements.component.value.trim();
  component(text ? { code: text, name: "" } : null);
  if (text.length < 2) return;
  const answer = await fetch(`${form.dataset.where}?${new URLSearchParams({ text })}`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok || answer.redirected || form.elements.component.value.trim() !== text) return;
  const [found, another] = (await answer.json()).results.filter(({ kind }) => kind === "component");
  if (!found || another) return;
  if (stays && position()) component({ code: found.key, name: found.name });
  else take({ ...found, code: found.key, address: found.label });
}

function place(words, bad = false) {
  const box = find("[data-place-words]", form);
  box.textContent = words;
  box.toggleAttribute("data-bad", bad);
}

// --- what is known before saving --------------------------------------------------------------------------------------

function ask() {
  clearTimeout(timer);
  timer = setTimeout(preview, 250);
}

async function preview() {
  const mine = ++asked;
  const category = form.elements.category.value;
  const where = position();
  map?.pin(where ? "new" : null, where);
  if (!category) {
    if (where) {
      const answer = await fetch(`${form.dataset.place}?${new URLSearchParams(where)}`).catch(() => null);
      if (mine === asked && answer?.ok) place(new DOMParser().parseFromString(await answer.text(), "text/html").body.textContent);
    }
    return;
  }
  try {
    const found = await api("GET", `reports/preview/?${new URLSearchParams({ category, ...(where ?? {}) })}`);
    if (mine !== asked) return;
    limits(found.deadlines);
    if (!where) return;
    const { full_name: name, holder } = found.place;
    if (name) place(`${name}${holder ? ` · ${interpolate(gettext("由%(centre)s承办"), { centre: holder.name }, true)}` : ""}`);
    else place(gettext("该位置不在任何城市的范围内。"), true);
    alike(found.alike);
  } catch (refused) {
    if (mine === asked && refused.status !== 0) place(refused.message, true);
  }
}

function limits(rows) {
  const table = made("table", "gg-nlimits");
  for (const row of rows) {
    const line = table.insertRow();
    line.insertCell().append(row.milestone ? `${row.label} · ${row.milestone}` : row.label);
    line.insertCell().append(`${row.starts} ${row.allowance}`);
    const due = line.insertCell();
    if (row.is_running_at_once && row.due_at) {
      due.append(made("b", "", moment.format(new Date(row.due_at))), made("span", "gg-meta", ` ${gettext("前")}`));
      due.title = row.explain;
    }
  }
  find("[data-deadlines]").replaceChildren(rows.length ? table : made("p", "gg-meta", gettext("这个类别没有时限。")));
}

function alike(rows) {
  const box = find("[data-alike]");
  find("[data-alike-sum]").textContent = rows.length ? String(rows.length) : "";
  if (!rows.length) {
    box.replaceChildren(made("p", "gg-meta", gettext("附近没有相似的在办案件。")));
    return;
  }
  const list = made("ul", "gg-nalike");
  for (const one of rows) {
    const row = made("li");
    row.toggleAttribute("data-chosen", form.elements.same_as.value === one.number);
    const head = made("div", "gg-line");
    const open = made("a", "", one.address || one.description || one.number);
    open.href = `/cases/${one.number}/`;
    open.target = "_blank";
    open.rel = "noopener";
    head.append(open, made("span", "gg-badge gg-end", `${Math.round(one.score * 100)}%`));
    const same = made("button", "gg-link", gettext("是同一件"));
    same.type = "button";
    same.setAttribute("aria-label", `${gettext("是同一件")} ${one.number}`);
    same.addEventListener("click", () => { sameAs(one.number); alike(rows); });
    const facts = interpolate(gettext("%(n)s · 相距 %(m)s 米 · %(t)s 分钟前 · %(status)s"), { n: one.number, m: Math.round(one.distance_m), t: one.gap_minutes, status: one.status_label }, true);
    row.append(head, made("div", "gg-meta", facts));
    if (one.description) row.append(made("div", "gg-cut", one.description));
    row.append(same);
    list.append(row);
  }
  box.replaceChildren(list);
}

/** The report will be merged into that case when it is saved; its reporter is answered with it. */
function sameAs(number) {
  form.elements.same_as.value = number;
  find("[data-same]", form).hidden = !number;
  find("[data-same-words]", form).textContent = number ? interpolate(gettext("保存后并入 %(n)s，来电人一并得到答复"), { n: number }, true) : "";
  draft?.touch();
}

// --- keeping and sending ------------------------------------------------------------------------------------------------

const KEPT = ["source", "category", "description", "address", "lon", "lat", "component", "occurred_at", "reporter_name", "reporter_phone", "key"];

function typed() {
  return { ...Object.fromEntries(KEPT.filter((name) => form.elements[name]).map((name) => [name, form.elements[name].value])), kept: files.kept };
}

function begin() {
  categoryBox(form.elements.category, JSON.parse(form.dataset.categories));
  addressBox();
  files = new Uploads(find("[data-uploads]", form));
  const said = find("[data-draft-said]", form);
  draft = new Draft("report", { collect: typed, said: (words) => { said.textContent = words; } });
  const held = draft.held();
  if (held) {
    for (const name of KEPT) if (held[name] && form.elements[name] && name !== "key") form.elements[name].value = held[name];
    find("[data-category] input", form).value = form.elements.category.selectedOptions[0]?.value ? form.elements.category.selectedOptions[0].textContent : "";
    said.textContent = gettext("已恢复没有提交的内容");
    draft.touch();
  }
  for (const kind of ["input", "change"]) {
    form.addEventListener(kind, (event) => {
      draft.touch();
      if (["lon", "lat", "category"].includes(event.target.name)) ask();
    });
  }
  files.addEventListener("change", () => { if (files.kept !== (held?.kept ?? form.elements.kept.defaultValue)) draft.touch(); });
  form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  form.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); });
  form.elements.component.addEventListener("change", () => told());
  find("[data-component-off]", form).addEventListener("click", () => { component(null); form.elements.address.focus(); });
  if (form.elements.component.value) told({ stays: true });
  find("[data-same-off]", form).addEventListener("click", () => { sameAs(""); ask(); });
  if (form.elements.same_as.value) sameAs(form.elements.same_as.value);
  ask();
  (find(".gg-bad input:not([hidden]), .gg-bad textarea", form) ?? form.elements.reporter_phone).focus();
}

async function send() {
  const button = find("[data-save]", form);
  if (button.getAttribute("aria-busy") === "true") return;
  if (files.isBusy) return toast(gettext("照片还在上传，传完再提交；或先移除没传完的。"), { kind: "over" });
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(location.pathname, { method: "POST", body: new FormData(form) });
    const path = new URL(answer.url).pathname;
    if (path.startsWith("/report/done/")) {
      await draft.discard();
      location.assign(answer.url);
      return;
    }
    if (path === "/login/") {
      await draft.save();
      toast(gettext("登录已过期，填写的内容已保留，请重新登录。"), { kind: "over", action: { label: gettext("登录"), run: () => location.assign("/login/?next=/report/") } });
      return;
    }
    const theirs = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-newcase]");
    if (!theirs) throw new Error(String(answer.status));
    const before = draft;
    form.replaceWith(document.adoptNode(theirs));
    form = theirs;
    begin();
    await before.save();
  } catch {
    await draft.save();
    toast(gettext("没有送到，请再试一次。填写的内容已保留。"), { kind: "over" });
  } finally {
    button.removeAttribute("aria-busy");
  }
}

begin();
