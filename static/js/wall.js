// The wall: the same figures on a dark ground, full screen, refreshed by itself, honest when it cannot.
import { AreaMap } from "./map.js";
import { Chart } from "./chart.js";
import { Freshness } from "./fresh.js";

const DEAD_MINUTES = 30;
const unit = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 10;
const head = document.querySelector("[data-dashboard]");
const host = document.querySelector("[data-map]");
const configuration = JSON.parse(host.dataset.map);
const values = () => JSON.parse(document.querySelector("[data-values]").dataset.values);
const address = (area) => `?${new URLSearchParams({ area, span: configuration.span, wall: 1 })}`;

const map = configuration.area === null ? null : new AreaMap(host, configuration, {
  area: configuration.area,
  level: configuration.level,
  inner: configuration.inner,
  values: values(),
  canGoUp: configuration.up !== "",
  controls: false,
  padding: Math.round(28 * unit()),
});
map?.showCases(true);
map?.addEventListener("open", ({ detail }) => { if (detail.id !== configuration.area) location.href = address(detail.id); });
map?.addEventListener("up", () => { location.href = `${configuration.up}&wall=1`; });

const table = () => document.querySelector('[data-block="flow"] table');
const chart = new Chart(document.querySelector('[data-chart="flow"]'), table(), { scale: unit(), label: document.querySelector("#w-flow").textContent });
addEventListener("resize", () => { chart.scale = unit(); map?.fit(); });

// every tile's time is that of the last answer, and its age is said once it is no longer fresh
let asOf = new Date(document.querySelector("[data-as-of-time]").dateTime);
const fresh = new Freshness(head, (page) => {
  const time = page.querySelector("[data-as-of-time]");
  asOf = new Date(time.dateTime);
  for (const shown of document.querySelectorAll("[data-as-of-time]")) {
    shown.dateTime = time.dateTime;
    shown.textContent = time.textContent;
  }
  map?.setValues(values());
  map?.showCases(true);
  chart.update(table());
});

const clock = document.querySelector("[data-clock]");
const lamp = document.querySelector("[data-lamp]");
const dead = document.querySelector("[data-dead-note]");
// the city's time, wherever the screen was set up
const format = new Intl.DateTimeFormat("zh-CN", { timeZone: clock.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
function tick() {
  const now = new Date();
  clock.textContent = format.format(now);
  const stale = document.body.classList.contains("gg-is-stale");
  const minutes = Math.floor((now - asOf) / 60000);
  const age = head.dataset.age.replace("{minutes}", minutes);
  lamp.textContent = stale ? lamp.dataset.lost : lamp.dataset.live;
  const isOld = stale || document.querySelector('[data-block="old"]').childElementCount > 0;
  for (const shown of document.querySelectorAll("[data-age]:is(em)")) shown.textContent = isOld && minutes > 0 ? ` · ${age}` : "";
  const isDead = stale && minutes >= DEAD_MINUTES;
  document.body.classList.toggle("gg-is-dead", isDead);
  dead.hidden = !isDead;
  dead.textContent = isDead ? `${head.dataset.dead} · ${age}` : "";
}
tick();
setInterval(tick, 1000);

const full = document.querySelector("[data-full]");
const enter = () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen())?.catch(() => {});
full.addEventListener("click", enter);
addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "f" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing) enter();
});
document.addEventListener("fullscreenchange", () => requestAnimationFrame(() => map?.fit()));
export { fresh };
