const PARTS = [["done", "score_done"], ["preserved", "score_preserved"], ["clean", "score_clean"]];

/** One triplet in the grid. */
function card(entry, changesShown, open) {
  const { stage, showChanges } = comparison(entry, true);
  const made = element("article", { class: `card ${entry.verdict}`, "data-id": entry.id }, stage,
    element("div", { class: "body" },
      headline(entry), instruction(entry), original(entry), verdict(entry), scores(entry),
      element("p", { class: "meta" }, ...meta(entry))),
    element("footer", { class: "foot-of-card" },
      element("code", { class: "id", title: entry.id }, element("bdi", {}, entry.id)),
      changesButton(showChanges, changesShown), enlargeButton(entry, open)));
  return made;
}

function headline(entry) {
  const task = [entry.task, entry.subtask].filter(Boolean).join(" / ");
  const score = isNumber(entry.score)
    ? element("span", { class: "score", title: "Geometric mean of the three scores" },
      entry.score.toFixed(2))
    : "";
  return element("p", { class: "headline" },
    element("span", { class: `badge ${entry.verdict}` }, entry.verdict),
    task ? element("span", { class: "task" }, task) : "", score);
}

function instruction(entry) {
  return entry.instruction
    ? element("h2", { class: "instruction" }, entry.instruction)
    : element("h2", { class: "instruction missing" }, "No instruction");
}

function original(entry) {
  if (!entry.instruction_original) return "";
  return element("p", { class: "original" },
    element("span", { class: "word" }, "rewritten from"), " ", entry.instruction_original);
}

function verdict(entry) {
  if (!entry.reason) return "";
  const parts = [element("strong", {}, entry.sentence)];
  if (entry.detail) parts.push(element("span", { class: "why" }, entry.detail));
  const where = entry.step ? `${entry.step} · ${entry.reason}` : entry.reason;
  return element("p", { class: "reason" }, ...parts, element("code", {}, where));
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

/** Geometry, change, price and model in one line of separate parts. */
function meta(entry) {
  const parts = [
    entry.geometry && geometryText(entry.geometry),
    isNumber(entry.changed_share) && `${percent(entry.changed_share)} changed`,
    entry.cost_usd !== undefined && dollars(entry.cost_usd),
    entry.model,
  ];
  return parts.filter(Boolean).map((part) => element("span", {}, part));
}

function changesButton(showChanges, shown) {
  if (!showChanges) return "";
  const button = element("button", { class: "changes", type: "button" }, "Changes");
  const set = (on) => {
    button.setAttribute("aria-pressed", on);
    showChanges(on);
  };
  button.addEventListener("click", () => set(button.getAttribute("aria-pressed") !== "true"));
  button.addEventListener("set-changes", (event) => set(event.detail));
  set(shown);
  return button;
}

function enlargeButton(entry, open) {
  const button = element("button", { class: "enlarge", type: "button", "aria-label": `Enlarge ${entry.id}` },
    "Enlarge");
  button.addEventListener("click", () => open(entry));
  return button;
}
