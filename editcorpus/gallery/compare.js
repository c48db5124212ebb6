/** Source and edited picture over each other, with a line to drag, and the mask of what changed. */
function comparison(entry, lazy) {
  const { source, edited, mask } = entry.pictures;
  const frame = element("div", { class: "frame" });
  const stage = element("div", { class: "stage" }, frame);
  if (!source && !edited) {
    frame.append(element("p", { class: "nothing" }, "No picture"));
    return { stage, showChanges: null };
  }
  setRatio(frame, entry);
  if (source) frame.append(picture(source, `Source of ${entry.id}`, "source", lazy, frame));
  if (edited) frame.append(picture(edited, `Edited image of ${entry.id}`, "edited", lazy, frame));
  const both = Boolean(source && edited);
  const overlay = mask ? picture(mask, "", "mask", lazy, null) : null;
  if (overlay) {
    overlay.hidden = true;
    frame.append(overlay);
  }
  frame.append(label("source", source && "source"), label("edited", edited && "edited"));
  if (both) frame.append(...slider(frame, entry));
  else frame.classList.add("single");
  const showChanges = overlay && ((on) => { overlay.hidden = !on; });
  return { stage, showChanges };
}

function setRatio(frame, entry) {
  const known = entry.geometry;
  if (known) frame.style.setProperty("--ratio", known.source_width / known.source_height);
}

function picture(path, alt, kind, lazy, frame) {
  const made = element("img", { class: kind, alt, decoding: "async", draggable: "false" });
  made.loading = lazy ? "lazy" : "eager";
  if (frame) {
    made.addEventListener("load", () => {
      frame.style.setProperty("--ratio", made.naturalWidth / made.naturalHeight);
    });
    made.addEventListener("error", () => frame.classList.add("broken"));
  }
  made.src = path;
  return made;
}

function label(side, text) {
  return text ? element("span", { class: `tag ${side}`, "aria-hidden": "true" }, text) : "";
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
