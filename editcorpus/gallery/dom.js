"use strict";

/** An element with attributes, and children that are elements or text; never markup. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

const isNumber = (value) => typeof value === "number";
const percent = (value) => `${(100 * value).toFixed(1)}%`;
const signedPercent = (value) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(2)}%`;
const grouped = (value) => value.toLocaleString("en-US");

/** Dollars without trailing zeros beyond the cent. */
function dollars(text) {
  const value = Number(text);
  return `$${value.toFixed(value !== 0 && Math.abs(value) < 1 ? 4 : 2)}`;
}

/** Where the source lay on its canvas, in words. */
function geometryText(geometry) {
  const { source_width, source_height, canvas_width, canvas_height } = geometry;
  const { box_x, box_y, box_width, box_height } = geometry;
  const way = `${source_width}×${source_height} on ${canvas_width}×${canvas_height}`;
  const whole = box_width === canvas_width && box_height === canvas_height;
  return whole ? way : `${way}, box ${box_width}×${box_height} at ${box_x},${box_y}`;
}
