/** How pictures are compared and what is laid over them, on the whole page. */
const COMPARE = [
  ["slide", "Slider", "A line to drag between source and edited image"],
  ["side", "Side by side", "Source on the left, edited image on the right"],
  ["blink", "Blink", "Source and edited image in turn; key b"],
];
const OVERLAYS = [
  ["changes", "Changes", "Mask of what changed; key m"],
  ["grid", "Grid", "How far the edited image is shifted and zoomed, magnified; key g"],
  ["border", "Border", "Sides that were padded, and padding that is left; key p"],
  ["scores", "Scores", "The three parts of the judgement as bars; key s"],
];
const BLINK_MS = 700;

const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const view = { compare: "slide", phase: "edited", still: false, overlays: new Set() };
let blinking = null;

function setCompare(mode) {
  view.compare = mode;
  view.still = calm.matches;
  setPhase("edited");
  press("compare", (value) => value === mode);
  document.body.dataset.compare = mode;
  clearInterval(blinking);
  blinking = mode === "blink" ? setInterval(tick, BLINK_MS) : null;
}

function tick() {
  if (!view.still && !document.hidden) setPhase(view.phase === "edited" ? "source" : "edited");
}

function setPhase(phase) {
  view.phase = phase;
  document.body.dataset.phase = phase;
}

/** Show the other of the two pictures, and let them rest. */
function swap() {
  if (view.compare !== "blink") setCompare("blink");
  view.still = true;
  setPhase(view.phase === "edited" ? "source" : "edited");
}

function setOverlay(name, on) {
  view.overlays[on ? "add" : "delete"](name);
  press("overlay", (value) => view.overlays.has(value));
  for (const stage of document.querySelectorAll(".stage")) {
    stage.dispatchEvent(new CustomEvent("overlays"));
  }
}

function press(kind, isOn) {
  for (const one of document.querySelectorAll(`button[data-${kind}]`)) {
    one.setAttribute("aria-pressed", isOn(one.dataset[kind]));
  }
}

/** The buttons of both, as the toolbar and the large view have them. */
function viewButtons(counts) {
  const compare = element("span", { class: "choice", role: "group", "aria-label": "Compare by" },
    ...COMPARE.map(([mode, text, title]) => element("button", {
      type: "button", "data-compare": mode, "aria-pressed": String(view.compare === mode), title,
    }, text)));
  const overlays = element("span", { class: "choice", role: "group", "aria-label": "Lay over" },
    ...OVERLAYS.map(([name, text, title]) => element("button", {
      type: "button", "data-overlay": name, "aria-pressed": String(view.overlays.has(name)), title,
      disabled: !counts[name],
    }, text)));
  for (const group of [compare, overlays]) group.addEventListener("click", viewPressed);
  return [compare, overlays];
}

function viewPressed(event) {
  const pressed = event.target.closest("button");
  if (!pressed) return;
  const { compare, overlay } = pressed.dataset;
  if (compare) setCompare(compare);
  if (overlay) setOverlay(overlay, !view.overlays.has(overlay));
}
