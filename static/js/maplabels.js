// Names and counts of areas on a map, none over another: at their place, else beside it on a leader, else the counts
// alone, else not at all. Pure but for the labels' own classes and styles.
const MANY = 24; // with more, leaders would be a thicket
const FAR = [30, 46, 64, 84, 108, 136];
const WAYS = Array.from({ length: 16 }, (_, turn) => (turn * Math.PI) / 8);
const GAP = 2;

const apart = (one, other) => one.right + GAP < other.left || one.left > other.right + GAP || one.bottom < other.top || one.top > other.bottom;
const moved = (box, x, y) => ({ left: box.left + x, right: box.right + x, top: box.top + y, bottom: box.bottom + y });

/** Places the labels, most important first. `frame`: the map's box; `taken`: boxes that stay free; `plain`: names only. */
export function placeLabels(labels, frame, taken, plain) {
  const occupied = [...taken];
  const fits = (box) => box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom && occupied.every((other) => apart(box, other));
  for (const label of labels) {
    label.classList.remove("gg-map-label-off", "gg-map-label-short", "gg-map-label-out");
    label.style.translate = "";
    label.parentElement?.querySelector(".gg-map-leader")?.remove();
  }
  const left = [];
  for (const label of labels) {
    const box = label.getBoundingClientRect();
    if (fits(box)) occupied.push(box); else left.push(label);
  }
  for (const label of left) {
    if (plain) label.classList.add("gg-map-label-off");
    else if (labels.length > MANY || !lead(label)) {
      label.classList.add("gg-map-label-short");
      const box = label.getBoundingClientRect();
      if (fits(box)) occupied.push(box); else label.classList.add("gg-map-label-off");
    }
  }

  function lead(label) {
    label.classList.add("gg-map-label-out");
    const box = label.getBoundingClientRect();
    const [width, height] = [box.right - box.left, box.bottom - box.top];
    const at = [box.left + width / 2, box.top + height / 2];
    if (at[0] < frame.left || at[0] > frame.right || at[1] < frame.top || at[1] > frame.bottom) return give(label);
    for (const far of FAR) {
      for (const way of WAYS) {
        // as far from the place as its own half in that direction, and then some
        const x = Math.cos(way) * (far + width / 2);
        const y = Math.sin(way) * (far + height / 2);
        const there = moved(box, x, y);
        if (!fits(there)) continue;
        occupied.push(there);
        label.style.translate = `${x}px ${y}px`;
        draw(label, x, y, width, height);
        return true;
      }
    }
    return give(label);
  }
}

function give(label) {
  label.classList.remove("gg-map-label-out");
  return false;
}

function draw(label, x, y, width, height) {
  const clamp = (middle, half) => Math.max(middle - half, Math.min(middle + half, 0));
  const end = [clamp(x, width / 2), clamp(y, height / 2)];
  const line = document.createElement("span");
  line.className = "gg-map-leader";
  line.style.width = `${Math.hypot(...end)}px`;
  line.style.rotate = `${Math.atan2(end[1], end[0])}rad`;
  label.before(line);
}
