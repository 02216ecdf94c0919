// Who looks: a server with keys shows nothing to strangers. A key is shown once, for a cookie that
// no script can read; the page keeps neither.

import { ask } from "./ask.js";

const PATH = "v1/auth/session";
/** What the page says to whoever it had to be closed for, across the reload that empties it. */
const OVER_KEY = "tailrace-over";
const OVER = "Your session is over: it expired, or its key was revoked. Log in again to go on.";

/** What comes of it is shown here. */
const asked = (options) => ask(PATH, { ...options, quietly: true });

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
    const { ok, status, told } = await asked({});
    if (status === 401) this.#over(this.#roles !== null);
    if (ok) this.#show(told);
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
    const { status, told } = await asked({ method: "POST", headers, body });
    enter.disabled = false;
    this.#login.elements.key.setAttribute("aria-invalid", String(status !== 201));
    if (status !== 201) return this.#fault(`${status || "No answer"}: ${told.title}. ${told.detail}`);
    key.value = "";
    this.#fault("");
    this.#show(told);
    this.#begun();
  }

  async #logOut() {
    const { status, told } = await asked({ method: "DELETE" });
    if (status === 204) this.#over(false);
    else this.#who.querySelector("button").title = told.detail;
  }

  #fault(text) {
    document.getElementById("login-fault").textContent = text;
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

  /** Nobody may look any more. `by_itself`: whoever did has not asked for that. */
  #over(by_itself) {
    if (by_itself) sessionStorage.setItem(OVER_KEY, "1");
    const was_hidden = this.#login.hidden;
    this.#login.hidden = false;
    this.#who.hidden = true;
    if (was_hidden) this.#login.elements.key.focus();
    this.#roles = null;
    this.#ended();
  }

  /** Says why a login is asked for again, once. */
  explain() {
    if (sessionStorage.getItem(OVER_KEY) !== null) this.#fault(OVER);
    sessionStorage.removeItem(OVER_KEY);
  }
}
