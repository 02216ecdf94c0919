// A view that follows the clock, for whoever wants it: asks again every few seconds while the view is
// shown.

import { el } from "../dom.js";

/** Between two questions, in seconds: answers about the last minutes are fresh for about so long. */
const EVERY_S = 10;

export class KeepingUp {
  #seconds = 0;
  #ask;
  #box = el("input", { type: "checkbox" });
  /** The box to tick. */
  home = el("label", { class: "keep-up" }, this.#box, ` Ask again every ${EVERY_S} s`);

  constructor(ask) {
    this.#ask = ask;
  }

  /** Whether what is shown ends now, and so can change. */
  offer(may) {
    this.home.hidden = !may;
  }

  /** Somebody asked just now. */
  asked() {
    this.#seconds = 0;
  }

  /** A second has passed. */
  tick() {
    this.#seconds += 1;
    if (this.#box.checked && !this.home.hidden && this.#seconds >= EVERY_S) this.#ask();
  }
}
