/** The large view of one triplet, with all that is known of it; steps through the current list. */
function detailView(dialog, list, changesShown) {
  let current = null;

  const step = (by) => {
    const entries = list();
    const at = entries.indexOf(current) + by;
    if (at >= 0 && at < entries.length) show(entries[at]);
  };

  function show(entry) {
    current = entry;
    const entries = list();
    const at = entries.indexOf(entry);
    const { stage, showChanges } = comparison(entry, false);
    const bar = element("div", { class: "detail-bar" },
      element("span", { class: "place" }, `${grouped(at + 1)} of ${grouped(entries.length)}`),
      button("Previous", () => step(-1), at <= 0),
      button("Next", () => step(1), at >= entries.length - 1),
      changesButton(showChanges, changesShown()),
      button("Close", () => dialog.close(), false));
    const focused = dialog.contains(document.activeElement) ? document.activeElement.textContent : "";
    dialog.replaceChildren(bar, stage, facts(entry));
    const again = [...bar.querySelectorAll("button")].find((b) => b.textContent === focused);
    if (again && !again.disabled) again.focus();
    if (!dialog.open) dialog.showModal();
  }

  dialog.addEventListener("keydown", (event) => {
    if (event.key === "j") step(1);
    if (event.key === "k") step(-1);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  return show;
}

function button(text, act, disabled) {
  const made = element("button", { type: "button", disabled }, text);
  made.addEventListener("click", act);
  return made;
}

function facts(entry) {
  const title = instruction(entry);
  title.id = "detail-title";
  const table = element("dl", { class: "all" });
  for (const [name, value] of known(entry)) {
    table.append(element("dt", {}, name), element("dd", {}, value));
  }
  return element("div", { class: "body" },
    headline(entry), title, original(entry), verdict(entry), scores(entry), table);
}

function known(entry) {
  const shift = [entry.shift_x, entry.shift_y];
  const zoom = [entry.scale_x, entry.scale_y];
  const rows = [
    ["Id", entry.id],
    ["Instruction is", entry.instruction_type],
    ["Geometry", entry.geometry && geometryText(entry.geometry)],
    ["Changed", isNumber(entry.changed_share) && percent(entry.changed_share)],
    ["Padding left", isNumber(entry.border_fraction) && percent(entry.border_fraction)],
    ["Shift", shift.every(isNumber) && shift.map(signedPercent).join(" · ")],
    ["Zoom", zoom.every(isNumber) && zoom.map((value) => `×${value.toFixed(4)}`).join(" · ")],
    ["Cost", entry.cost_usd !== undefined && dollars(entry.cost_usd)],
    ["Model", entry.model],
    ["Licence", entry.license],
  ];
  return rows.filter(([, value]) => value);
}
