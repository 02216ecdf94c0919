// Parts of both views' forms: labelled fields, suggestions, filters by attribute, and what happens
// when somebody chooses.

import { el, say } from "../dom.js";
import { attributePairs } from "./link.js";

/** Suggestions of one field at most. */
const SUGGESTED = 200;

let labels = 0;

/** A control with its name above it, and its fault below it where it has one. */
export function labelled(text, control, { hint, fault } = {}) {
  // Not within the label: a list would count all its options to its name.
  control.id = `field-${(labels += 1)}`;
  const name = el("label", { for: control.id }, text);
  const small = hint ? el("span", { class: "small" }, ` ${hint}`) : null;
  if (fault) control.setAttribute("aria-describedby", fault.id);
  return el("div", { class: "field" }, el("span", null, name, small), control, fault ?? null);
}

export function choices(name, pairs) {
  return el("select", { name }, pairs.map(([value, text]) => el("option", { value }, text)));
}

/** A text field with suggestions: { input, list, suggest(texts) }. */
export function suggested(prefix, name, more = {}) {
  const list = el("datalist", { id: `${prefix}-${name}-list` });
  const input = el("input", { name, list: list.id, autocomplete: "off", spellcheck: "false", ...more });
  const suggest = (texts) => {
    const known = [...new Set(texts)].slice(0, SUGGESTED).sort();
    list.replaceChildren(...known.map((value) => el("option", { value })));
  };
  return { input, list, suggest };
}

/** Filters by attribute: { nodes, show(attributes), read(), suggest(rows) }; `read` answers
    { attributes }, or { fault } and shows it. */
export function attributeFilters(prefix) {
  const [host, user] = ["host", "user"].map((name) => suggested(prefix, name));
  const fault = el("span", { class: "fault", id: `${prefix}-others-fault`, role: "alert" });
  const others = el("textarea", { name: "others", rows: 2, spellcheck: "false", placeholder: "key=value" });
  const nodes = [
    labelled("Host", host.input), host.list, labelled("User", user.input), user.list,
    labelled("Attributes", others, { fault }),
  ];
  const read = () => {
    const attributes = { host: host.input.value, user: user.input.value, others: others.value };
    const bad = attributePairs(attributes).fault;
    say(fault, bad ? `${bad}.` : "");
    others.setAttribute("aria-invalid", String(Boolean(bad)));
    if (bad) others.focus();
    return bad ? { fault: bad } : { attributes };
  };
  const show = (attributes) => {
    [host.input.value, user.input.value, others.value] = [attributes.host, attributes.user, attributes.others];
    say(fault, "");
    others.removeAttribute("aria-invalid");
  };
  const suggest = (rows) => {
    const all = (key) => rows.map(({ attributes }) => attributes[key]).filter((value) => value !== undefined);
    host.suggest(all("host"));
    user.suggest(all("user"));
  };
  return { nodes, show, read, suggest };
}

/** A form whose lists take effect at once, and whose texts do with Enter or its button. */
export function choosing(form, chosen) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    chosen();
  });
  form.addEventListener("change", ({ target }) => {
    if (target.tagName === "SELECT" && target.value !== "custom") form.requestSubmit();
  });
}
