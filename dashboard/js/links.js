// Permanent links: every section and picture has an address that holds the reader's choice as well,
// so that what one person sees can be shown to another. The choice and the place share what follows
// `#`: `load=high&latency=ack&at=spectrum`. A plain `#spectrum` names the place alone.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el } = Tailrace.dom;

  // A sign that leads to the place; `text` is what stands there.
  function to(id, text) {
    return el("a", { class: "anchor", "data-at": id, "aria-label": "Link to “" + text + "” as it is shown now" }, "#");
  }

  // The place in the address, if it is one of this page.
  function place() {
    const hash = window.location.hash.slice(1);
    const named = hash.includes("=") ? new URLSearchParams(hash).get("at") : decoded(hash);
    return named ? document.getElementById(named) : null;
  }

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return "";
    }
  }

  // Keeps the addresses of all links true, and goes where the address says.
  function connect(page) {
    const { chosen } = page;
    chosen.subscribe(() => {
      for (const link of document.querySelectorAll("a[data-at]")) {
        const parts = chosen.parts();
        parts.set("at", link.dataset.at);
        link.href = "#" + parts;
      }
    });
    window.addEventListener("hashchange", () => {
      chosen.restore();
      go();
    });
    go();
  }

  // A keyboard goes on from there.
  function go() {
    const target = place();
    if (!target) return;
    if (!target.hasAttribute("tabindex")) target.setAttribute("tabindex", "-1");
    target.focus({ preventScroll: true });
    target.scrollIntoView();
  }

  Tailrace.links = { to, connect };
})();
