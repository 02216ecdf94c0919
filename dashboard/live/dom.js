// Making elements. What comes from metrics, stores or addresses is only ever set as text: nothing
// here takes markup, so a host called `<img onerror=…>` is shown as it is.

/** el("p", { class: "small" }, "text", child, …): strings become text, null is left out. A function
    is what happens at an event: el("button", { type: "button", onclick: send }, "Send"). */
export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** Sets text only when it changed, so that screen readers are not told twice. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A table that scrolls by itself; a keyboard reaches it. `heads` are texts, or [text, class]. */
export function table(label, heads) {
  const head = heads.map((one) => {
    const [text, kind] = [one].flat();
    return el("th", { scope: "col", class: kind }, text);
  });
  const body = el("tbody");
  const rows = el("table", null, el("thead", null, el("tr", null, head)), body);
  const home = el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, rows);
  return { home, body, columns: heads.length };
}

export function cell(content, kind, title) {
  const is_cut = title !== undefined && title !== content;
  return el("td", { class: kind, title: is_cut ? title : null }, content);
}

export function row(...cells) {
  return el("tr", null, cells);
}

/** Rows, or one that says why there are none. */
export function fill(body, rows, columns, empty) {
  const only = () => row(el("td", { class: "empty", colspan: columns }, empty));
  body.replaceChildren(...(rows.length > 0 ? rows : [only()]));
}
