// Printing the page of a run: charts are pixels, so they are drawn anew for the paper, in light
// colours, at its width, and as fine as a printer shows; afterwards as they were. The rest is the
// print rules of css/pages.css.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const root = document.documentElement;

  function connect(page) {
    const redraw = () => page.redraws.forEach((one) => one());
    window.addEventListener("beforeprint", () => {
      root.classList.add("printing");
      Tailrace.theme.force("light");
      redraw();
    });
    window.addEventListener("afterprint", () => {
      root.classList.remove("printing");
      Tailrace.theme.force(null);
      redraw();
    });
  }

  const now = () => root.classList.contains("printing");

  Tailrace.print = { connect, now };
})();
