/** What is shown of all triplets, and in which order. */
const VERDICTS = ["", "kept", "rejected", "failed"];
const ORDERS = [
  ["", "As they entered", null, 0],
  ["score-low", "Score, lowest first", (entry) => entry.score, 1],
  ["score-high", "Score, highest first", (entry) => entry.score, -1],
  ["changed-high", "Most changed first", (entry) => entry.changed_share, -1],
  ["changed-low", "Least changed first", (entry) => entry.changed_share, 1],
  ["border-high", "Most padding first", (entry) => entry.residual_padding, -1],
];
const GROUPS = [["family", "families"], ["task", "tasks"], ["reason", "reasons"]];

const toolbar = document.querySelector(".toolbar");
const search = document.getElementById("search");
const order = document.getElementById("order");
const selects = new Map(GROUPS.map(([name]) => [name, document.getElementById(name)]));
const verdicts = document.querySelector(".verdicts");

function fillToolbar() {
  fillVerdicts();
  for (const [name, all] of GROUPS) fillChoice(selects.get(name), `All ${all}`, summary.counts[name]);
  for (const [value, words] of ORDERS) order.append(element("option", { value }, words));
}

function fillVerdicts() {
  for (const value of VERDICTS) {
    const count = value ? summary.counts.verdict[value] || 0 : summary.total;
    const input = element("input", { type: "radio", name: "verdict", value, disabled: !count });
    input.checked = !value;
    verdicts.append(element("label", { class: value || "all" }, input,
      element("span", {}, value || "all"), element("b", {}, grouped(count))));
  }
}

function fillChoice(select, all, counts) {
  const options = Object.entries(counts).sort(([one], [other]) => (one < other ? -1 : 1));
  select.append(element("option", { value: "" }, all));
  for (const [value, count] of options) {
    select.append(element("option", { value }, `${short(value)} (${grouped(count)})`));
  }
  select.disabled = !options.length;
}

const chosenVerdict = () => verdicts.querySelector("input:checked").value;

/** The triplets that fit all that is chosen, in the chosen order. */
function matches() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const verdict = chosenVerdict();
  const chosen = [...selects].filter(([, select]) => select.value);
  return ordered(entries.filter((entry) => (!verdict || entry.verdict === verdict)
    && chosen.every(([name, select]) => entry[name] === select.value)
    && words.every((word) => texts.get(entry).includes(word))));
}

/** In the chosen order; what has no such figure comes last, either way. */
function ordered(found) {
  const [, , figure, sign] = ORDERS.find(([value]) => value === order.value);
  if (!figure) return found;
  const without = sign * Infinity;
  const key = (entry) => (isNumber(figure(entry)) ? figure(entry) : without);
  return found.sort((one, other) => (key(one) === key(other) ? 0 : sign * (key(one) - key(other))));
}

/** Keep what is chosen in the address, so that a view can be sent to somebody. */
function remember(at) {
  const chosen = {
    verdict: chosenVerdict(), q: search.value.trim(), family: selects.get("family").value,
    task: selects.get("task").value, reason: selects.get("reason").value, order: order.value,
    at: at ? String(at + 1) : "",
  };
  const state = String(new URLSearchParams(Object.entries(chosen).filter(([, value]) => value)));
  if (location.hash.slice(1) === state) return;
  history.replaceState(null, "", state ? `#${state}` : location.pathname + location.search);
}

/** Take what is in the address; gives the index of the triplet to begin with. */
function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  search.value = state.get("q") || "";
  for (const [name, select] of [...selects, ["order", order]]) {
    const wanted = state.get(name) || "";
    select.value = [...select.options].some((option) => option.value === wanted) ? wanted : "";
  }
  const inputs = [...verdicts.querySelectorAll("input")];
  const wanted = inputs.find((input) => input.value === state.get("verdict") && !input.disabled);
  (wanted || inputs[0]).checked = true;
  return Math.max(0, (Number.parseInt(state.get("at"), 10) || 1) - 1);
}

function resetFilters() {
  toolbar.reset();
  verdicts.querySelector("input").checked = true;
}
