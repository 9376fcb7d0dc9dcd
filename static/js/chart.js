// A bar and line chart out of a table that is on the page; the table stays the alternative for everybody. Needs ECharts.
// Columns: the <th data-kind> of the head says bar, bar2 or line. A value is a link to its cases, or a gap.
const echarts = window.echarts;
const CLASSES = { bar: "--gg-chart-1", bar2: "--gg-chart-2", line: "--gg-chart-line" };
const FALLBACK = { "--gg-chart-1": "#2f6db5", "--gg-chart-2": "#a9c9e8", "--gg-chart-line": "#7c8798" };

const read = (text) => (/^[\d,]+$/.test(text.trim()) ? Number(text.replaceAll(",", "")) : null);

function rows(table) {
  const columns = [...table.tHead.rows[0].cells].slice(1).map((cell) => ({ kind: cell.dataset.kind, label: cell.textContent.trim() }));
  const lines = [...table.tBodies[0].rows].map((row) => ({
    label: row.dataset.label,
    title: row.cells[0].textContent.trim(),
    cells: [...row.cells].slice(1).map((cell) => ({ value: read(cell.textContent), href: cell.querySelector("a")?.href ?? null })),
  }));
  return { columns, lines, unit: table.dataset.unit ?? "" };
}

export class Chart {
  #host; #plot; #chart; #data; #tip; #at = -1; #legend; #scale;

  constructor(host, table, { scale = 1, label = "" } = {}) {
    this.#host = host;
    this.#scale = scale;
    this.#legend = host.appendChild(document.createElement("div"));
    this.#legend.className = "gg-chart-legend";
    this.#legend.setAttribute("aria-hidden", "true");
    this.#plot = host.appendChild(document.createElement("div"));
    this.#plot.className = "gg-chart-plot";
    this.#tip = host.appendChild(document.createElement("div"));
    this.#tip.className = "gg-chart-tip";
    this.#tip.setAttribute("role", "status");
    this.#tip.hidden = true;
    host.tabIndex = 0;
    host.setAttribute("role", "application");
    host.setAttribute("aria-label", label);
    this.#chart = echarts.init(this.#plot);
    this.#plot.addEventListener("mousemove", (event) => this.#point(this.#nearest(event)));
    this.#plot.addEventListener("mouseleave", () => this.#point(-1));
    this.#plot.addEventListener("click", () => this.#open());
    host.addEventListener("keydown", (event) => this.#key(event));
    host.addEventListener("blur", () => this.#point(-1));
    new ResizeObserver(() => { this.#chart.resize(); this.#draw(); }).observe(host);
    this.update(table);
  }

  /** The table has changed. */
  update(table) {
    this.#data = rows(table);
    this.#draw();
    if (this.#at >= 0) this.#point(this.#at);
  }

  /** All sizes times this, for a wall. */
  set scale(value) { this.#scale = value; this.#draw(); }

  #token(name) { return getComputedStyle(this.#host).getPropertyValue(name).trim() || FALLBACK[name]; }

  #draw() {
    const { columns, lines } = this.#data;
    const u = (pixels) => Math.round(pixels * this.#scale);
    const style = getComputedStyle(this.#host);
    const text = { color: this.#token("--gg-ink3"), fontSize: u(12), fontFamily: style.fontFamily };
    const every = lines.length > 24 ? 5 : lines.length > 12 ? 3 : 1;
    const series = columns.map(({ kind, label }, position) => {
      const data = lines.map((line) => line.cells[position].value);
      const color = this.#token(CLASSES[kind]);
      if (kind === "line") {
        return { type: "line", name: label, data, symbol: "none", smooth: 0.25, silent: true, z: 3, lineStyle: { type: "dashed", width: u(1.5), color }, itemStyle: { color } };
      }
      return { type: "bar", name: label, data, silent: true, barGap: "8%", barCategoryGap: "28%", itemStyle: { color, borderRadius: [u(2), u(2), 0, 0] } };
    });
    this.#chart.setOption({
      animation: false,
      aria: { enabled: true },
      grid: { left: u(40), right: u(14), top: u(34), bottom: u(26) },
      xAxis: { type: "category", data: lines.map((line) => line.label), axisTick: { show: false }, axisLine: { lineStyle: { color: this.#token("--gg-line2") } }, axisLabel: { ...text, interval: (position) => position % every === 0, formatter: (value) => `${value}${this.#data.unit ? ` ${this.#data.unit}` : ""}` } },
      yAxis: { type: "value", minInterval: 1, splitNumber: 4, axisLine: { show: false }, axisTick: { show: false }, axisLabel: text, splitLine: { lineStyle: { color: this.#token("--gg-line") } } },
      series,
    }, true);
    this.#legend.replaceChildren(...columns.map(({ kind, label }) => {
      const entry = document.createElement("span");
      const swatch = document.createElement("i");
      if (kind === "line") swatch.className = "gg-dashed";
      else swatch.style.background = this.#token(CLASSES[kind]);
      entry.append(swatch, label);
      return entry;
    }));
  }

  #nearest(event) {
    const box = this.#plot.getBoundingClientRect();
    const position = this.#chart.convertFromPixel({ xAxisIndex: 0 }, event.clientX - box.left);
    return position >= 0 && position < this.#data.lines.length ? position : -1;
  }

  #point(position) {
    this.#at = position;
    this.#tip.hidden = position < 0;
    if (position < 0) return;
    const { columns, lines } = this.#data;
    const title = document.createElement("b");
    title.textContent = lines[position].title;
    const words = columns.map(({ label }, at) => {
      const row = document.createElement("div");
      row.textContent = `${label} ${lines[position].cells[at].value ?? "—"}`;
      return row;
    });
    this.#tip.replaceChildren(title, ...words);
    const x = this.#chart.convertToPixel({ xAxisIndex: 0 }, position);
    const room = this.#host.clientWidth - this.#tip.offsetWidth - 8;
    this.#tip.style.left = `${Math.max(8, Math.min(x + 12, room))}px`;
    this.#tip.style.top = "28px";
    this.#plot.style.cursor = this.#link() ? "pointer" : "default";
  }

  #link() { return this.#data.lines[this.#at]?.cells.find((cell) => cell.href)?.href ?? null; }

  #open() { const href = this.#link(); if (href) location.href = href; }

  #key(event) {
    const last = this.#data.lines.length - 1;
    const to = { ArrowLeft: Math.max(0, this.#at - 1), ArrowRight: Math.min(last, this.#at + 1), Home: 0, End: last }[event.key];
    if (event.key === "Enter") this.#open();
    else if (event.key === "Escape") this.#point(-1);
    else if (to !== undefined) this.#point(to);
    else return;
    event.preventDefault();
  }
}
