// The console: question, prediction, run. Each step is a file named after it; this one joins them.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const api = Tailrace.api;
  const place = (id) => document.getElementById(id);

  // What is to be run, as `order.rs` reads it; null: nothing was chosen.
  let wanted = null;
  // The newest wish counts: an older plan that comes late is not shown.
  let wishes = 0;

  function trouble(error) {
    place("trouble").hidden = !error;
    place("trouble").textContent = error ? error.message : "";
  }

  async function wish(order) {
    wanted = order;
    const mine = (wishes += 1);
    if (!order) {
      place("plan").hidden = true;
      return;
    }
    try {
      const plan = await api.plan(order);
      if (mine !== wishes) return;
      trouble(null);
      place("predict").replaceChildren(Tailrace.predict.render(plan, Boolean(order.build), start));
      place("plan").hidden = false;
    } catch (error) {
      if (mine === wishes) trouble(error);
    }
  }

  async function start(part) {
    try {
      await api.start({ ...wanted, ...part });
      trouble(null);
      place("run").scrollIntoView();
    } catch (error) {
      trouble(error);
    }
  }

  // Between the lab's questions and arms of one's own.
  function tabs(again) {
    const [asked, built] = [place("by-question"), place("by-building")];
    const show = (building) => {
      asked.setAttribute("aria-pressed", String(!building));
      built.setAttribute("aria-pressed", String(building));
      place("questions").hidden = building;
      place("build").hidden = !building;
      const chosen = document.querySelector("input[name=question]:checked");
      if (building) again();
      else wish(chosen ? { experiment: chosen.value } : null);
    };
    asked.addEventListener("click", () => show(false));
    built.addEventListener("click", () => show(true));
  }

  // The chart's library may not be on this machine; figures are shown all the same.
  function chart() {
    return new Promise((done) => {
      const script = document.createElement("script");
      script.src = "assets/chart.js";
      script.onload = script.onerror = done;
      document.head.append(script);
    });
  }

  async function begin() {
    Tailrace.theme.connect(place("theme"));
    const again = Tailrace.build.render(place("build"), (build) => wish(build && { build }));
    tabs(again);
    try {
      const { experiments } = await api.questions();
      place("questions").replaceChildren(
        Tailrace.choose.render(experiments, (one) => wish({ experiment: one.name })),
      );
    } catch (error) {
      trouble(error);
    }
    await chart();
    const watch = Tailrace.watch.make(place("watch"));
    api.follow(watch.tell, (linked) => trouble(linked ? null : new Error("The console does not answer; trying again …")));
    place("main").removeAttribute("aria-busy");
  }

  begin();
})();
