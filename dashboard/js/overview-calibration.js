// Calibrations in the overview, the newest first, and the one that is nearest to a run: how far the
// instrument itself is off.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, details } = Tailrace.dom;
  const format = Tailrace.format;

  // Those that stand open; the others are unfolded on demand.
  const SHOWN = 3;

  const address = (one) => "calibration.html?run=" + encodeURIComponent(one.place);

  function section(all) {
    if (all.length === 0) return null;
    const list = (some) => el("ol", { class: "attempts" }, some.map(item));
    return el(
      "section",
      { id: "calibrations", "aria-labelledby": "calibrations-title" },
      el("h2", { id: "calibrations-title" }, "Calibrations: how far the instrument is off"),
      el(
        "p",
        { class: "lead" },
        "Before one believes a tool, one measures the tool: the generator against servers whose every answer is known beforehand, and other tools on the same servers.",
      ),
      el(
        "div",
        { class: "card" },
        list(all.slice(0, SHOWN)),
        all.length > SHOWN
          ? details(format.plural(all.length - SHOWN, "earlier calibration"), () => list(all.slice(SHOWN)))
          : null,
      ),
    );
  }

  function item(one) {
    if (one.problem) return el("li", null, el("h3", null, one.name), el("p", { class: "small" }, "Cannot be shown: " + one.problem));
    return el(
      "li",
      null,
      el("p", { class: "what" }, el("a", { href: address(one) }, format.moment(one.started_utc)), el("span", { class: "small" }, kind(one))),
      el(
        "dl",
        { class: "strip" },
        facts(one).map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, value))),
      ),
    );
  }

  function kind(one) {
    const parts = [
      one.cells ? format.plural(one.cells, "trial") + " against theory" : null,
      one.ping_pongs.length ? "open loop beside a ping-pong" : null,
    ];
    return parts.filter(Boolean).join("; ") || "nothing was measured before it was stopped";
  }

  function facts(one) {
    const { machine } = one;
    return [
      ...(one.cells ? [["percentiles and counts", counts(one.tally)]] : []),
      ...(one.ping_pongs.length ? [["ping-pong", one.ping_pongs.map(({ protocol, verdict }) => protocol + ": " + Tailrace.verdicts.of(verdict).word).join(", ")]] : []),
      ["beside it", one.peers.length ? one.peers.join(", ") : "no other tool"],
      ["machine", machine.cpu + (machine.virtualization ? ", " + machine.virtualization : "")],
      ["build", one.debug_build ? "debug build: no figures" : one.revision],
      ["calibration", one.name],
    ];
  }

  // "44 within, 6 beyond, 40 not judged"; an INVALID trial is told, too.
  function counts(tally) {
    const { passed, failed, invalid_trials: invalid, ...open } = tally;
    const unjudged = Object.values(open).reduce((total, number) => total + number, 0);
    return [
      format.count(passed) + " within",
      format.count(failed) + " beyond",
      format.count(unjudged) + " not judged",
      invalid ? format.plural(invalid, "trial") + " INVALID" : null,
    ]
      .filter(Boolean)
      .join(", ");
  }

  // What a reader of a run is told: the newest of the same machine, else the newest of all.
  function nearest(list, machine) {
    const readable = list.calibrations.filter((one) => !one.problem && one.cells > 0 && !one.debug_build);
    const same = readable.find(({ machine: other }) => ["cpu", "cores", "kernel"].every((part) => other[part] === machine[part]));
    const one = same || readable[0];
    if (!one) return null;
    return el(
      "p",
      { id: "how-far" },
      "How far is this instrument itself off? ",
      el("a", { href: address(one) }, "The newest calibration" + (same ? " of this machine" : "")),
      ", of " + format.moment(one.started_utc) + ": " + counts(one.tally) + (same ? "." : "; it ran on another machine."),
    );
  }

  Tailrace.overviewCalibration = { section, counts, nearest };
})();
