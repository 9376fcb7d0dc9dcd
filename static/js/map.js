// A map of areas with counts, and of open cases, over no tiles at all or over those of the settings. Needs Leaflet.
//
//   const map = new AreaMap(element, configuration, { area: 12, level: 3, values: { 31: [24, 2] } });
//   map.addEventListener("open", ({ detail }) => …);   // an area was clicked, or Enter pressed on it: { id, below }
//   map.addEventListener("up", …);                     // back to the area above
//   map.addEventListener("pick", …);                   // an area is pointed at or focused: { id } or { id: null }
//   await map.show({ area, level, values });  map.setValues(values);  map.select(id);  map.showCases(true);
//   map.pin("6201…", { lon, lat });            // that case stands out, and is in view; null for none
// With `plain` the areas have their names and no counts: a ground for cases.
//
// `configuration` is what dispatch.views.maps.configuration says. `values`: id of an area → [open, overdue].
// Positions come as lon, lat on CGCS2000, which Leaflet takes for WGS-84 (they are the same to centimetres).
import { CaseMarks } from "./mapcases.js";
import { LayerChoice, ServedLayers } from "./maplayers.js";
import { placeLabels } from "./maplabels.js";
import { element, mark, steps, unpacked } from "./mapmarks.js";

const L = window.L;
const detailOf = (zoom, most) => Math.min(most - 1, zoom < 9 ? 0 : zoom < 12.5 ? 1 : zoom < 15 ? 2 : 3);

export class AreaMap extends EventTarget {
  #map; #config; #words; #area; #level; #values; #shown = null; #layers = new Map(); #labels = new Map();
  #drawn = L.layerGroup(); #lines = L.layerGroup(); #names = L.layerGroup(); #cases;
  #selected = null; #legend; #state; #source; #fetching = null; #casesOn = false; #areasOn = true; #options;
  #casesTimer = 0; #asked = 0; #tiles = []; #current = null; #plain = false; #pinned = null; #pinLayer = L.layerGroup();
  #served; #innerOn = false;

  /** `inner`: a deeper level whose lines are drawn within the areas; `controls`: buttons and the choice of layers;
   *  `plain`: areas without counts; `cases`: the cases are shown from the beginning. */
  constructor(host, configuration, { area, level, inner = null, values = {}, wheel = false, canGoUp = false, controls = true, padding = 12, plain = false, cases = false } = {}) {
    super();
    this.#config = configuration;
    this.#words = configuration.words;
    this.#area = area;
    this.#level = level;
    this.#values = values;
    this.#options = { canGoUp, padding, inner };
    host.classList.toggle("gg-areamap-plain", plain);
    host.classList.add("gg-areamap");
    this.#map = L.map(host, {
      attributionControl: false, zoomControl: false, keyboard: false, scrollWheelZoom: wheel, zoomSnap: 0.25,
      dragging: !matchMedia("(pointer: coarse)").matches, // one finger scrolls the page, two move the map
      zoomDelta: 0.5, minZoom: 4, maxZoom: 19, doubleClickZoom: false, renderer: L.svg({ padding: 0.5 }),
      fadeAnimation: false, zoomAnimation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    });
    host.removeAttribute("tabindex");
    for (const [name, order] of [["areas", 400], ["lines", 410], ["cases", 620], ["names", 640]]) {
      this.#map.createPane(name).classList.add(`gg-pane-${name}`);
      this.#map.getPane(name).style.zIndex = order;
    }
    this.#map.getPane("lines").style.pointerEvents = "none";
    this.#map.getPane("names").style.pointerEvents = "none";
    for (const layer of [this.#drawn, this.#lines, this.#names, this.#pinLayer]) layer.addTo(this.#map);
    this.#plain = plain;
    this.#casesOn = cases;
    this.#cases = new CaseMarks(this.#map, {
      words: configuration.words,
      address: configuration.case,
      // somebody else shows it
      pick: (number) => !this.dispatchEvent(new CustomEvent("case", { cancelable: true, detail: { number } })),
    });
    this.#cases.show(cases);
    this.#addTiles();
    this.#served = new ServedLayers(this.#map, configuration, {
      area: () => this.#area,
      detail: () => detailOf(this.#map.getZoom(), this.#config.details),
      say: (text, retry) => this.#say(text, retry),
      component: (detail) => !this.dispatchEvent(new CustomEvent("component", { cancelable: true, detail })),
    });
    this.#innerOn = inner !== null;
    L.control.scale({ imperial: false, position: "bottomleft" }).addTo(this.#map);
    if (controls) this.#addControls(host);
    this.#legend = host.appendChild(element("div", "gg-map-legend"));
    this.#source = host.appendChild(element("div", "gg-map-source"));
    this.#state = host.appendChild(element("div", "gg-map-state"));
    this.#state.setAttribute("role", "status");
    this.#state.hidden = true;
    this.#map.on("zoomend", () => this.#refine());
    this.#map.on("moveend zoomend", () => { this.#placeNames(); this.#askCases(); });
    host.addEventListener("keydown", (event) => this.#key(event));
    this.ready = this.#load({ fit: true });
  }

  /** The Leaflet map itself, for layers of one's own. */
  get leaflet() { return this.#map; }

  /** Another area, or another level of it. Resolves once it is drawn. */
  async show({ area, level, inner = null, values, canGoUp = this.#options.canGoUp }) {
    this.#area = area;
    this.#level = level;
    this.#options.inner = inner;
    this.#options.canGoUp = canGoUp;
    this.#selected = null;
    if (values) this.#values = values;
    this.ready = this.#load({ fit: true });
    return this.ready;
  }

  /** New counts in the same shapes. */
  setValues(values) {
    this.#values = values;
    this.#colour();
  }

  /** The area is outlined, and no other; null for none. */
  select(id) {
    this.#selected = id;
    for (const [other, layer] of this.#layers) {
      layer.getElement()?.classList.toggle("gg-area-selected", other === id);
      if (other === id) layer.bringToFront();
    }
  }

  /** The case stands out at its place, which is brought into view; null for none. */
  pin(number, place) {
    this.#pinned = number;
    this.#pinLayer.clearLayers();
    const at = place && Number.isFinite(place.lon) && Number.isFinite(place.lat) && place.lon !== 0 ? [place.lat, place.lon] : null;
    // before the area is there the map has no view of its own
    if (!number || !at || !this.#shown) return;
    const icon = L.divIcon({ className: "gg-map-pin", html: element("span", "gg-map-pin-ring"), iconSize: [34, 34] });
    L.marker(at, { pane: "cases", icon, keyboard: false, interactive: false }).addTo(this.#pinLayer);
    if (!this.#map.getBounds().pad(-0.12).contains(at)) this.#map.setView(at, Math.max(this.#map.getZoom(), 12.5), { animate: true });
  }

  /** The cases are asked for again, and the box of the map is measured. */
  refresh() {
    this.#map.invalidateSize({ animate: false });
    this.#askCases();
  }

  /** Open cases as points or counts, or not. */
  showCases(on) {
    this.#casesOn = on;
    this.#cases.show(on);
    this.#askCases(0);
  }

  /** The whole area in view. */
  fit() {
    if (!this.#shown) return;
    const [west, south, east, north] = this.#shown.box;
    this.#map.invalidateSize({ animate: false });
    this.#map.fitBounds([[south, west], [north, east]], { animate: false, padding: [this.#options.padding, this.#options.padding] });
  }

  destroy() {
    clearTimeout(this.#casesTimer);
    this.#fetching?.abort();
    this.#map.remove();
  }

  // --- shapes -----------------------------------------------------------------------------------------------------

  async #load({ fit = false } = {}) {
    this.#fetching?.abort();
    const asking = (this.#fetching = new AbortController());
    const detail = fit ? 1 : detailOf(this.#map.getZoom(), this.#config.details);
    const ask = async (level) => {
      const query = new URLSearchParams({ area: this.#area, level, detail });
      const answer = await fetch(`${this.#config.areas}?${query}`, { signal: asking.signal, headers: { Accept: "application/json" } });
      if (answer.redirected) throw new Error(this.#words.signed_out);
      if (!answer.ok) throw new Error(`${this.#words.failed} (${answer.status})`);
      return answer.json();
    };
    try {
      const inner = this.#innerOn ? (this.#options.inner ?? Math.min(5, this.#level + 1)) : null;
      const [shown, within] = await Promise.all([ask(this.#level), inner > this.#level ? ask(inner) : null]);
      this.#shown = { ...shown, within, detail };
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.#say(problem instanceof TypeError ? this.#words.failed : problem.message, true);
      return;
    }
    this.#say(this.#shown.areas.length ? "" : this.#words.empty);
    if (fit) this.fit();
    this.#draw();
    if (fit) { this.#refine(); this.#served.refresh(); }
  }

  #refine() {
    if (this.#shown && detailOf(this.#map.getZoom(), this.#config.details) > this.#shown.detail) this.ready = this.#load();
  }

  #draw() {
    const { unit, areas, borders, edge } = this.#shown;
    const focused = this.#current;
    const hadFocus = this.#layers.get(focused)?.getElement() === document.activeElement && this.#layers.has(focused);
    for (const layer of [this.#drawn, this.#lines, this.#names]) layer.clearLayers();
    this.#layers.clear();
    this.#labels.clear();
    for (const area of areas) {
      const rings = area.shape.map((polygon) => polygon.map((ring) => unpacked(ring, unit)));
      const layer = L.polygon(rings, { pane: "areas", className: "gg-area", smoothFactor: 0, bubblingMouseEvents: false });
      layer.addTo(this.#drawn);
      layer.on("click", () => this.#open(area));
      layer.on("mouseover", () => this.#pick(area.id));
      layer.on("mouseout", () => this.#pick(null));
      layer.bindTooltip(() => this.#described(area), { sticky: true, direction: "top", offset: [0, -8], className: "gg-map-tip" });
      this.#layers.set(area.id, layer);
      const shape = layer.getElement();
      shape.setAttribute("role", "button");
      shape.setAttribute("tabindex", "-1");
      shape.addEventListener("focus", () => { this.#current = area.id; this.#rove(); this.#pick(area.id); });
      shape.addEventListener("blur", () => this.#pick(null));
      const label = element("span", "gg-map-label");
      const name = L.marker([area.label[1], area.label[0]], {
        pane: "names", interactive: false, keyboard: false,
        icon: L.divIcon({ className: "gg-map-name", html: label, iconSize: null }),
      }).addTo(this.#names);
      this.#labels.set(area.id, { label, name, area });
    }
    const line = (points, className) =>
      L.polyline(unpacked(points, unit), { pane: "lines", className, interactive: false, smoothFactor: 0 }).addTo(this.#lines);
    const { within } = this.#shown;
    if (within) {
      const rings = within.areas.flatMap((area) => area.shape.flat()).map((ring) => unpacked(ring, within.unit));
      L.polygon(rings.map((ring) => [ring]), { pane: "lines", className: "gg-inner", interactive: false, smoothFactor: 0 }).addTo(this.#lines);
    }
    for (const points of borders) line(points, "gg-border");
    for (const points of edge) line(points, "gg-edge");
    this.#credit();
    this.#current = this.#layers.has(focused) ? focused : (areas[0]?.id ?? null);
    this.#rove();
    this.#colour();
    this.select(this.#selected);
    if (hadFocus) this.#layers.get(this.#current)?.getElement().focus(); // finer shapes came while it was read
  }

  #colour() {
    if (!this.#shown) return;
    if (this.#plain) {
      for (const area of this.#shown.areas) {
        this.#layers.get(area.id).getElement().setAttribute("aria-label", area.name);
        this.#labels.get(area.id).label.replaceChildren(element("span", "gg-map-title", area.name));
      }
      this.#explain([]);
      this.#placeNames();
      return;
    }
    const ends = steps(Math.max(0, ...this.#shown.areas.map((area) => this.#values[area.id]?.[0] ?? 0)));
    for (const area of this.#shown.areas) {
      const shape = this.#layers.get(area.id).getElement();
      const [open, overdue] = this.#values[area.id] ?? [null, null];
      const step = open === null ? "none" : ends.findLastIndex((end) => open >= end);
      for (const name of [...shape.classList]) if (name.startsWith("gg-step-")) shape.classList.remove(name);
      shape.classList.add(`gg-step-${step}`);
      shape.setAttribute("aria-label", this.#sentence(area));
      const { label } = this.#labels.get(area.id);
      label.classList.toggle("gg-map-label-dark", step > 2);
      label.replaceChildren(element("span", "gg-map-title", area.name), element("b", "", open ?? "—"));
      if (overdue) {
        const late = element("em", "");
        late.append(mark("over"), String(overdue));
        label.append(late);
      }
    }
    this.#explain(ends);
    this.#placeNames();
  }

  #sentence(area) {
    const [open, overdue] = this.#values[area.id] ?? [null, null];
    if (open === null) return `${area.name}：—`;
    const { words } = this.#config;
    return `${area.name}：${words.open} ${open} ${words.unit}，${words.among} ${overdue} ${words.unit}`;
  }

  #described(area) {
    const box = element("div");
    if (this.#plain) return element("b", "", area.name);
    const [open, overdue] = this.#values[area.id] ?? [null, null];
    box.append(element("b", "", area.name), element("span", "", `${this.#words.open} ${open ?? "—"} ${this.#words.unit}`));
    if (overdue) {
      const late = element("em", "");
      late.append(mark("over"), `${this.#words.overdue} ${overdue}`);
      box.append(late);
    }
    return box;
  }

  #explain(ends) {
    const rows = ends.map((end, position) => {
      const row = element("li");
      const last = position === ends.length - 1;
      const next = ends[position + 1];
      row.append(element("i", `gg-swatch gg-step-${position}`), last ? `≥${end}` : next - end === 1 ? `${end}` : `${end}–${next - 1}`);
      return row;
    });
    const late = element("li", "gg-legend-late");
    late.append(mark("over"), this.#words.among);
    const list = element("ul");
    list.append(...rows, late);
    this.#legend.replaceChildren(...(this.#plain ? [] : [element("h3", "", this.#words.legend), list]));
    if (this.#casesOn) {
      const kinds = element("ul");
      for (const [kind, word] of [["over", "overdue"], ["soon", "soon"], ["normal", "normal"], ["paused", "paused"]]) {
        const row = element("li");
        row.append(mark(kind), this.#words[word]);
        kinds.append(row);
      }
      this.#legend.append(kinds);
    }
    const others = element("ul");
    if (this.#served.isOn("components")) others.append(this.#row(mark("component"), this.#words.components));
    if (this.#served.isOn("duty")) others.append(this.#row(element("span", "gg-map-duty-key", "n/m"), this.#words.covered));
    if (others.childElementCount) this.#legend.append(others);
  }

  #row(sign, words) {
    const row = element("li");
    row.append(sign, words);
    return row;
  }

  // --- names that do not lie over each other ----------------------------------------------------------------------

  #placeNames() {
    if (!this.#areasOn) return;
    const weight = ({ area }) => { const [open, overdue] = this.#values[area.id] ?? [0, 0]; return overdue * 1000 + open; };
    const ordered = [...this.#labels.values()].sort((one, other) => weight(other) - weight(one));
    const frame = this.#map.getContainer().getBoundingClientRect();
    const taken = [this.#legend, this.#source].map((box) => box.getBoundingClientRect());
    placeLabels(ordered.map(({ label }) => label), frame, taken, this.#plain);
  }

  // --- by hand and by keyboard ------------------------------------------------------------------------------------

  #open(area) { this.dispatchEvent(new CustomEvent("open", { detail: { id: area.id, name: area.name, level: area.level, below: area.below } })); }

  #pick(id) {
    for (const [other, { label }] of this.#labels) label.classList.toggle("gg-map-label-picked", other === id);
    this.dispatchEvent(new CustomEvent("pick", { detail: { id } }));
  }

  #rove() {
    for (const [id, layer] of this.#layers) layer.getElement()?.setAttribute("tabindex", id === this.#current ? "0" : "-1");
  }

  #key(event) {
    if (!event.target.classList?.contains("gg-area")) return;
    const area = this.#shown.areas.find(({ id }) => id === this.#current);
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Enter" || event.key === " ") this.#open(area);
    else if ((event.key === "Backspace" || event.key === "Escape") && this.#options.canGoUp) this.dispatchEvent(new CustomEvent("up"));
    else if (way) this.#step(area, way);
    else return;
    event.preventDefault();
  }

  #step(from, [dx, dy]) {
    const place = ({ label }) => this.#map.latLngToLayerPoint([label[1], label[0]]);
    const here = place(from);
    let best = null;
    for (const area of this.#shown.areas) {
      if (area.id === from.id) continue;
      const { x, y } = place(area).subtract(here);
      const along = x * dx + y * dy;
      const aside = Math.abs(x * dy) + Math.abs(y * dx);
      if (along <= 0 || aside > 2 * along) continue;
      const far = along + 2 * aside;
      if (!best || far < best.far) best = { far, area };
    }
    if (best) this.#layers.get(best.area.id).getElement().focus();
  }

  // --- cases ------------------------------------------------------------------------------------------------------

  #askCases(wait = 0) {
    clearTimeout(this.#casesTimer);
    if (this.#casesOn && this.#shown) this.#casesTimer = setTimeout(() => this.#loadCases(), wait);
  }

  async #loadCases() {
    const ask = ++this.#asked;
    const box = this.#map.getBounds();
    const query = new URLSearchParams({ bbox: box.toBBoxString(), zoom: Math.round(this.#map.getZoom()), area: this.#area });
    let found;
    try {
      const answer = await fetch(`${this.#config.cases}?${query}`, { headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(answer.redirected ? this.#words.signed_out : this.#words.failed);
      found = await answer.json();
    } catch (problem) {
      this.#say(problem instanceof TypeError ? this.#words.failed : problem.message, true);
      return;
    }
    if (ask !== this.#asked || !this.#casesOn) return;
    if (!this.#state.hidden) this.#say("");
    this.#cases.draw(found);
    this.#map.getPane("cases").dataset.drawn = String(ask);
    this.dispatchEvent(new CustomEvent("cases", { detail: found }));
  }

  // --- around the map ---------------------------------------------------------------------------------------------

  #addTiles() {
    for (const source of this.#config.tiles) {
      const layer = L.tileLayer(source.url, { subdomains: source.subdomains, maxNativeZoom: source.max_zoom, maxZoom: 19, className: "gg-tiles" });
      this.#tiles.push({ ...source, layer });
      layer.addTo(this.#map);
      this.#map.getContainer().classList.add("gg-tiled");
    }
  }

  #addControls(host) {
    const box = host.appendChild(element("div", "gg-map-tools"));
    L.DomEvent.disableClickPropagation(box);
    const tool = (icon, label, act) => {
      const button = element("button", "gg-map-tool", icon);
      button.type = "button";
      button.setAttribute("aria-label", label);
      button.title = label;
      button.addEventListener("click", act);
      box.append(button);
      return button;
    };
    tool("＋", this.#words.zoom_in, () => this.#map.zoomIn());
    tool("－", this.#words.zoom_out, () => this.#map.zoomOut());
    tool("◱", this.#words.fit, () => this.fit());
    const served = (name) => ({ key: name, label: this.#words[name], on: false, act: (on) => { this.#served.show(name, on); this.#colour(); }, extra: true });
    const entries = [
      { key: "areas", label: this.#words.areas, on: true, act: (on) => this.#showAreas(on) },
      { key: "cases", label: this.#words.cases, on: this.#casesOn, act: (on) => { this.showCases(on); this.#colour(); } },
      served("components"), served("duty"), served("zones"),
      { key: "inner", label: this.#words.inner, on: this.#innerOn, act: (on) => { this.#innerOn = on; if (this.#shown) this.ready = this.#load(); }, extra: true },
    ];
    if (this.#tiles.length) entries.push({ key: "tiles", label: this.#words.tiles, on: true, act: (on) => this.#showTiles(on), extra: true });
    // after the constructor: what was chosen before asks for things of the map
    queueMicrotask(() => new LayerChoice(host, this.#words, entries, `${location.pathname.split("/")[1]}${this.#plain ? "" : "-counts"}`));
  }

  #showTiles(on) {
    for (const { layer } of this.#tiles) if (on) layer.addTo(this.#map); else layer.remove();
    this.#map.getContainer().classList.toggle("gg-tiled", on);
    this.#credit();
  }

  /** Whose lines and pictures they are. */
  #credit() {
    const tiles = this.#tiles.filter(({ layer }) => this.#map.hasLayer(layer)).map(({ attribution }) => attribution);
    this.#source.textContent = [this.#words.datum, this.#shown?.attribution, ...tiles].filter(Boolean).join(" · ");
  }

  #showAreas(on) {
    this.#areasOn = on;
    this.#map.getContainer().classList.toggle("gg-areas-off", !on);
    this.#placeNames();
  }

  #say(text, retry = false) {
    this.#state.hidden = !text;
    this.#state.replaceChildren(element("span", "", text));
    if (!retry) return;
    const again = element("button", "btn", this.#words.retry);
    again.type = "button";
    again.addEventListener("click", () => { this.ready = this.#load({ fit: !this.#shown }); this.#askCases(0); this.#served.refresh(); });
    this.#state.append(again);
  }
}
