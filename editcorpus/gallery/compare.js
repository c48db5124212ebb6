/** Source and edited picture as `view` says: with a line to drag, side by side, or in turn. */
function comparison(entry, large) {
  const { source, edited } = chosenPictures(entry, large);
  const frame = element("div", { class: "frame" });
  const stage = element("div", { class: "stage" }, frame);
  if (!source && !edited) {
    const why = entry.step ? `: ${entry.verdict} at ${entry.step}` : "";
    frame.append(element("p", { class: "nothing" }, `No picture${why}`));
    return stage;
  }
  if (entry.geometry) setRatio(frame, entry.geometry[0], entry.geometry[1]);
  const layer = element("div", { class: "overlays", "aria-hidden": "true" });
  const foot = element("div", { class: "foot-of-stage", "aria-hidden": "true" });
  if (source) frame.append(pane("source", source, `Source of ${entry.id}`, large, frame));
  if (edited) frame.append(pane("edited", edited, `Edited image of ${entry.id}`, large, frame));
  frame.lastElementChild.append(layer);
  if (source && edited) frame.append(...slider(frame, entry));
  else frame.classList.add("single");
  stage.append(foot);
  const fill = () => fillOverlays(layer, foot, entry, !large);
  stage.addEventListener("overlays", fill);
  if (view.overlays.size) fill();
  return stage;
}

/** The small pictures in the list, where there are some. */
function chosenPictures(entry, large) {
  const { pictures } = entry;
  const chosen = (role) => (large ? pictures[role] : pictures[`${role}_small`] || pictures[role]);
  return { source: chosen("source"), edited: chosen("edited") };
}

function setRatio(frame, width, height) {
  frame.style.setProperty("--ratio", width / height);
}

function pane(side, path, alt, large, frame) {
  const image = picture(path, alt, side, !large);
  image.addEventListener("load", () => setRatio(frame, image.naturalWidth, image.naturalHeight));
  image.addEventListener("error", () => frame.classList.add("broken"));
  return element("div", { class: `pane ${side}` }, image,
    element("span", { class: "tag", "aria-hidden": "true" }, side));
}

/** A picture; a lazy one waits for `loadPictures` before it asks for anything. */
function picture(path, alt, kind, lazy) {
  const made = element("img", { class: kind, alt, decoding: "async", draggable: "false" });
  made.loading = lazy ? "lazy" : "eager";
  if (lazy && kind !== "mask") made.dataset.src = path;
  else made.src = path;
  return made;
}

function loadPictures(root) {
  for (const image of root.querySelectorAll("img[data-src]")) {
    image.src = image.dataset.src;
    delete image.dataset.src;
  }
}

function slider(frame, entry) {
  const input = element("input", {
    class: "slider", type: "range", min: 0, max: 100, step: 1, value: 50,
    "aria-label": `Compare source and edited image of ${entry.id}`,
  });
  const update = () => {
    frame.style.setProperty("--cut", `${input.value}%`);
    input.setAttribute("aria-valuetext", `${input.value}% source, ${100 - input.value}% edited`);
    frame.classList.toggle("all-edited", input.value < 18);
    frame.classList.toggle("all-source", input.value > 82);
  };
  input.addEventListener("input", update);
  update();
  return [element("span", { class: "handle", "aria-hidden": "true" }), input];
}
