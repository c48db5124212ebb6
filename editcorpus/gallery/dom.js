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

/** An element of a drawing. */
function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
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
function geometryText([sourceWidth, sourceHeight, canvasWidth, canvasHeight, x, y, width, height]) {
  const way = `${sourceWidth}×${sourceHeight} on ${canvasWidth}×${canvasHeight}`;
  const whole = width === canvasWidth && height === canvasHeight;
  return whole ? way : `${way}, box ${width}×${height} at ${x},${y}`;
}

function button(text, act, disabled = false) {
  const made = element("button", { type: "button", disabled }, text);
  made.addEventListener("click", act);
  return made;
}
