const PAGE = 60;
const VERDICTS = ["", "kept", "rejected", "failed"];
const ORDERS = [
  ["", "As they entered", null, 0],
  ["score-low", "Score, lowest first", (entry) => entry.score, 1],
  ["score-high", "Score, highest first", (entry) => entry.score, -1],
  ["changed-high", "Most changed first", (entry) => entry.changed_share, -1],
  ["changed-low", "Least changed first", (entry) => entry.changed_share, 1],
];

const entries = JSON.parse(document.getElementById("triplets").textContent);
const texts = new Map(entries.map((entry) => [entry, searchText(entry)]));
const grid = document.getElementById("grid");
const search = document.getElementById("search");
const task = document.getElementById("task");
const reason = document.getElementById("reason");
const order = document.getElementById("order");
const changes = document.getElementById("changes");
const verdicts = document.querySelector(".verdicts");
let page = 0;
let shown = entries;

const changesShown = () => changes.getAttribute("aria-pressed") === "true";
const open = detailView(document.getElementById("detail"), () => shown, changesShown);

function searchText(entry) {
  const names = ["id", "instruction", "instruction_original", "task", "subtask", "step", "reason",
    "sentence", "detail", "model", "license"];
  return names.map((name) => entry[name] || "").join("\n").toLowerCase();
}

function tally(name) {
  const counts = new Map();
  for (const entry of entries) {
    if (entry[name]) counts.set(entry[name], (counts.get(entry[name]) || 0) + 1);
  }
  return [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
}

function fillChoice(select, all, options) {
  select.append(element("option", { value: "" }, all));
  for (const [value, count] of options) {
    select.append(element("option", { value }, `${value} (${grouped(count)})`));
  }
  select.disabled = !options.length;
}

function fillVerdicts() {
  const counts = new Map(tally("verdict"));
  for (const value of VERDICTS) {
    const count = value ? counts.get(value) || 0 : entries.length;
    const input = element("input", { type: "radio", name: "verdict", value, disabled: !count });
    input.checked = !value;
    verdicts.append(element("label", { class: value || "all" }, input,
      element("span", {}, value || "all"), element("b", {}, grouped(count))));
  }
}

function fillToolbar() {
  fillVerdicts();
  fillChoice(task, "All tasks", tally("task"));
  fillChoice(reason, "All reasons", tally("reason"));
  for (const [value, words] of ORDERS) order.append(element("option", { value }, words));
}

const chosenVerdict = () => verdicts.querySelector("input:checked").value;

function matches() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const verdict = chosenVerdict();
  return entries.filter((entry) => (!verdict || entry.verdict === verdict)
    && (!task.value || entry.task === task.value)
    && (!reason.value || entry.reason === reason.value)
    && words.every((word) => texts.get(entry).includes(word)));
}

/** In the chosen order; what has no such figure comes last, either way. */
function ordered(found) {
  const [, , figure, sign] = ORDERS.find(([value]) => value === order.value);
  if (!figure) return found;
  const without = sign * Infinity;
  const key = (entry) => (isNumber(figure(entry)) ? figure(entry) : without);
  return found.sort((one, other) => (key(one) === key(other) ? 0 : sign * (key(one) - key(other))));
}

function render() {
  shown = ordered(matches());
  page = Math.max(0, Math.min(page, Math.ceil(shown.length / PAGE) - 1));
  const start = page * PAGE;
  const part = shown.slice(start, start + PAGE);
  grid.replaceChildren(...part.map((entry) => card(entry, changesShown(), open)));
  if (!part.length) grid.append(element("p", { class: "nothing" }, "No triplet fits all of this."));
  showCount(start, part.length);
  showPagers(start);
  remember();
}

function showCount(start, length) {
  const all = `${grouped(shown.length)} of ${grouped(entries.length)} triplets`;
  const paged = shown.length > PAGE;
  const range = `${grouped(start + 1)}–${grouped(start + length)} of `;
  document.getElementById("count").textContent = paged
    ? `${range}${grouped(shown.length)} triplets (${grouped(entries.length)} in all)` : all;
}

function showPagers(start) {
  for (const nav of document.querySelectorAll(".pager")) {
    const paged = shown.length > PAGE;
    nav.hidden = !paged;
    nav.replaceChildren(
      button("Previous", () => turn(-1), page === 0),
      element("span", {}, `page ${page + 1} of ${Math.ceil(shown.length / PAGE)}`),
      button("Next", () => turn(1), start + PAGE >= shown.length));
  }
}

function turn(by) {
  page += by;
  render();
  grid.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

/** Keep what is chosen in the address, so that a view can be sent to somebody. */
function remember() {
  const chosen = {
    verdict: chosenVerdict(), q: search.value.trim(), task: task.value, reason: reason.value,
    order: order.value, page: page ? String(page + 1) : "",
  };
  const state = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value));
  history.replaceState(null, "", state.size ? `#${state}` : location.pathname + location.search);
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  search.value = state.get("q") || "";
  for (const [select, name] of [[task, "task"], [reason, "reason"], [order, "order"]]) {
    const wanted = state.get(name) || "";
    select.value = [...select.options].some((option) => option.value === wanted) ? wanted : "";
  }
  const inputs = [...verdicts.querySelectorAll("input")];
  const wanted = inputs.find((input) => input.value === state.get("verdict") && !input.disabled);
  (wanted || inputs[0]).checked = true;
  page = Math.max(0, (Number.parseInt(state.get("page"), 10) || 1) - 1);
}

function renderFromStart() {
  page = 0;
  render();
}

function setChanges(on) {
  changes.setAttribute("aria-pressed", on);
  for (const one of grid.querySelectorAll("button.changes")) {
    one.dispatchEvent(new CustomEvent("set-changes", { detail: on }));
  }
}

function reset() {
  document.querySelector(".toolbar").reset();
  verdicts.querySelector("input").checked = true;
  setChanges(false);
  renderFromStart();
}

fillToolbar();
recall();
render();
search.addEventListener("input", renderFromStart);
for (const input of [task, reason, order, verdicts]) input.addEventListener("change", renderFromStart);
changes.addEventListener("click", () => setChanges(!changesShown()));
document.getElementById("clear").addEventListener("click", reset);
document.querySelector(".toolbar").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", () => { recall(); render(); });
