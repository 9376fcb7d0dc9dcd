// The open cases on a map, as points or counts by area. What stays where it was is left alone: a map that is drawn aside
// gains what came into view and loses what left it. Needs Leaflet.
import { element, mark } from "./mapmarks.js";

const L = window.L;
const WORDS = { over: "overdue", soon: "soon", paused: "paused", normal: "normal" };

export class CaseMarks {
  #map; #words; #address; #pick; #layer = L.layerGroup(); #drawn = new Map();

  /** `address`: of a case, with 0 for its number; `pick(number)`: a point was clicked, true where its link is not to be
   *  followed. */
  constructor(map, { words, address, pick }) {
    this.#map = map;
    this.#words = words;
    this.#address = address;
    this.#pick = pick;
  }

  show(on) {
    if (on) this.#layer.addTo(this.#map); else this.#layer.remove();
  }

  /** These and no others: `points` [number, lon, lat, kind, title], `clusters` [area, lon, lat, name, open, overdue]. */
  draw({ points = [], clusters = [] }) {
    const wanted = new Map([
      ...points.map((point) => [point.join("\n"), () => this.#mark(point, this.#point(point), 16)]),
      ...clusters.map((cluster) => [cluster.join("\n"), () => this.#mark(cluster, this.#cluster(cluster), 30)]),
    ]);
    for (const [key, marker] of this.#drawn) {
      if (wanted.has(key)) continue;
      this.#layer.removeLayer(marker);
      this.#drawn.delete(key);
    }
    for (const [key, make] of wanted) if (!this.#drawn.has(key)) this.#drawn.set(key, make());
  }

  #mark([, lon, lat], html, size) {
    const icon = L.divIcon({ className: "gg-map-mark", html, iconSize: [size, size] });
    return L.marker([lat, lon], { pane: "cases", icon, keyboard: false }).addTo(this.#layer);
  }

  #point([number, , , kind, title]) {
    const link = element("a", "gg-map-point");
    link.href = this.#address.replace(/0\/$/, `${number}/`);
    const word = this.#words[WORDS[kind]];
    link.setAttribute("aria-label", `${number} ${title} ${word}`);
    link.title = `${title} · ${word} · ${number}`;
    link.append(mark(kind));
    link.addEventListener("click", (event) => {
      if (this.#pick(number)) event.preventDefault();
    });
    return link;
  }

  #cluster([, lon, lat, name, open, overdue]) {
    const badge = element("button", overdue ? "gg-map-cluster gg-map-cluster-late" : "gg-map-cluster", open);
    badge.type = "button";
    const words = `${name}：${this.#words.open} ${open}，${this.#words.among} ${overdue}`;
    badge.setAttribute("aria-label", words);
    badge.title = words;
    badge.addEventListener("click", () => this.#map.setView([lat, lon], this.#map.getZoom() + 2));
    return badge;
  }
}
