/** The large view of one triplet, with all that is known of it; steps through the current list. */
function detailView(dialog, list) {
  let current = null;

  const step = (by) => {
    const shown = list();
    const at = shown.indexOf(current) + by;
    if (at >= 0 && at < shown.length) show(shown[at]);
  };

  function show(entry) {
    current = entry;
    const shown = list();
    const at = shown.indexOf(entry);
    const bar = element("div", { class: "detail-bar" },
      element("span", { class: "place" }, `${grouped(at + 1)} of ${grouped(shown.length)}`),
      ...viewButtons(overlaysOf(entry)),
      button("Previous", () => step(-1), at <= 0),
      button("Next", () => step(1), at >= shown.length - 1),
      button("Close", () => dialog.close()));
    const focused = dialog.contains(document.activeElement) ? document.activeElement.textContent : "";
    dialog.replaceChildren(bar, comparison(entry, true), facts(entry));
    const again = [...bar.querySelectorAll("button")].find((b) => b.textContent === focused);
    if (again && !again.disabled) again.focus();
    if (!dialog.open) dialog.showModal();
  }

  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  return { show, step, current: () => current };
}

/** What can be laid over this one. */
function overlaysOf(entry) {
  return {
    changes: entry.pictures.mask, grid: isNumber(entry.shift_x), scores: isNumber(entry.score_done),
    border: isNumber(entry.residual_padding),
  };
}

function facts(entry) {
  const title = instruction(entry);
  title.id = "detail-title";
  const table = element("dl", { class: "all" });
  for (const [name, value] of known(entry)) {
    table.append(element("dt", {}, name), element("dd", {}, element("bdi", {}, value)));
  }
  return element("div", { class: "body", tabindex: 0, role: "group", "aria-label": "All that is known" },
    headline(entry), title, original(entry), verdict(entry), scores(entry), table);
}

function known(entry) {
  const shift = [entry.shift_x, entry.shift_y];
  const zoom = [entry.scale_x, entry.scale_y];
  const unsure = entry.registered === false ? " (not to be trusted)" : "";
  const rows = [
    ["Id", entry.id],
    ["Family", entry.family],
    ["Task", [entry.task, entry.subtask].filter(Boolean).join(" / ")],
    ["Instruction is", entry.instruction_type],
    ["Geometry", entry.geometry && geometryText(entry.geometry)],
    ["Changed", isNumber(entry.changed_share) && percent(entry.changed_share)],
    ["Padding left", isNumber(entry.residual_padding) && paddingText(entry)],
    ["Like padding", isNumber(entry.border_fraction) && ofBorder(entry.border_fraction)],
    ["Shift", shift.every(isNumber) && shift.map(signedPercent).join(" · ") + unsure],
    ["Zoom", zoom.every(isNumber) && zoom.map((value) => `×${value.toFixed(4)}`).join(" · ") + unsure],
    ["Registration", entry.registration],
    ["Cut off", entry.lost_share > 0 && percent2(entry.lost_share)],
    ["Doubts", doubtsText(entry)],
    ["Language", entry.language],
    ["Cost", entry.cost_usd !== undefined && dollars(entry.cost_usd)],
    ["Model", entry.model],
    ["Licence", entry.license],
  ];
  return rows.filter(([, value]) => value);
}

const ofBorder = (share) => `${percent2(share)} of the border`;

function paddingText(entry) {
  const share = ofBorder(entry.residual_padding);
  return entry.residual_sides ? `${share}: ${entry.residual_sides}` : share;
}

/** Names between spaces as words between commas. */
const doubtsText = (entry) => (entry.doubts || "").split(" ").join(", ").replaceAll("_", " ");
