// Two runs side by side, by what may be compared: each arm divided by the floor of its own round.
// Times of two runs are never divided by each other here; identical systems drift by more than
// most differences. Whether a difference is one, `tailrace compare` decides.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose, table, scrolling, seal } = Tailrace.dom;
  const format = Tailrace.format;

  // Rates that differ by more are different loads, as in the program.
  const SAME_RATE = 0.01;
  const FIGURES = { p50: "typical (p50)", p99: "slow 1 % (p99)", cpu: "CPU per metric" };

  async function start() {
    const main = document.getElementById("main");
    Tailrace.theme.connect(document.getElementById("theme"));
    try {
      const list = await Tailrace.load.runs();
      const entries = ["a", "b"].map((side) => asked(list, side));
      const runs = [];
      for (const entry of entries) runs.push(await Tailrace.load.run(entry));
      main.replaceChildren(...page(entries, runs));
    } catch (error) {
      main.replaceChildren(
        el("h1", null, "These runs cannot be compared"),
        el("p", { class: "banner alarm", id: "refused" }, error.message),
        el("p", null, el("a", { href: "index.html" }, "All runs")),
      );
    }
    main.removeAttribute("aria-busy");
  }

  // Only runs of the list: the address never says what is loaded.
  function asked(list, side) {
    const name = new URLSearchParams(window.location.search).get(side);
    const entry = list.runs.find((run) => run.place === name || run.name === name);
    if (!entry) throw new Error("The address names no run of this site as “" + side + "”; pick two from the list.");
    if (entry.problem) throw new Error(entry.problem);
    return entry;
  }

  function page(entries, runs) {
    refuse(entries, runs);
    const rows = common(runs);
    if (rows.length === 0)
      throw new Error(
        "These runs have no arm in common under the same load (name, arrivals, rate within " +
          SAME_RATE * 100 +
          " %, and the generator spinning in both or in neither), so there is nothing to compare.",
      );
    document.title = entries[0].name + " against " + entries[1].name + " · Tailrace";
    return [
      el("h1", null, "Two runs, by their ratios to the floor"),
      el(
        "p",
        { class: "lead" },
        "Each figure is how many times the bare echo of its own round an arm took: the machine's drift between runs is taken out as far as it can be. Absolute times of two runs are not divided by each other.",
      ),
      sides(entries, runs),
      el("ul", { class: "reasons" }, differences(runs).map((text) => el("li", null, prose(text)))),
      scrolling("Ratios to the floor", tableOf(entries, rows), "told"),
      el(
        "p",
        null,
        "Ranges are the lowest and the highest round. That two ranges do not touch is a hint; with correction for the number of figures, ",
        el("code", null, "tailrace compare " + entries[0].name + " " + entries[1].name),
        " decides.",
      ),
    ];
  }

  function refuse(entries, runs) {
    runs.forEach((run, index) => {
      if (!run.manifest.experiment.arms.some((arm) => arm.floor))
        throw new Error(
          "“" +
            entries[index].name +
            "” has no floor: runs are compared only by their ratios to the bare echo, because identical systems drift by more than most differences from one run to the next. Race the arms in one run instead.",
        );
    });
    if (entries[0] === entries[1]) throw new Error("That is one run twice; pick two different ones.");
  }

  function sides(entries, runs) {
    return el(
      "ul",
      { class: "sides" },
      entries.map((entry, index) =>
        el(
          "li",
          { class: "card" },
          el("p", { class: "eyebrow" }, (index ? "B · " : "A · ") + format.moment(entry.started_utc)),
          el("h2", null, el("a", { href: "run.html?run=" + encodeURIComponent(entry.place) }, entry.name)),
          el("p", null, prose(entry.question)),
          el(
            "p",
            { class: "small" },
            entry.measurement ? seal(entry.measurement) : null,
            " ",
            entry.audit ? seal(entry.audit) : null,
            " " + format.plural(runs[index].manifest.experiment.rounds, "round"),
          ),
        ),
      ),
    );
  }

  function differences([a, b]) {
    const said = [];
    const say = (differs, text) => differs && said.push(text);
    const { machine: one, build: first } = a.manifest;
    const { machine: other, build: second } = b.manifest;
    say(
      one.cpu !== other.cpu || one.cores !== other.cores,
      "The runs are of different machines: a ratio to the floor carries over only in part.",
    );
    const controls = ({ generator_congestion_control: generator, congestion_control: others }) =>
      generator ? "`" + generator + "` at the generator and `" + others + "` elsewhere" : "not recorded";
    say(
      controls(one) !== controls(other),
      "TCP congestion controls: A " + controls(one) + ", B " + controls(other) + ".",
    );
    say(first.profile !== second.profile, "The runs are of different builds: `" + first.profile + "` and `" + second.profile + "`.");
    say(first.revision !== second.revision, "Revisions: A is `" + first.revision + "`, B is `" + second.revision + "`.");
    say(
      Math.min(a.manifest.experiment.rounds, b.manifest.experiment.rounds) < 6,
      "Fewer than 6 rounds decide nothing: what they show may be chance.",
    );
    return said;
  }

  // Arms of the same name under the same load.
  function common([a, b]) {
    const loads = a.manifest.experiment.loads.filter((load) => {
      const twin = b.manifest.experiment.loads.find((other) => other.slug === load.slug);
      return (
        twin &&
        Boolean(twin.spin) === Boolean(load.spin) &&
        JSON.stringify(twin.arrivals) === JSON.stringify(load.arrivals) &&
        Math.abs(load.rate_per_s / twin.rate_per_s - 1) <= SAME_RATE
      );
    });
    return loads
      .map((load) => ({
        load,
        figures: a.to_floor
          .filter((one) => one.load === load.slug)
          .flatMap((one) => {
            const same = ({ arm, load: of, figure }) => arm === one.arm && of === one.load && figure === one.figure;
            const other = b.to_floor.find(same);
            return other ? [[one, other]] : [];
          }),
      }))
      .filter(({ figures }) => figures.length > 0);
  }

  function tableOf(entries, rows) {
    const heads = ["arm", "figure", "A ÷ its floor", "B ÷ its floor", "what can be seen"];
    const lines = rows.flatMap(({ load, figures }) => [
      { heading: load.label + ": " + format.rate(load.rate_per_s) },
      ...figures.map(([one, other]) => [
        one.arm,
        FIGURES[one.figure] || one.figure,
        ratioOf(one),
        ratioOf(other),
        seen(one, other),
      ]),
    ]);
    return table(heads, lines, entries.map(({ name }) => name).join(" against "));
  }

  function ratioOf({ ratio, why_not: why }) {
    if (!ratio) return el("span", { class: "small" }, why);
    const range = "(" + format.digits(ratio.lowest, 3) + "–" + format.digits(ratio.highest, 3) + ")";
    return [format.digits(ratio.mean, 3) + " ", el("span", { class: "range" }, range)];
  }

  function seen(one, other) {
    if (!one.ratio || !other.ratio) return "nothing to compare";
    const why = one.why_not || other.why_not;
    if (why) return why;
    const apart = one.ratio.highest < other.ratio.lowest || other.ratio.highest < one.ratio.lowest;
    if (!apart) return "the ranges overlap: no difference to be seen";
    const more = other.ratio.mean > one.ratio.mean;
    const times = more ? other.ratio.mean / one.ratio.mean : one.ratio.mean / other.ratio.mean;
    return "B is " + format.digits(times, 3) + " times " + (more ? "more" : "less") + "; the ranges do not touch";
  }

  start();
})();
