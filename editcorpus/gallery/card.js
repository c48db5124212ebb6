const PARTS = [["done", "score_done"], ["preserved", "score_preserved"], ["clean", "score_clean"]];

/** One triplet in the list. */
function card(entry, open) {
  return element("article", {
    class: `card ${entry.verdict}`, "data-id": entry.id, tabindex: -1,
    "aria-label": `${entry.verdict}: ${short(entry.instruction || entry.id)}`,
  }, comparison(entry, false),
  element("div", { class: "body" },
    headline(entry), instruction(entry, short), original(entry, short), verdict(entry, short),
    scores(entry), element("p", { class: "meta" }, ...meta(entry))),
  element("footer", { class: "foot-of-card" },
    element("code", { class: "id", title: entry.id }, element("bdi", {}, entry.id)),
    enlargeButton(entry, open)));
}

function headline(entry) {
  const native = [entry.task, entry.subtask].filter(Boolean).join(" / ");
  const task = entry.family ? entry.family.replaceAll("_", " ") : native;
  const score = isNumber(entry.score)
    ? element("span", { class: "score", title: "Geometric mean of the three scores" },
      entry.score.toFixed(2))
    : "";
  return element("p", { class: "headline" },
    element("span", { class: `badge ${entry.verdict}` }, entry.verdict),
    task ? element("span", { class: "task", title: native }, task) : "", score);
}

/** What a card has room for; the large view tells all of it. */
const short = (text) => (text.length > 400 ? `${text.slice(0, 400)}…` : text);
const whole = (text) => text;

function instruction(entry, cut = whole) {
  return entry.instruction
    ? element("h2", { class: "instruction", dir: "auto" }, cut(entry.instruction))
    : element("h2", { class: "instruction missing" }, "No instruction");
}

function original(entry, cut = whole) {
  if (!entry.instruction_original) return "";
  return element("p", { class: "original" },
    element("span", { class: "word" }, "rewritten from"), " ",
    element("bdi", {}, cut(entry.instruction_original)));
}

function verdict(entry, cut = whole) {
  if (!entry.reason) return "";
  const told = element("span", { class: "told" }, element("strong", {}, entry.sentence));
  if (entry.detail) told.append(" ", element("span", { class: "why" }, cut(entry.detail)));
  const where = entry.step ? `${entry.step} · ${entry.reason}` : entry.reason;
  return element("p", { class: "reason" }, told, element("code", {}, where));
}

function scores(entry) {
  const known = PARTS.filter(([, name]) => isNumber(entry[name]));
  if (!known.length) return "";
  return element("ul", { class: "scores" }, ...known.map(([word, name]) => {
    const bar = element("meter", {
      min: 0, max: 1, value: entry[name], "aria-label": `${word} ${entry[name].toFixed(2)}`,
    });
    return element("li", {}, element("span", {}, word),
      element("b", {}, entry[name].toFixed(2)), bar);
  }));
}

/** Doubts, change, price, model and geometry, as far as there is room. */
function meta(entry) {
  const parts = [
    doubtsText(entry),
    isNumber(entry.changed_share) && `${percent(entry.changed_share)} changed`,
    entry.cost_usd !== undefined && dollars(entry.cost_usd),
    entry.model,
    entry.geometry && geometryText(entry.geometry),
  ];
  return parts.filter(Boolean).map((part) => element("span", {}, part));
}

function enlargeButton(entry, open) {
  const button = element("button", { class: "enlarge", type: "button", "aria-label": `Enlarge ${entry.id}` },
    "Enlarge");
  button.addEventListener("click", () => open(entry));
  return button;
}
