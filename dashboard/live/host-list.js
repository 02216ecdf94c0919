// Choosing a host: a field that narrows a list of all that were heard of. Enter opens the host of
// that name, or the only one that fits.

import { el, say } from "./dom.js";
import { ago, brief, count, plain } from "./format.js";
import { Table } from "./table.js";
import { address } from "./views.js";

/** Hosts listed: more are found by typing. */
const SHOWN = 50;
/** Names that the field suggests beside another host's view. */
const SUGGESTED = 20;

export class HostList {
  home;
  #field = el("input", {
    id: "host-search", name: "q", type: "search", list: "host-names", autocomplete: "off", spellcheck: "false",
  });
  #names = el("datalist", { id: "host-names" });
  #told = el("p", { class: "hint", role: "status" });
  #table = new Table("Hosts", [["Host", "name"], ["Metrics/s", "number"], ["Batches", "number"], ["Names", "number"], ["Heard", "number"]]);
  #rest;
  #chosen = "";
  #hosts;

  constructor() {
    const label = el("label", { for: "host-search" }, "Find a host");
    const form = el("form", { class: "pick", role: "search" }, label, this.#field, el("button", { type: "submit" }, "Show"), this.#names);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#open();
    });
    this.#field.addEventListener("input", () => this.#narrow());
    this.#rest = el("section", { class: "card long" }, el("h2", null, "Hosts"), this.#told, this.#table.home);
    this.home = el("div", { class: "view" }, form, this.#rest);
  }

  /** `chosen` is the host that is shown instead of the list; `query` what was typed. */
  show(chosen, query, hosts) {
    [this.#chosen, this.#hosts] = [chosen, hosts];
    this.#rest.hidden = chosen !== "";
    this.#field.value = query;
    this.#narrow();
  }

  #narrow() {
    const text = this.#field.value.trim();
    if (this.#chosen === "") history.replaceState(null, "", address("host", "", { q: text }));
    const { found } = this.#hosts.find(text, SUGGESTED);
    this.#names.replaceChildren(...found.map(({ name }) => el("option", { value: name })));
  }

  /** Any name may be asked for: a link to a host that will report is a good link. */
  #open() {
    const text = this.#field.value.trim();
    if (text === "") return (location.hash = address("host"));
    const { found, number } = this.#hosts.find(text, 1);
    const exact = this.#hosts.get(text);
    const name = exact ? text : number === 1 ? found[0].name : "";
    location.hash = name ? address("host", name) : address("host", "", { q: text });
  }

  refresh({ intake: { hosts, fleet }, flow }) {
    if (this.#chosen !== "") return;
    const { found, number, all } = hosts.find(this.#field.value.trim(), SHOWN);
    const cut = number > found.length ? `The first ${count(found.length)} of ${count(number)}; type to find others.` : "";
    say(this.#told, `${count(number)} of ${count(all)} hosts fit. ${cut}`.trim());
    const now = fleet.now();
    this.#table.show(found.map((host) => item(host, now, flow.host_factor)), "No host so far.");
  }
}

function item(host, now, factor) {
  const { ago_ms, silent } = host.silence(now);
  return {
    key: host.name,
    cells: [
      { text: brief(host.name), title: host.name, href: address("host", host.name) },
      plain(host.rate.rate(Math.floor(now / 1000)) * factor),
      count(host.batches),
      count(host.metrics.size),
      { text: silent ? `silent since ${ago(ago_ms)}` : "just now", data: { silent } },
    ],
  };
}
