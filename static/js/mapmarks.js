// What a map is drawn with: the marks of cases, the steps of its colours, the unpacking of shapes. Pure.
const STEPS = 5;
const SVG = "http://www.w3.org/2000/svg";
const MARKS = {
  over: "M8 1.5 15 14H1Z",
  soon: "M8 .8 15.2 8 8 15.2 .8 8Z",
  paused: "M2.5 2.5h11v11h-11Z",
  component: "M6 2h4v4h4v4h-4v4H6v-4H2V6h4Z",
  normal: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11Z",
};

export function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== "") made.textContent = text;
  return made;
}

/** The drawing of a case by its state: told apart by shape first, then by colour. */
export function mark(kind) {
  if (!drawings.has(kind)) drawings.set(kind, drawing(kind));
  return drawings.get(kind).cloneNode(true);
}

const drawings = new Map();

function drawing(kind) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `gg-mark-case gg-mark-${kind}`);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", MARKS[kind] ?? MARKS.normal);
  svg.append(path);
  return svg;
}

/** Lower ends of the five steps for a greatest value: 0 1 2 3 4, or round numbers. */
export function steps(most) {
  const wide = Math.max(1, Math.ceil((most + 1) / STEPS));
  const round = [1, 2, 3, 4, 5, 8, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 250, 500, 1000, 2000, 5000, 10000];
  const step = round.find((value) => value >= wide) ?? wide;
  return Array.from({ length: STEPS }, (_, position) => position * step);
}

/** Whole numbers and their differences as [lat, lon] pairs. */
export function unpacked(numbers, unit) {
  const points = [];
  let x = 0;
  let y = 0;
  for (let i = 0; i < numbers.length; i += 2) {
    x += numbers[i];
    y += numbers[i + 1];
    points.push([y * unit, x * unit]);
  }
  return points;
}
