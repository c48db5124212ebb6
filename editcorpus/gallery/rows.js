/** The triplets: some lie in the page, the others in parts beside it that are read one by one. */
const GRACE_MS = 5000;
const ROLES = ["source", "edited", "mask", "source_small", "edited_small"];
const SEARCHED = ["id", "instruction", "instruction_original", "task", "subtask", "family", "step",
  "reason", "detail", "doubts", "registration", "language", "model", "license"];

const summary = JSON.parse(document.getElementById("triplets").textContent);
const entries = [];
const texts = new Map();
const missing = [];

function take({ names, rows }) {
  for (const row of rows) {
    const entry = {};
    names.forEach((name, place) => { if (row[place] !== null) entry[name] = row[place]; });
    entry.pictures = {};
    for (const role of ROLES) {
      if (entry[role]) entry.pictures[role] = `pictures/${entry.stem}-${role}-${entry[role]}`;
    }
    entry.sentence = summary.sentences[entry.reason];
    entries.push(entry);
    texts.set(entry, searchText(entry));
  }
}

function searchText(entry) {
  const found = SEARCHED.map((name) => entry[name] || "");
  return [...found, entry.sentence || ""].join("\n").toLowerCase();
}

/** Read all parts in their order; `done` is called after each, of those that cannot be read as well. */
function readParts(done) {
  const left = [...summary.parts];
  const next = () => {
    if (!left.length) return;
    const path = left.shift();
    readPart(path, (text) => {
      if (text === null) missing.push(path);
      else take(JSON.parse(text));
      done(left.length);
      next();
    });
  };
  next();
}

/** Hand over the text of a part; null where it has not come when its frame has long been loaded. */
function readPart(path, give) {
  const frame = element("iframe", {
    sandbox: "allow-scripts", hidden: true, tabindex: -1, title: "A part of the triplets", src: path,
  });
  let [text, loaded, waiting] = [null, false, null];
  const end = () => {
    clearTimeout(waiting);
    window.removeEventListener("message", heard);
    frame.remove();
    give(text);
  };
  const heard = (event) => {
    if (event.source !== frame.contentWindow || typeof event.data !== "string") return;
    text = event.data;
    if (loaded) end();
  };
  frame.addEventListener("load", () => {
    loaded = true;
    waiting = setTimeout(end, text === null ? GRACE_MS : 0);
  });
  window.addEventListener("message", heard);
  document.body.append(frame);
}
