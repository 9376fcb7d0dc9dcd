// An area's boundary drawn anew. Geoman gives the handles; corners that neighbours share move along, so that a border
// stays one line; each change is rehearsed on the server, which says overlaps, gaps and what would follow from saving.
import { change, folded, followed, unfolded } from "./rings.js";

const L = window.L;
const find = (selector, root = document) => root.querySelector(selector);
const page = find("[data-areaedit]");
const config = JSON.parse(page.dataset.areaedit);
const host = find("[data-host]", page);
const form = find("[data-form]", page);
const state = find("[data-state]", page);
const token = find("[name=csrfmiddlewaretoken]", form).value;
const made = (name, className = "", text = "") => Object.assign(document.createElement(name), { className, textContent: text });

const map = L.map(host, { attributionControl: false, keyboard: false, zoomSnap: 0.25, maxZoom: 21, zoomAnimation: false, fadeAnimation: false });
map.pm.setGlobalOptions({ allowSelfIntersection: true, snapDistance: 14, hideMiddleMarkers: false });
for (const source of config.tiles) L.tileLayer(source.url, { subdomains: source.subdomains, maxNativeZoom: source.max_zoom, maxZoom: 21 }).addTo(map);
L.control.scale({ imperial: false, position: "bottomleft" }).addTo(map);
for (const [name, order] of [["around", 405], ["faults", 450], ["names", 460]]) {
  map.createPane(name).style.zIndex = order;
  map.getPane(name).style.pointerEvents = "none";
}
const faults = L.layerGroup().addTo(map);

let shown = null; // what the server told
let target = null; // { id, layer, shape }
const others = new Map(); // id → { id, layer, shape, editable }
let past = []; // snapshots before each step
let corner = -1; // the corner chosen by keyboard
let isFixed = false; // it has more corners than are drawn by hand
let ring = L.circleMarker([0, 0], { radius: 11, className: "gg-ae-corner", interactive: false });
let timer = 0;
let asking = null;
let checked = null; // the drawing that may be saved as it is

// --- drawing --------------------------------------------------------------------------------------------------------

const plain = (layer) => {
  const nested = layer.getLatLngs();
  const polygons = nested[0]?.[0] instanceof L.LatLng ? [nested] : nested;
  return polygons.map((rings) => rings.map((points) => points.map(({ lat, lng }) => [lat, lng])));
};
const all = () => [target, ...others.values()];
const snapshot = () => new Map(all().map(({ id, shape }) => [id, shape]));
const initial = () => new Map([[shown.area.id, unfolded(shown.area.shape)], ...shown.neighbours.map((one) => [one.id, unfolded(one.shape)])]);

function put(one, shape) {
  one.shape = shape;
  one.layer.setLatLngs(shape);
}

function handles() {
  target.layer.pm.disable();
  target.layer.pm.enable({ snappable: true, snapDistance: 14, allowSelfIntersection: true, removeVertexOn: "contextmenu" });
  labelled();
}

/** The handles have names; who moves corners by keyboard does it with the map's own keys, not through a hundred handles. */
function labelled() {
  for (const icon of host.querySelectorAll(".marker-icon")) {
    icon.tabIndex = -1;
    icon.setAttribute("aria-label", icon.classList.contains("marker-icon-middle") ? gettext("边线中点") : gettext("顶点"));
  }
}

/** After the target was changed by hand: neighbours follow, the step can be taken back, the server is asked. */
function drawn() {
  const after = plain(target.layer);
  if (JSON.stringify(after) === JSON.stringify(target.shape)) return;
  const before = target.shape;
  past.push(snapshot());
  if (find("[data-together]").checked) {
    const steps = before.flatMap((rings, p) => rings.map((points, r) => change(points, after[p]?.[r] ?? [])));
    for (const step of steps.filter(Boolean)) {
      for (const one of others.values()) {
        if (!one.editable) continue;
        const shape = one.shape.map((rings) => rings.map((points) => followed(points, step) ?? points));
        if (shape.some((rings, p) => rings.some((points, r) => points !== one.shape[p][r]))) put(one, shape);
      }
    }
  }
  target.shape = after;
  labelled();
  told();
}

function told() {
  const dirty = past.length > 0;
  // a step taken back or a corner removed leaves fewer of them
  corner = Math.min(corner, corners().length - 1);
  find("[data-undo]").disabled = !dirty;
  find("[data-reset]").disabled = !dirty;
  checked = null;
  find("[data-save]").disabled = true;
  clearTimeout(timer);
  timer = setTimeout(check, 350);
  showCorner();
}

function restore(kept) {
  for (const one of all()) if (kept.get(one.id) !== one.shape) put(one, kept.get(one.id));
  handles();
  told();
}

function undo() {
  if (past.length) restore(past.pop());
}

// --- by keyboard ------------------------------------------------------------------------------------------------------

const corners = () => (isFixed ? [] : target.shape.flatMap((rings, p) => rings.flatMap((points, r) => points.map((at, i) => ({ p, r, i, at })))));

function showCorner() {
  const found = corners()[corner];
  if (!found) return void ring.remove();
  ring.setLatLng(found.at).addTo(map);
  if (!map.getBounds().pad(-0.05).contains(found.at)) map.panTo(found.at, { animate: false });
  find("[data-corner]").textContent = interpolate(gettext("顶点 %(index)s/%(count)s：%(lon)s, %(lat)s"), { index: corner + 1, count: corners().length, lon: found.at[1].toFixed(6), lat: found.at[0].toFixed(6) }, true);
}

function nudge(dx, dy) {
  const { p, r, i, at } = corners()[corner];
  const point = map.latLngToContainerPoint(at).add([dx, dy]);
  const { lat, lng } = map.containerPointToLatLng(point);
  const round = (value) => Math.round(value * 1e7) / 1e7;
  target.layer.setLatLngs(target.shape.map((rings, a) => rings.map((points, b) => (a === p && b === r ? points.with(i, [round(lat), round(lng)]) : points))));
  handles();
  drawn();
}

function drop() {
  const { p, r, i } = corners()[corner];
  if (target.shape[p][r].length <= 3) return;
  target.layer.setLatLngs(target.shape.map((rings, a) => rings.map((points, b) => (a === p && b === r ? points.toSpliced(i, 1) : points))));
  handles();
  drawn();
}

host.addEventListener("keydown", (event) => {
  if (!target || event.isComposing) return;
  const step = event.shiftKey ? 10 : 1;
  const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
  const count = corners().length;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") undo();
  else if (event.ctrlKey || event.metaKey || event.altKey) return;
  else if (count && (event.key === "." || event.key === ">")) { corner = (corner + 1) % count; showCorner(); }
  else if (count && (event.key === "," || event.key === "<")) { corner = (corner - 1 + count) % count; showCorner(); }
  else if (way && corner >= 0) nudge(...way);
  else if (way) map.panBy([way[0] * 60, way[1] * 60], { animate: false });
  else if (event.key === "Delete" && corner >= 0) drop();
  else if (event.key === "+" || event.key === "=") map.zoomIn();
  else if (event.key === "-") map.zoomOut();
  else return;
  event.preventDefault();
});

// --- the rehearsal ----------------------------------------------------------------------------------------------------

function body(reason) {
  const first = initial();
  const shapes = {};
  for (const { id, shape } of all()) if (JSON.stringify(shape) !== JSON.stringify(first.get(id))) shapes[id] = folded(shape);
  return { revision: shown.revision, shapes, ...(reason === undefined ? {} : { reason }) };
}

async function ask(address, given) {
  asking?.abort();
  asking = new AbortController();
  const answer = await fetch(address, {
    method: "POST", body: JSON.stringify(given), signal: asking.signal,
    headers: { "Content-Type": "application/json", "X-CSRFToken": token, Accept: "application/json" },
  });
  if (answer.redirected || !answer.headers.get("Content-Type")?.includes("json")) throw new Error(gettext("登录已过期，请重新登录。"));
  return { status: answer.status, told: await answer.json() };
}

function say(words, kind = "") {
  state.textContent = words;
  state.dataset.kind = kind;
}

function refuse(errors) {
  for (const box of form.querySelectorAll("[data-error]")) {
    const own = errors.filter(({ field }) => (box.dataset.error ? field === box.dataset.error : field !== "reason"));
    box.hidden = own.length === 0;
    box.textContent = own.map(({ message }) => message).join(" ");
  }
  form.elements.reason.setAttribute("aria-invalid", String(errors.some(({ field }) => field === "reason")));
}

async function check() {
  const given = body();
  refuse([]);
  if (!Object.keys(given.shapes).length) {
    tell({ changed: [], faults: [], effects: [] });
    return say(gettext("拖动顶点；点边线中点加一个顶点，右键删去。按住 Alt 不吸附。"));
  }
  say(gettext("正在检查…"), "busy");
  try {
    const { status, told: found } = await ask(config.check, given);
    if (status !== 200) { tell({ changed: [], faults: [], effects: [] }); refuse(found.errors); return say(gettext("不能这样保存。"), "over"); }
    tell(found);
    checked = found.ok ? JSON.stringify(given.shapes) : null;
    find("[data-save]").disabled = !found.ok;
    const errors = found.faults.filter((fault) => fault.is_error).length;
    if (errors) say(interpolate(gettext("有 %s 处错误，改好后才能保存。"), [errors]), "over");
    else if (found.faults.length) say(interpolate(gettext("可以保存，有 %s 处提醒。"), [found.faults.length]), "soon");
    else say(gettext("拓扑检查通过，可以保存。"), "ok");
  } catch (problem) {
    if (problem.name === "AbortError") return;
    say(problem instanceof TypeError ? gettext("网络不通，稍后自动再试。") : problem.message, "over");
    if (problem instanceof TypeError) timer = setTimeout(check, 5000);
  }
}

function tell(found) {
  const section = (name, has) => { const box = find(`[data-${name}]`, form); box.hidden = !has; return box; };
  find("tbody", section("changed", found.changed.length)).replaceChildren(...found.changed.map((one) => {
    const row = made("tr");
    row.append(made("th", "", one.name), made("td", "", one.before), made("td", "", one.after));
    row.firstChild.scope = "row";
    return row;
  }));
  find("ul", section("faults", found.faults.length)).replaceChildren(...found.faults.map((fault) => {
    const row = made("li", fault.is_error ? "gg-ae-error" : "gg-ae-warning");
    row.append(made("b", "", fault.is_error ? gettext("错误") : gettext("提醒")), ` ${fault.words}`);
    return row;
  }));
  find("dl", section("effects", found.effects.length)).replaceChildren(...found.effects.flatMap((effect) => {
    const told = made("dd");
    told.append(made("b", "", effect.count), ...effect.moves.map((line) => made("span", "", line)));
    return [made("dt", "", effect.label), told];
  }));
  faults.clearLayers();
  for (const { shape, is_error } of found.faults) if (shape) L.geoJSON(shape, { pane: "faults", style: { className: is_error ? "gg-ae-overlap" : "gg-ae-gap" }, interactive: false }).addTo(faults);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const given = body(form.elements.reason.value);
  if (JSON.stringify(given.shapes) !== checked) return;
  find("[data-save]").disabled = true;
  say(gettext("正在保存…"), "busy");
  refuse([]);
  try {
    const { status, told: found } = await ask(config.save, given);
    if (status === 200) { past = []; location.assign(found.url); return; }
    refuse(found.errors);
    say(gettext("没有保存。"), "over");
    if (found.errors.some(({ field }) => field === "reason")) form.elements.reason.focus();
  } catch (problem) {
    // drawn on meanwhile: what stands now is checked, and told, instead
    if (problem.name === "AbortError") return;
    say(problem instanceof TypeError ? gettext("网络不通，没有保存，请再试。") : problem.message, "over");
  }
  find("[data-save]").disabled = false;
});

// --- beginning ----------------------------------------------------------------------------------------------------------

function fit() {
  map.invalidateSize({ animate: false });
  map.fitBounds(L.polygon(target.shape).getBounds(), { padding: [46, 46], animate: false });
}

function name(one) {
  const icon = L.divIcon({ className: "gg-ae-name", html: made("span", "", one.name), iconSize: null });
  L.marker([one.label[1], one.label[0]], { icon, interactive: false, keyboard: false, pane: "names", pmIgnore: true }).addTo(map);
}

async function begin() {
  let answer;
  try {
    answer = await fetch(config.shapes, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    shown = await answer.json();
  } catch {
    return say(gettext("边界没有读到，请刷新页面。"), "over");
  }
  for (const shape of shown.below) L.geoJSON(shape, { pane: "around", style: { className: "gg-ae-below" }, interactive: false, pmIgnore: true, snapIgnore: true }).addTo(map);
  if (shown.above) L.geoJSON(shown.above, { pane: "around", style: { className: "gg-ae-above" }, interactive: false, pmIgnore: true, snapIgnore: true }).addTo(map);
  for (const one of shown.neighbours) {
    const shape = unfolded(one.shape);
    const layer = L.polygon(shape, { className: "gg-ae-neighbour", interactive: false, smoothFactor: 0 }).addTo(map);
    others.set(one.id, { id: one.id, shape, layer, editable: one.editable });
    name(one);
  }
  const shape = unfolded(shown.area.shape);
  target = { id: shown.area.id, shape, layer: L.polygon(shape, { className: "gg-ae-target", smoothFactor: 0 }).addTo(map) };
  name(shown.area);
  fit();
  isFixed = shown.area.corners > config.most;
  if (isFixed) {
    return say(interpolate(gettext("这个区域有 %(count)s 个顶点，超过可手工调整的 %(most)s 个，请用导入。"), { count: shown.area.corners, most: config.most }, true), "soon");
  }
  handles();
  target.layer.on("pm:edit pm:markerdragend pm:vertexadded pm:vertexremoved", () => queueMicrotask(drawn));
  find("[data-undo]").addEventListener("click", undo);
  find("[data-reset]").addEventListener("click", () => { const first = initial(); past = []; restore(first); });
  check();
  page.dataset.ready = "true";
}

find("[data-fit]").addEventListener("click", () => target && fit());
addEventListener("beforeunload", (event) => { if (past.length) event.preventDefault(); });
begin();
export { map };
