/** Keys of the whole page, and the table that tells them. */
function listenToKeys(acts, help) {
  const named = new Map(acts.flatMap(([keys, , act]) => keys.map((key) => [key, act])));
  const off = help.querySelector("#keys-off");
  fillHelp(help, acts);
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (typing(target)) {
      if (key === "Escape") target.blur();
      return;
    }
    if (off.checked && key !== "?" && key.length === 1) return;
    if (key === "Enter" && !target.matches("article")) return;
    if (key.startsWith("Arrow") && !target.matches("dialog, dialog .body, dialog button")) return;
    const act = named.get(key);
    if (!act || (help.open && key !== "?")) return;
    event.preventDefault();
    act();
  });
}

const KEYCAPS = { ArrowLeft: "←", ArrowRight: "→" };

const typing = (node) => node.matches("input:not([type=range], [type=radio], [type=checkbox]), select, textarea");

function fillHelp(help, acts) {
  const table = help.querySelector("dl");
  for (const [keys, words] of acts) {
    const shown = keys.map((key) => element("kbd", {}, KEYCAPS[key] || key));
    table.append(element("dt", {}, ...shown), element("dd", {}, words));
  }
}
