// The form that sends one metric. Nothing is checked here on purpose: the server's own answer,
// field by field, is what the form is there to show.

/** Answers of the server below the field that they are about, by JSON pointer. */
const FIELDS = { "/name": "name", "/value": "value", "/attributes/host": "host" };

/** Connects the form. */
export function sendForm(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    form.elements.send.disabled = true;
    clear(form);
    show(form, await post(body(form)));
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

async function post(text) {
  try {
    const headers = { "content-type": "application/json" };
    const answer = await fetch("v1/ingest", { method: "POST", headers, body: text });
    return { status: answer.status, told: await answer.json() };
  } catch {
    return { status: 0, told: { title: "The server did not answer", detail: "is it still running?" } };
  }
}

function clear(form) {
  for (const name of Object.values(FIELDS)) {
    form.elements[name].removeAttribute("aria-invalid");
    document.getElementById(`${name}-fault`).textContent = "";
  }
}

function show(form, { status, told }) {
  const answer = document.getElementById("send-answer");
  answer.className = status === 202 ? "good" : "bad";
  if (status === 202) {
    answer.textContent = `202: accepted ${told.accepted} metric`;
    return;
  }
  const [fields, rest] = [told.fields ?? [], []];
  for (const { pointer, detail } of fields) {
    const name = FIELDS[pointer];
    if (!name) rest.push(`${pointer || "body"}: ${detail}`);
    else fault(form, name, detail);
  }
  const lines = [`${status || "No answer"}: ${told.title}`, told.detail, ...rest];
  answer.textContent = lines.filter(Boolean).join(" · ");
}

function fault(form, name, detail) {
  form.elements[name].setAttribute("aria-invalid", "true");
  document.getElementById(`${name}-fault`).textContent = detail;
}
