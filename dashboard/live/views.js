// Which view is shown. The part of the address behind `#` says it, so that every view, host and
// range has a permanent link:
//
//     #VIEW   #VIEW=SUBJECT   #VIEW?NAME=VALUE&…   #VIEW=SUBJECT?NAME=VALUE&…
//
// such as #host=web-7 and #history?from=-1h. No DOM of a view's own here: a view is a module with
// `show(container, state)` and `hide()`; README.md says what it may rely on.

import { el } from "./dom.js";

/** { view, subject, params } of the part behind `#`. What cannot be read is as if it were empty. */
export function parse(hash) {
  const [, view, subject, query] = /^#?([^=?]*)(?:=([^?]*))?(?:\?(.*))?$/s.exec(hash) ?? [];
  return { view: view ?? "", subject: decoded(subject ?? ""), params: new URLSearchParams(query ?? "") };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The same as text, for a link. `params` is whatever URLSearchParams takes; empty values are left
    out. */
export function address(view, subject = "", params = {}) {
  const asked = new URLSearchParams(params);
  for (const [name, value] of [...asked]) if (value === "") asked.delete(name);
  const query = asked.size > 0 ? `?${asked}` : "";
  return `#${view}${subject === "" ? "" : `=${encodeURIComponent(subject)}`}${query}`;
}

export class Views {
  #views;
  #links = new Map();
  #containers = new Map();
  #home;
  #page;
  #shown = null;
  #title = "";

  /** `views`: [{ name, title, module }] in the order of the navigation, the first is where an
      unknown address leads. `page` is handed to each view. */
  constructor({ nav, home, views, page }) {
    [this.#views, this.#home, this.#page] = [views, home, page];
    const items = views.map(({ name, title }) => {
      const link = el("a", { href: address(name) }, title);
      this.#links.set(name, link);
      return el("li", null, link);
    });
    nav.append(el("ul", null, items));
    window.addEventListener("hashchange", () => this.#show());
  }

  /** Shows what the address says. */
  start() {
    this.#show();
  }

  /** The name of the view that is shown. */
  get shown() {
    return this.#shown?.name;
  }

  /** What stands behind the view's name in the window's title. */
  set title(text) {
    this.#title = text;
    this.#entitle();
  }

  /** A second went by: what is shown may look for news. */
  tick() {
    this.#shown?.module.tick?.();
  }

  /** It is time to draw, a few times a second. */
  draw() {
    this.#shown?.module.draw?.();
  }

  #show() {
    const { view, subject, params } = parse(location.hash);
    const next = this.#views.find(({ name }) => name === view) ?? this.#views[0];
    const container = this.#container(next);
    const before = this.#shown;
    if (before && before !== next) {
      this.#container(before).hidden = true;
      before.module.hide();
    }
    this.#shown = next;
    this.#mark(next);
    container.hidden = false;
    next.module.show(container, { subject, params, page: this.#page });
    // A keyboard goes on where the new view begins; the first one is where the page begins anyway.
    if (before && before !== next) container.focus({ preventScroll: true });
    if (before !== next) window.scrollTo(0, 0);
  }

  /** Each view has one for the life of the page; what it put there is still there when it comes
      back. */
  #container({ name, title }) {
    const known = this.#containers.get(name);
    if (known) return known;
    const made = document.getElementById(`view-${name}`) ?? el("section", { id: `view-${name}` });
    made.classList.add("view");
    made.setAttribute("aria-label", title);
    made.tabIndex = -1;
    this.#home.append(made);
    this.#containers.set(name, made);
    return made;
  }

  #mark({ name: shown }) {
    for (const [name, link] of this.#links) {
      if (name === shown) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.#entitle();
  }

  #entitle() {
    const parts = [this.#shown?.title, this.#title, "Tailrace live"];
    document.title = parts.filter(Boolean).join(" · ");
  }
}
