// The leaders' dashboard: map, chart, explanations, and figures that are asked for again each minute.
import { AreaMap } from "./map.js";
import { withLayers } from "./maplayers.js";
import { Chart } from "./chart.js";
import { explain } from "./explain.js";
import { Freshness } from "./fresh.js";

const host = document.querySelector("[data-map]");
const configuration = JSON.parse(host.dataset.map);
const values = () => JSON.parse(document.querySelector("[data-values]").dataset.values);

const map = configuration.area === null ? null : new AreaMap(host, configuration, {
  area: configuration.area,
  level: configuration.level,
  inner: configuration.inner,
  values: values(),
  canGoUp: configuration.up !== "",
});
map?.addEventListener("open", ({ detail }) => {
  if (detail.id !== configuration.area) location.href = withLayers(`?${new URLSearchParams({ area: detail.id, span: configuration.span })}`);
});
map?.addEventListener("up", () => { location.href = withLayers(configuration.up); });

const table = () => document.querySelector('[data-block="flow"] table');
const holder = document.querySelector('[data-chart="flow"]');
const chart = new Chart(holder, table(), { label: holder.parentElement.querySelector("h2").textContent.trim() });

explain(document.body);
new Freshness(document.querySelector("[data-dashboard]"), () => {
  map?.setValues(values());
  chart.update(table());
});
