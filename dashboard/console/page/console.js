// The console: question, prediction, run; or a scenario of high load. Each step is a file named
// after it; this one joins them.
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

  async function play(scenario, phase_s) {
    try {
      await api.play(scenario, phase_s);
      trouble(null);
      place("run").scrollIntoView();
    } catch (error) {
      trouble(error);
    }
  }

  // What each tab shows, and what is wished for when it is chosen.
  const TABS = {
    "by-question": "questions",
    "by-building": "build",
    "by-scenario": "demo",
  };

  // Between the lab's questions, arms of one's own, and scenarios. `again` wishes for the arms that
  // are built, once there is something to build of.
  function tabs(again) {
    const show = (chosen) => {
      for (const [tab, panel] of Object.entries(TABS)) {
        place(tab).setAttribute("aria-pressed", String(tab === chosen));
        place(panel).hidden = tab !== chosen;
      }
      const question = document.querySelector("input[name=question]:checked");
      if (chosen === "by-building") again();
      else wish(chosen === "by-question" && question ? { experiment: question.value } : null);
    };
    for (const tab of Object.keys(TABS)) place(tab).addEventListener("click", () => show(tab));
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

  // Fills the panels. What cannot be asked is told, and the rest works all the same.
  async function fill() {
    let again = () => wish(null);
    let scenarios = [];
    tabs(() => again());
    const questions = async () => {
      const known = await api.questions();
      place("questions").replaceChildren(
        Tailrace.choose.render(known.experiments, (one) => wish({ experiment: one.name })),
      );
      again = Tailrace.build.render(place("build"), known, (build) => wish(build && { build }));
    };
    const demos = async () => {
      scenarios = await api.demos();
      place("demo").replaceChildren(...Tailrace.demo.render(scenarios, play));
    };
    const asked = await Promise.allSettled([questions(), demos()]);
    const failed = asked.find((one) => one.status === "rejected");
    if (failed) trouble(failed.reason);
    return () => scenarios;
  }

  // A scenario's series and sentences must be known before its first line is shown.
  async function begin() {
    Tailrace.theme.connect(place("theme"));
    const [scenarios] = await Promise.all([fill(), chart()]);
    const watches = {
      run: Tailrace.watch.make(place("watch")),
      demo: Tailrace.demo.make(place("watch"), scenarios),
    };
    const tell = (news) => (watches[news.stand.kind] || watches.run).tell(news);
    api.follow(tell, (linked) => trouble(linked ? null : new Error("The console does not answer; trying again …")));
    place("main").removeAttribute("aria-busy");
  }

  begin();
})();
