// Making elements. Text of results is only ever set as text: nothing here takes markup, so a name
// such as `<img onerror=…>` is shown as it is.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});

  // el("p", { class: "small", id: "x" }, "text", child, …): strings become text, null is left out.
  function el(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      element.setAttribute(name, value === true ? "" : String(value));
    }
    add(element, children);
    return element;
  }

  function add(element, children) {
    for (const child of children.flat(Infinity)) {
      if (child !== null && child !== undefined) element.append(child);
    }
    return element;
  }

  // A sentence of the records: what stands between backticks becomes code, if they are paired.
  function prose(text) {
    const parts = String(text).split("`");
    if (parts.length % 2 === 0) return [text];
    return parts.map((part, index) => (index % 2 ? el("code", null, part) : part));
  }

  // A coloured word; colour never stands alone for its meaning.
  function seal(verdict) {
    const words = { NOT_AUDITED: "not audited", cannot_tell: "cannot tell" };
    return el("span", { class: "seal " + verdict }, words[verdict] || verdict);
  }

  // A wide table scrolls by itself; a keyboard reaches it. `more`: another class, such as "dense".
  function scrolling(label, table, more) {
    return el("div", { class: more ? "scroll " + more : "scroll", role: "region", "aria-label": label, tabindex: "0" }, table);
  }

  // heads: texts; rows: arrays of cells (texts, elements, or arrays of them), the first of which
  // names the row. A row may be { heading: text } instead.
  function table(heads, rows, caption) {
    const body = rows.map((row) =>
      row.heading !== undefined
        ? el("tr", { class: "group" }, el("th", { colspan: heads.length, scope: "colgroup" }, row.heading))
        : el("tr", { class: row.class }, row.cells ? cells(row.cells) : cells(row)),
    );
    const head = el(
      "tr",
      null,
      heads.map((text) => el("th", { scope: "col" }, text)),
    );
    const title = caption ? el("caption", { class: "unseen" }, caption) : null;
    return el("table", null, title, el("thead", null, head), el("tbody", null, body));
  }

  function cells(row) {
    return row.map((cell, index) => (index ? el("td", null, cell) : el("th", { scope: "row" }, cell)));
  }

  // Content that is made when it is first opened: tables behind charts can be long.
  function details(summary, make, attributes) {
    const element = el("details", attributes, el("summary", null, summary));
    const fill = () => {
      if (!element.open) return;
      element.removeEventListener("toggle", fill);
      add(element, [make()]);
    };
    element.addEventListener("toggle", fill);
    return element;
  }

  Tailrace.dom = { el, add, prose, seal, scrolling, table, details };
})();
