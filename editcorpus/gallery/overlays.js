/** What is laid over a pair of pictures: all but the mask is drawn from columns. */
const CELLS = [8, 6];
const UNSEEN = 0.00005;
const MAGNIFIED = [1, 2, 5, 10, 20, 50, 100, 200];
const SIDES = {
  left: ([, , , , x]) => x > 0,
  top: ([, , , , , y]) => y > 0,
  right: ([, , width, , x, , box]) => x + box < width,
  bottom: ([, , , height, , y, , box]) => y + box < height,
};

/** Draw what is switched on and known of the triplet: on the picture, and in words at the foot of the stage. */
function fillOverlays(layer, foot, entry, lazy) {
  const drawings = { changes: maskOverlay, grid: gridOverlay, border: borderOverlay };
  const made = OVERLAYS.filter(([name]) => drawings[name] && view.overlays.has(name))
    .flatMap(([name]) => drawings[name](entry, lazy));
  layer.replaceChildren(...made.filter((one) => typeof one !== "string"));
  const notes = made.filter((one) => typeof one === "string");
  const parts = view.overlays.has("scores") ? scoresOverlay(entry) : "";
  foot.replaceChildren(...[parts, ...notes.map((note) => element("span", {}, note))].filter(Boolean));
}

function maskOverlay(entry, lazy) {
  const path = entry.pictures.mask;
  if (!path) return ["no mask"];
  return [picture(path, "", "mask", lazy)];
}

function gridOverlay(entry) {
  const { shift_x: x, shift_y: y, scale_x: across, scale_y: down } = entry;
  if (![x, y, across, down].every(isNumber)) return ["no displacement known"];
  if (entry.registered === false) return ["displacement could not be measured"];
  const far = Math.max(Math.abs(x) + Math.abs(across - 1) / 2, Math.abs(y) + Math.abs(down - 1) / 2);
  if (far < UNSEEN) return ["not displaced"];
  const factor = MAGNIFIED.findLast((each) => each * far <= 0.06) || 1;
  const moved = [lines(CELLS[0], (at) => 0.5 + (at - 0.5) * (1 + (across - 1) * factor) + x * factor),
    lines(CELLS[1], (at) => 0.5 + (at - 0.5) * (1 + (down - 1) * factor) + y * factor)];
  const still = CELLS.map((cells) => lines(cells, (at) => at));
  const drawing = drawn("svg", { class: "net", viewBox: "0 0 100 100", preserveAspectRatio: "none" },
    drawn("path", { class: "still", d: netPath(...still) }),
    drawn("path", { class: "moved", d: netPath(...moved) }));
  const undone = entry.registration === "corrected" ? " (undone)" : "";
  return [drawing, `farthest corner ${percent2(far)}${undone}, drawn ×${factor}`];
}

const percent2 = (value) => `${(100 * value).toFixed(2)}%`;

const lines = (cells, place) => Array.from({ length: cells + 1 }, (_, at) => 100 * place(at / cells));

function netPath(columns, rows) {
  const [left, right] = [columns[0], columns.at(-1)];
  const [top, bottom] = [rows[0], rows.at(-1)];
  const fixed = (...values) => values.map((value) => value.toFixed(2)).join(" ");
  return [...columns.map((x) => `M${fixed(x, top)}L${fixed(x, bottom)}`),
    ...rows.map((y) => `M${fixed(left, y)}L${fixed(right, y)}`)].join("");
}

function borderOverlay(entry) {
  const found = entry.residual_padding;
  const known = entry.geometry || [];
  const leftAt = entry.residual_sides || "";
  const padded = Object.keys(SIDES).filter((side) => SIDES[side](known));
  const bars = padded.map((side) => element("span", {
    class: `bar ${side}${leftAt.includes(side) ? " left-over" : ""}`,
  }));
  const told = [padded.length ? `padded: ${padded.join(", ")}` : "not padded"];
  if (found > 0) told.push(`${percent2(found)} of the border is padding that was left`);
  else if (isNumber(found) && padded.length) told.push("none of it is left");
  return [...bars, told.join("; ")];
}

function scoresOverlay(entry) {
  const known = PARTS.filter(([, name]) => isNumber(entry[name]));
  if (!known.length) return element("span", {}, "not judged");
  return element("div", { class: "parts" }, ...known.map(([word, name]) => {
    const fill = element("i", { class: entry[name] < 0.5 ? "low" : "" });
    fill.style.setProperty("--value", entry[name]);
    return element("span", {}, `${word} ${entry[name].toFixed(2)}`, fill);
  }));
}
