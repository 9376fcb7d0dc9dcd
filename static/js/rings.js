// Corners of areas, and how a border that two areas share stays shared while one of them is drawn. Pure: a ring is a list
// of [lat, lng] without the point that closes it; a shape is a list of rings.
const same = (one, other) => one[0] === other[0] && one[1] === other[1];

/** What one step of drawing did to a ring: { kind: "moved" | "added" | "removed", … }, null for nothing or several things. */
export function change(before, after) {
  if (after.length === before.length) {
    const differing = after.flatMap((point, index) => (same(point, before[index]) ? [] : [index]));
    return differing.length === 1 ? { kind: "moved", from: before[differing[0]], to: after[differing[0]] } : null;
  }
  if (after.length === before.length + 1) {
    // the first place where they differ is where the corner was put in
    const index = after.findIndex((point, position) => position >= before.length || !same(point, before[position]));
    const rest = [...after.slice(0, index), ...after.slice(index + 1)];
    if (!rest.every((point, position) => same(point, before[position]))) return null;
    return { kind: "added", point: after[index], between: [before.at(index - 1), before[index % before.length]] };
  }
  if (after.length === before.length - 1) {
    const index = before.findIndex((point, position) => position >= after.length || !same(point, after[position]));
    const rest = [...before.slice(0, index), ...before.slice(index + 1)];
    if (!rest.every((point, position) => same(point, after[position]))) return null;
    return { kind: "removed", point: before[index], between: [before.at(index - 1), before[(index + 1) % before.length]] };
  }
  return null;
}

/** The ring of a neighbour after the same step, or null where it does not have that corner or edge. */
export function followed(ring, step) {
  if (step.kind === "moved") {
    const index = ring.findIndex((point) => same(point, step.from));
    return index < 0 ? null : ring.with(index, step.to);
  }
  if (step.kind === "added") {
    const index = edge(ring, step.between);
    return index < 0 ? null : [...ring.slice(0, index + 1), step.point, ...ring.slice(index + 1)];
  }
  const index = ring.findIndex((point) => same(point, step.point));
  if (index < 0 || ring.length <= 3) return null;
  const [one, other] = step.between;
  const [left, right] = [ring.at(index - 1), ring[(index + 1) % ring.length]];
  const shared = (same(left, one) && same(right, other)) || (same(left, other) && same(right, one));
  return shared ? [...ring.slice(0, index), ...ring.slice(index + 1)] : null;
}

/** The index of the first corner of the edge between the two, in either direction; -1 where the ring has none such. */
function edge(ring, [one, other]) {
  return ring.findIndex((point, index) => {
    const next = ring[(index + 1) % ring.length];
    return (same(point, one) && same(next, other)) || (same(point, other) && same(next, one));
  });
}

/** A GeoJSON geometry as a list of polygons, each a list of rings of [lat, lng], without closing points. */
export function unfolded({ type, coordinates }) {
  const polygons = type === "Polygon" ? [coordinates] : coordinates;
  return polygons.map((rings) => rings.map((ring) => ring.slice(0, -1).map(([lng, lat]) => [lat, lng])));
}

/** The GeoJSON geometry of such polygons; corners that fall together are one. */
export function folded(polygons) {
  const closed = (ring) => {
    const corners = ring.filter((point, index) => !same(point, ring.at(index - 1))).map(([lat, lng]) => [lng, lat]);
    return [...corners, corners[0]];
  };
  const coordinates = polygons.map((rings) => rings.map(closed));
  return coordinates.length === 1 ? { type: "Polygon", coordinates: coordinates[0] } : { type: "MultiPolygon", coordinates };
}
