// The form that sends one metric. Nothing is checked here on purpose: the server's own answer,
// field by field, is what the form is there to show. history/generator.js shows it the same way.

import { ask } from "./ask.js";

/** Controls that answers of the server are about, by JSON pointer. */
const FIELDS = { "/name": "name", "/value": "value", "/attributes/host": "host" };

/** Connects the form. */
export function sendForm(form) {
  const output = document.getElementById("send-answer");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    form.elements.send.disabled = true;
    const options = { method: "POST", headers: { "content-type": "application/json" }, body: body(form) };
    const given = await ask("v1/ingest", options);
    showAnswer(form, output, (pointer) => FIELDS[pointer], given, `202: accepted ${given.told.accepted} metric`);
    form.elements.send.disabled = false;
  });
}

/** What is sent. A value that is no number goes out as the text that it is. */
export function body(form) {
  const { name, value, host } = form.elements;
  const text = value.value.trim();
  const number = text !== "" && Number.isFinite(Number(text));
  const metric = { name: name.value, value: number ? Number(text) : text };
  if (host.value !== "") metric.attributes = { host: host.value };
  return JSON.stringify(metric);
}

/** Shows an answer of the ingest door: `good` where it was acknowledged; else what is wrong at each
    control that `nameOf` knows by its JSON pointer, and the rest below the form. What a control is
    described by is where its fault stands. */
export function showAnswer(form, output, nameOf, { status, told }, good) {
  for (const control of form.elements) if (control.hasAttribute("aria-describedby")) fault(control, "");
  output.className = status === 202 ? "good" : "bad";
  if (status === 202) {
    output.textContent = good;
    return;
  }
  const rest = [];
  for (const { pointer, detail } of told.fields ?? []) {
    const control = form.elements[nameOf(pointer) ?? ""];
    if (control) fault(control, detail);
    else rest.push(`${pointer || "body"}: ${detail}`);
  }
  const lines = [`${status || "No answer"}: ${told.title}`, told.detail, ...rest];
  output.textContent = lines.filter(Boolean).join(" · ");
}

function fault(control, text) {
  if (text === "") control.removeAttribute("aria-invalid");
  else control.setAttribute("aria-invalid", "true");
  document.getElementById(control.getAttribute("aria-describedby")).textContent = text;
}
