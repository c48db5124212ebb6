const grid = document.getElementById("grid");
const help = document.getElementById("help");
const reading = document.getElementById("reading");
let shown = [];
let current = 0;
let opened = 0;
let awaited = 0;

const cards = cardGrid(grid, (entry) => card(entry, open), () => {
  if (!awaited) remember(cards.firstSeen());
});
const detail = detailView(document.getElementById("detail"), () => shown);
const detailOpen = () => document.getElementById("detail").open;

function open(entry) {
  current = opened = shown.indexOf(entry);
  detail.show(entry);
}

function render(fromStart) {
  shown = matches();
  if (fromStart) current = 0;
  cards.show(shown, fromStart);
  grid.querySelector(":scope > .nothing")?.remove();
  if (!shown.length) grid.append(element("p", { class: "nothing" }, emptyBecause()));
  showCount();
}

function emptyBecause() {
  if (!summary.total) return "There is no triplet to show: none has entered this run.";
  return reading.hidden ? "No triplet fits all of this." : "No triplet that has been read so far fits all of this.";
}

function showCount() {
  const all = shown.length === summary.total;
  const told = all ? `${grouped(summary.total)} triplets`
    : `${grouped(shown.length)} of ${grouped(summary.total)} triplets`;
  const count = document.getElementById("count");
  if (count.textContent !== told) count.textContent = told;
}

function renderFromStart() {
  awaited = 0;
  render(true);
}

/** Go to a triplet by its place in what is shown. */
function go(index) {
  if (!shown.length) return;
  current = Math.max(0, Math.min(index, shown.length - 1));
  cards.reveal(current, false).focus({ preventScroll: true });
}

function step(by) {
  if (detailOpen()) {
    detail.step(by);
    current = shown.indexOf(detail.current());
    return;
  }
  const on = grid.contains(document.activeElement);
  go(on ? current + by : Math.max(current, cards.firstSeen()));
}

function focusOn(node) {
  if (!detailOpen()) node.focus();
}

/** After each part: what is shown grows, and the place that was asked for may be there. */
function grown(left) {
  reading.hidden = !left;
  reading.value = entries.length;
  render(false);
  if (awaited && (awaited < shown.length || !left)) {
    if (shown.length) cards.reveal(Math.min(awaited, shown.length - 1), true);
    awaited = 0;
  }
  const lost = document.getElementById("lost");
  lost.hidden = !missing.length;
  if (missing.length) {
    lost.textContent = `${grouped(summary.total - entries.length)} triplets are not shown: `
      + `${missing.join(", ")} cannot be read. The page needs all files that lie beside it.`;
  }
}

function reset() {
  resetFilters();
  setCompare("slide");
  for (const [name] of OVERLAYS) setOverlay(name, false);
  renderFromStart();
}

function toggleHelp() {
  if (help.open) help.close();
  else help.showModal();
}

function togglePlots() {
  const plots = document.getElementById("plots");
  if (!plots) return;
  plots.open = !plots.open;
  if (plots.open) window.scrollTo(0, 0);
}

const flip = (name) => () => setOverlay(name, !view.overlays.has(name));

listenToKeys([
  [["j", "ArrowRight"], "Next triplet; the arrow in the large view alone", () => step(1)],
  [["k", "ArrowLeft"], "Previous triplet; the arrow in the large view alone", () => step(-1)],
  [["Enter", "o"], "Enlarge the triplet", () => { if (!detailOpen() && shown.length) open(shown[current]); }],
  [["/"], "Go to the search", () => focusOn(search)],
  [["f"], "Go to the filters", () => focusOn(verdicts.querySelector("input:checked"))],
  [["c"], "Next way to compare: slider, side by side, blink", () => {
    const at = COMPARE.findIndex(([mode]) => mode === view.compare);
    setCompare(COMPARE[(at + 1) % COMPARE.length][0]);
  }],
  [["b"], "Blink", () => setCompare(view.compare === "blink" ? "slide" : "blink")],
  [["x"], "Swap source and edited image by hand", swap],
  [["m"], "Lay over the mask of the change", flip("changes")],
  [["g"], "Lay over the grid of displacement", flip("grid")],
  [["p"], "Lay over the padding of the border", flip("border")],
  [["s"], "Lay over the judge's three answers", flip("scores")],
  [["h"], "Show how the figures are spread", togglePlots],
  [["r"], "Reset filters, way to compare and overlays", reset],
  [["?"], "These keys", toggleHelp],
], help);

take(summary.first);
document.querySelector(".tools").prepend(...viewButtons(summary.overlays));
setCompare("slide");
fillToolbar();
awaited = recall();
reading.max = summary.total;
grown(summary.parts.length);
readParts(grown);
search.addEventListener("input", renderFromStart);
for (const input of [...selects.values(), order, verdicts]) input.addEventListener("change", renderFromStart);
document.getElementById("clear").addEventListener("click", reset);
document.getElementById("keys").addEventListener("click", toggleHelp);
document.getElementById("help-close").addEventListener("click", toggleHelp);
help.addEventListener("click", (event) => { if (event.target === help) help.close(); });
grid.addEventListener("focusin", (event) => {
  const on = event.target.closest("article");
  const at = on ? Number(on.getAttribute("aria-posinset")) - 1 : current;
  current = at;
});
toolbar.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("detail").addEventListener("close", () => {
  const at = shown.indexOf(detail.current());
  if (at !== opened) go(at);
});
window.addEventListener("hashchange", () => {
  awaited = recall();
  if (!awaited) render(true);
  else grown(reading.hidden ? 0 : 1);
});
