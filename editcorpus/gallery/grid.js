/** Cards at their places on a long page: only those near the window are in the document. */
const GAP = 16;
const LEAST_WIDTH = 320;
const BODY_HEIGHT = 300;
const SETTLED_MS = 120;

function cardGrid(root, make, settled) {
  const live = new Map();
  let list = [];
  let room = 0;
  let columns = 1;
  let pitch = 1;
  let anchor = 0;
  let last = -Infinity;
  let asked = 0;
  let timer = null;

  /** Sizes of the cards, from the room that there is. */
  function measure() {
    room = root.clientWidth;
    columns = Math.max(1, Math.floor((room + GAP) / (LEAST_WIDTH + GAP)));
    const width = (room - GAP * (columns - 1)) / columns;
    pitch = Math.round(width * 0.75) + BODY_HEIGHT + GAP;
    root.dataset.columns = columns;
    root.style.setProperty("--card-width", `${width}px`);
    root.style.setProperty("--card-height", `${pitch - GAP}px`);
    const rows = Math.ceil(list.length / columns);
    root.style.height = rows ? `${rows * pitch - GAP}px` : "";
  }

  const above = () => -root.getBoundingClientRect().top;
  const firstSeen = () => Math.max(0, Math.floor((above() + covered() + GAP) / pitch)) * columns;

  /** Height at the top of the window that the toolbar takes, and a little room below it. */
  function covered() {
    const bar = document.querySelector(".toolbar");
    return 12 + (getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0);
  }

  /** Indices of the cards in the window, and a row more at either side. */
  function wanted() {
    const first = Math.max(0, Math.floor(above() / pitch) - 1);
    const end = Math.ceil((above() + window.innerHeight) / pitch) + 1;
    return [first * columns, Math.max(0, Math.min(list.length, end * columns))];
  }

  /** Bring the document up to date; cards that stay are not touched, and the focused one stays. */
  function draw() {
    const [start, end] = wanted();
    const shown = list.slice(start, end).map((entry, at) => [entry, start + at]);
    const held = [...live].find(([, node]) => node.contains(document.activeElement));
    const at = held ? list.indexOf(held[0]) : -1;
    if (at >= 0 && at < start) shown.unshift([held[0], at]);
    if (at >= end) shown.push([held[0], at]);
    const kept = new Set(shown.map(([entry]) => entry));
    for (const [entry, node] of live) {
      if (!kept.has(entry)) {
        node.remove();
        live.delete(entry);
      }
    }
    let next = root.firstElementChild;
    for (const [entry, index] of shown) {
      const node = live.get(entry) || make(entry);
      live.set(entry, node);
      put(node, index);
      if (node === next) next = next.nextElementSibling;
      else root.insertBefore(node, next);
    }
    anchor = firstSeen();
    hurry();
  }

  function put(node, index) {
    node.style.setProperty("--column", index % columns);
    node.style.setProperty("--y", `${Math.floor(index / columns) * pitch}px`);
    node.setAttribute("aria-posinset", index + 1);
    node.setAttribute("aria-setsize", list.length);
  }

  /** Ask for pictures: at once while the page moves slowly, else when it has come to rest. */
  function hurry() {
    const top = window.scrollY;
    const slow = Math.abs(top - last) < window.innerHeight || last === -Infinity;
    last = top;
    if (slow) loadPictures(root);
    clearTimeout(timer);
    timer = setTimeout(() => { loadPictures(root); settled(); }, SETTLED_MS);
  }

  function scrolled() {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(draw);
  }

  /** Show another list, from its start or from where the page is. */
  function show(made, fromStart) {
    list = made;
    measure();
    if (fromStart) toStart();
    last = -Infinity;
    draw();
  }

  function toStart() {
    const top = window.scrollY - above() - covered() - 48;
    if (window.scrollY > top) window.scrollTo(0, Math.max(0, top));
  }

  /** Move the page so that a card is in the window; gives its element. */
  function reveal(index, toTop) {
    const top = window.scrollY - above() + Math.floor(index / columns) * pitch - covered();
    const lowest = top + covered() + pitch - window.innerHeight;
    if (toTop || window.scrollY > top || lowest > top) window.scrollTo(0, top);
    else if (window.scrollY < lowest) window.scrollTo(0, lowest);
    draw();
    return live.get(list[index]);
  }

  function resized() {
    if (root.clientWidth === room) return;
    const seen = anchor;
    measure();
    if (seen) reveal(seen, true);
    else draw();
  }

  window.addEventListener("scroll", scrolled, { passive: true });
  new ResizeObserver(resized).observe(root);
  return { show, reveal, firstSeen };
}
