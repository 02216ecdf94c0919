// A list of bars: what it is, its figure in text, and its share of the longest as a length.

import { el } from "../dom.js";

/** Colours of the bars: the first of the theme's, which stand out from any background. */
const COLOURS = 4;

/** An item of a list of class `bars`. `label` is an element or text, `figure` text, `share` 0 to 1,
    `i` its place. */
export function bar({ label, title, figure, share }, i) {
  const filled = el("span", { class: "bar" });
  filled.style.setProperty("--share", `${100 * share}%`);
  filled.style.setProperty("--bar", `var(--series-${1 + (i % COLOURS)})`);
  return el("li", null, el("span", { class: "label", title }, label), el("span", { class: "figure" }, figure), filled);
}
