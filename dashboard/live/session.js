// Who looks: a server with keys shows nothing to strangers. A key is shown once, for a cookie that
// no script can read; the page keeps neither.

const PATH = "v1/auth/session";
/** An answer that takes longer is none, in milliseconds. */
const PATIENCE_MS = 5_000;

/** The server's answer: { status, told }; status 0 when there is none. */
async function ask(options) {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(PATH, { cache: "no-store", signal, ...options });
    const told = answer.status === 204 ? {} : await answer.json();
    return { status: answer.status, told };
  } catch {
    return { status: 0, told: { title: "The server did not answer", detail: "is it running?" } };
  }
}

export class Session {
  #login;
  #who;
  #begun;
  #ended;
  /** Not known before the server has said it. */
  #roles = null;

  /** `begun` is called when there is somebody who may look, `ended` when there is nobody. */
  constructor({ login, who, begun, ended }) {
    [this.#login, this.#who, this.#begun, this.#ended] = [login, who, begun, ended];
    login.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#logIn();
    });
    who.querySelector("button").addEventListener("click", () => this.#logOut());
  }

  /** Looks who is there. A server that does not answer is the feed's business. */
  async look() {
    const { status, told } = await ask({});
    if (status === 401) this.#over();
    else this.#show(told);
    return status !== 401;
  }

  /** Whether whoever looks may do that; on a server without keys everybody may everything. */
  may(role) {
    return this.#roles?.includes(role) ?? true;
  }

  async #logIn() {
    const { key, enter } = this.#login.elements;
    enter.disabled = true;
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ key: key.value.trim() });
    const { status, told } = await ask({ method: "POST", headers, body });
    enter.disabled = false;
    if (status !== 201) return this.#fault(`${status || "No answer"}: ${told.title}. ${told.detail}`);
    key.value = "";
    this.#fault("");
    this.#show(told);
    this.#begun();
  }

  async #logOut() {
    const { status, told } = await ask({ method: "DELETE" });
    if (status === 204) this.#over();
    else this.#who.querySelector("button").title = told.detail;
  }

  #fault(text) {
    document.getElementById("login-fault").textContent = text;
    this.#login.elements.key.setAttribute("aria-invalid", String(text !== ""));
  }

  #show(told) {
    this.#login.hidden = true;
    // A server without keys has nobody to name, and one that is silent names nobody.
    this.#who.hidden = !told.keys;
    this.#roles = told.roles ?? this.#roles;
    if (!told.keys) return;
    this.#who.querySelector("b").textContent = told.tenant;
    this.#who.title = `Key ${told.key}: ${told.roles.join(", ")}. Logged in until ${told.expires}`;
  }

  #over() {
    const was_hidden = this.#login.hidden;
    this.#login.hidden = false;
    this.#who.hidden = true;
    if (was_hidden) this.#login.elements.key.focus();
    this.#ended();
  }
}
