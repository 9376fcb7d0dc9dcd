// What a map shows beside areas and cases, and the choice of it: components, where grid workers are posted, zones, the
// lines of the level below, tiles. The choice stands in the page's address, so that it comes with a link that is passed on,
// and is kept in this browser for each kind of page.
import { element, mark, unpacked } from "./mapmarks.js";

const L = window.L;
const WAIT_MS = 180;
//: A zone that is narrower on the screen has no name there.
const NAMED_PX = 110;
//: Where the choice stands in the address: the keys of the layers shown, "layers=areas,components"; none: as usual here.
const LAYERS = "layers";

/** The address within this page with the layers as the address here names them, where it does. */
export function withLayers(address) {
  const here = new URL(location.href).searchParams.get(LAYERS);
  return here === null ? address : named(new URL(address, location.href), here);
}

/** A query without the choice of layers: what it asks of the server. */
export function bare(search) {
  const query = new URLSearchParams(search);
  query.delete(LAYERS);
  return query.toString();
}

function named(address, keys) {
  address.searchParams.set(LAYERS, keys);
  address.search = address.search.replaceAll("%2C", ","); // a comma may stand as it is
  return address;
}

/** The switches. `entries`: { key, label, on, act(on), extra } in order; those with `extra` are behind "more layers". */
export class LayerChoice {
  #entries; #kind; #inputs = new Map(); #more = null; #isNamed = false;

  constructor(host, words, entries, kind) {
    this.#entries = entries;
    this.#kind = `gg-map-layers:${kind}`;
    const box = element("fieldset", "gg-map-layers");
    box.append(element("legend", "gg-hidden", words.layers));
    const extra = element("div", "gg-map-more-list");
    const asked = new URL(location.href).searchParams.get(LAYERS);
    const kept = asked === null ? this.#kept() : Object.fromEntries(entries.map(({ key }) => [key, asked.split(",").includes(key)]));
    entries.forEach((entry, position) => {
      const row = element("label");
      const input = element("input");
      input.type = "checkbox";
      input.checked = kept[entry.key] ?? entry.on;
      input.setAttribute("aria-keyshortcuts", String(position + 1));
      input.addEventListener("change", () => this.#set(entry, input.checked));
      row.append(input, entry.label);
      row.title = `${entry.label} (${position + 1})`;
      this.#inputs.set(entry.key, input);
      (entry.extra ? extra : box).append(row);
    });
    if (extra.childElementCount) {
      this.#more = box.appendChild(element("details", "gg-map-more"));
      const summary = element("summary", "", words.more);
      summary.setAttribute("aria-keyshortcuts", "L");
      this.#more.append(summary, extra);
      // it lies over the map: gone with Escape, and when the map is taken hold of
      host.addEventListener("pointerdown", (event) => { if (!this.#more.contains(event.target)) this.#more.open = false; }, true);
    }
    L.DomEvent.disableClickPropagation(box);
    L.DomEvent.disableScrollPropagation(box);
    host.append(box);
    host.addEventListener("keydown", (event) => this.#key(event));
    // what was chosen before and is not how the map begins
    const other = entries.filter((entry) => this.#inputs.get(entry.key).checked !== entry.on);
    for (const entry of other) entry.act(!entry.on);
    this.#isNamed = asked !== null || other.length > 0;
    this.#name();
    // gone back to an address of before: the map is still as it was chosen since
    addEventListener("popstate", () => this.#name());
  }

  /** The address says what is shown, once anything was chosen. */
  #name() {
    if (!this.#isNamed) return;
    const shown = this.#entries.filter(({ key }) => this.#inputs.get(key).checked).map(({ key }) => key);
    history.replaceState(history.state, "", named(new URL(location.href), shown.join(",")));
  }

  #kept() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.#kind) ?? "{}");
      return kept && typeof kept === "object" ? kept : {};
    } catch {
      return {};
    }
  }

  #set(entry, on) {
    entry.act(on);
    this.#isNamed = true;
    this.#name();
    const chosen = Object.fromEntries(this.#entries.map(({ key }) => [key, this.#inputs.get(key).checked]));
    try { localStorage.setItem(this.#kind, JSON.stringify(chosen)); } catch { /* a browser that keeps nothing */ }
  }

  /** Within the map: its number switches a layer, L shows the others. */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    const entry = /^[1-9]$/.test(event.key) ? this.#entries[Number(event.key) - 1] : null;
    if (entry) {
      const input = this.#inputs.get(entry.key);
      input.checked = !input.checked;
      this.#set(entry, input.checked);
    } else if (event.key === "Escape" && this.#more?.open) {
      this.#more.open = false;
      this.#more.querySelector("summary").focus();
    } else if (event.key.toLowerCase() === "l" && this.#more) {
      this.#more.open = !this.#more.open;
      if (this.#more.open) this.#more.querySelector("input").focus(); else this.#more.querySelector("summary").focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Layers that are asked of the server when they are on: after each move, or once an area. */
export class ServedLayers {
  #map; #config; #words; #area; #detail; #say; #component; #on = new Set(); #groups = new Map(); #asked = new Map(); #timers = new Map();
  #spoken = new Set();

  /** `area()`, `detail()`: what the map shows now; `say(text, retry)`; `component({code, …})` true where somebody else shows it. */
  constructor(map, config, { area, detail, say, component }) {
    this.#map = map;
    this.#config = config;
    this.#words = config.words;
    this.#area = area;
    this.#detail = detail;
    this.#say = say;
    this.#component = component;
    for (const name of ["components", "duty", "zones"]) this.#groups.set(name, L.layerGroup());
    for (const [name, order] of [["zones", 415], ["extras", 615]]) map.createPane(name).style.zIndex = order;
    map.getPane("zones").style.pointerEvents = "none";
    map.on("moveend", () => { for (const name of ["components", "duty"]) this.#ask(name); });
    map.on("zoomend", () => this.#ask("zones"));
  }

  show(name, on) {
    const group = this.#groups.get(name);
    if (on) { this.#on.add(name); group.addTo(this.#map); } else { this.#on.delete(name); group.remove(); this.#hush(name); }
    this.#ask(name, 0);
  }

  isOn(name) { return this.#on.has(name); }

  /** Another area is shown. */
  refresh() { for (const name of this.#on) this.#ask(name, 0); }

  #ask(name, wait = WAIT_MS) {
    clearTimeout(this.#timers.get(name));
    if (this.#on.has(name)) this.#timers.set(name, setTimeout(() => this.#load(name), wait));
  }

  async #load(name) {
    const ask = (this.#asked.get(name) ?? 0) + 1;
    this.#asked.set(name, ask);
    if (!this.#map._loaded) return this.#ask(name); // it has no view yet
    const query = new URLSearchParams({ area: this.#area() });
    if (name === "zones") query.set("detail", this.#detail());
    else { query.set("bbox", this.#map.getBounds().toBBoxString()); query.set("zoom", Math.max(0, Math.round(this.#map.getZoom()))); }
    let found;
    try {
      const answer = await fetch(`${this.#config[name]}?${query}`, { headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(answer.redirected ? this.#words.signed_out : this.#words.failed);
      found = await answer.json();
    } catch (problem) {
      if (this.#asked.get(name) === ask && this.#on.has(name)) this.#speak(name, problem instanceof TypeError ? this.#words.failed : problem.message, true);
      return;
    }
    if (this.#asked.get(name) !== ask || !this.#on.has(name)) return;
    this.#hush(name);
    this.#groups.get(name).clearLayers();
    if (name === "zones") this.#zones(found);
    else if (name === "duty") for (const cell of found.cells) this.#cell(cell);
    else {
      for (const point of found.points ?? []) this.#point(point);
      for (const cluster of found.clusters ?? []) this.#cluster(cluster);
    }
  }

  #speak(name, text, retry = false) {
    this.#spoken.add(name);
    this.#say(text, retry);
  }

  /** What was said of the layer is so no more. */
  #hush(name) {
    if (this.#spoken.delete(name)) this.#say("");
  }

  #mark(group, lat, lon, html, size) {
    const icon = L.divIcon({ className: "gg-map-mark", html, iconSize: size });
    return L.marker([lat, lon], { pane: "extras", icon, keyboard: false }).addTo(this.#groups.get(group));
  }

  #point([code, lon, lat, name, state, address]) {
    const button = element("button", "gg-map-component");
    button.type = "button";
    button.title = `${name} · ${state}`;
    button.setAttribute("aria-label", `${this.#words.components} ${name} ${state} ${code}`);
    button.append(mark("component"));
    this.#mark("components", lat, lon, button, [16, 16]);
    button.addEventListener("click", (event) => {
      event.stopPropagation(); // or the map would close at once what opens here
      if (this.#component({ code, lon, lat, name, address })) return;
      const card = element("div", "gg-map-card");
      card.append(element("b", "", name), element("span", "", state), element("span", "", address), element("span", "gg-map-code", `${this.#words.code} ${code}`));
      if (this.#config.report) {
        const link = element("a", "btn", this.#words.report_it);
        link.href = `${this.#config.report}?${new URLSearchParams({ component: code })}`;
        card.append(link);
      }
      const popup = L.popup({ className: "gg-map-popup", offset: [0, -4], autoPanPadding: [16, 16] }).setLatLng([lat, lon]).setContent(card).openOn(this.#map);
      popup.getElement().querySelector(".leaflet-popup-close-button")?.setAttribute("aria-label", this.#words.close);
      popup.on("remove", () => button.isConnected && button.focus({ preventScroll: true }));
    });
  }

  #cluster([, lon, lat, name, count]) {
    const badge = element("button", "gg-map-components", count);
    badge.type = "button";
    badge.title = `${name}：${this.#words.components} ${count}`;
    badge.setAttribute("aria-label", badge.title);
    badge.addEventListener("click", () => this.#map.setView([lat, lon], this.#map.getZoom() + 2));
    this.#mark("components", lat, lon, badge, null);
  }

  #cell([, lon, lat, name, people, covered, grids]) {
    const single = grids === 1;
    const words = single ? (covered ? `${people} ${this.#words.people}` : this.#words.vacant) : `${covered}/${grids}`;
    const badge = element("span", covered < grids ? "gg-map-duty gg-map-duty-short" : "gg-map-duty", words);
    badge.title = single
      ? `${name}：${covered ? `${this.#words.posted} ${people} ${this.#words.people}` : this.#words.vacant}`
      : `${name}：${this.#words.covered} ${covered}/${grids}，${people} ${this.#words.people}`;
    badge.setAttribute("role", "img");
    badge.setAttribute("aria-label", badge.title);
    this.#mark("duty", lat, lon, badge, null);
  }

  #zones({ unit, zones }) {
    if (!zones.length) return this.#speak("zones", this.#words.no_zones);
    for (const [, name, kind, [lon, lat], lines] of zones) {
      for (const line of lines) {
        L.polyline(unpacked(line, unit), { pane: "zones", className: `gg-zone gg-zone-${kind}`, interactive: false, smoothFactor: 0 }).addTo(this.#groups.get("zones"));
      }
      const points = lines.flatMap((line) => unpacked(line, unit));
      const bounds = points.length ? L.latLngBounds(points) : null;
      const wide = bounds ? this.#map.latLngToLayerPoint(bounds.getNorthEast()).x - this.#map.latLngToLayerPoint(bounds.getSouthWest()).x : NAMED_PX;
      if (wide < NAMED_PX) continue;
      const icon = L.divIcon({ className: "gg-map-mark", html: element("span", "gg-zone-name", name), iconSize: null });
      L.marker([lat, lon], { pane: "zones", icon, keyboard: false, interactive: false }).addTo(this.#groups.get("zones"));
    }
  }
}
