// What would change this answer, and how to ask again: read from the records, so that nobody has
// to find out by arguing.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, prose } = Tailrace.dom;
  const format = Tailrace.format;

  // From here on an interval instead of lowest–highest (statistics.rs, ROUNDS_MIN).
  const DECIDING_ROUNDS = 6;

  function section(model) {
    const run = model.run.manifest.run;
    return el(
      "div",
      null,
      el(
        "ul",
        { class: "reasons" },
        doubts(model).map((text) => el("li", null, prose(text))),
      ),
      el("h3", null, "Ask again"),
      el("pre", { tabindex: "0", id: "replay" }, commands(model, run).join("\n")),
    );
  }

  function doubts(model) {
    const { manifest, trials, summary } = model.run;
    const { experiment, machine, placement } = manifest;
    const said = [];
    const say = (holds, text) => holds && said.push(text);
    const of = (verdict) => trials.filter((trial) => trial.measurement === verdict).length;
    say(
      model.rounds.length < DECIDING_ROUNDS,
      "More rounds: " + format.plural(model.rounds.length, "round") + " show a direction and decide nothing. With " + DECIDING_ROUNDS + " there are intervals.",
    );
    say(of("INVALID"), "A calmer machine: " + of("INVALID") + " of " + format.plural(trials.length, "trial") + " were INVALID and are in no figure.");
    say(of("SUSPECT"), "A better instrument: " + of("SUSPECT") + " of " + format.plural(trials.length, "trial") + " are SUSPECT; the seals below say why.");
    const near = summary.rows.filter((row) => row.machine_not_pipeline && !row.floor);
    say(
      near.length,
      "A faster machine or a heavier load: " + near.length + " of " + summary.rows.length + " rows are within twice the bare echo, where the machine shows, not the pipeline.",
    );
    const close = (summary.answer ? summary.answer.comparisons : []).filter((one) => one.ratio && one.ratio.same_direction < one.ratio.rounds);
    say(
      close.length,
      "Chance: the rounds disagree about the direction for " + close.map((one) => "`" + one.arm + "`").join(", ") + ".",
    );
    say(!model.floor, "A floor: without the bare echo nobody can tell the machine from the pipelines, and no other run can stand beside this one.");
    say(placement.shared, "Cores of their own: generator and server shared theirs.");
    say(machine.virtualization, "Hardware of its own, without neighbours: this was a " + machine.virtualization + ".");
    say(
      experiment.arms.every((arm) => !arm.link),
      "A network: everything ran on the loopback, without distance or loss.",
    );
    say(manifest.build.profile === "debug", "A release build: this was a debug build, whose figures are none.");
    return said;
  }

  function commands(model, run) {
    const known = model.rounds.length < DECIDING_ROUNDS && model.experiment.source;
    return [
      "tailrace replay " + run + "    # again, and whether it came out the same",
      ...(known ? ["tailrace run " + model.experiment.name + " --rounds " + DECIDING_ROUNDS + "    # enough rounds for intervals"] : []),
    ];
  }

  Tailrace.doubts = { section };
})();
