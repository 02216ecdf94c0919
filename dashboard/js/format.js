// Figures for people, as on the terminal and in the report (render/src/format.rs): as many digits
// as can be read, always with their unit.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const NOTHING = "–";
  const THIN_SPACE = "\u202f";

  function grouped(whole) {
    return String(whole).replace(/\B(?=(\d{3})+(?!\d))/g, THIN_SPACE);
  }

  function digits(value, significant) {
    if (value === null || value === undefined || !Number.isFinite(value)) return NOTHING;
    if (value === 0) return "0";
    const rounded = Number(value.toPrecision(significant));
    const magnitude = Math.floor(Math.log10(Math.abs(rounded)));
    const decimals = Math.min(Math.max(significant - 1 - magnitude, 0), 6);
    if (decimals === 0) {
      // Digits beyond the significant ones are kept: a rate of 45 116 is not 45 100.
      const whole = Math.round(value);
      return whole < 0 ? "-" + grouped(-whole) : grouped(whole);
    }
    return rounded.toFixed(decimals);
  }

  // Milliseconds below a second, else seconds.
  function latency(ns, significant) {
    if (ns === null || ns === undefined) return NOTHING;
    const figure = significant || 3;
    if (ns >= 999.5e6) return digits(ns / 1e9, figure) + " s";
    return (ns < 100 ? "0" : digits(ns / 1e6, figure)) + " ms";
  }

  function count(value) {
    return value === null || value === undefined ? NOTHING : grouped(Math.round(value));
  }

  function rate(per_s) {
    return (per_s >= 10 ? grouped(Math.round(per_s)) : digits(per_s, 2)) + "/s";
  }

  function micros(us) {
    return us === null || us === undefined ? NOTHING : digits(us, 3) + " µs";
  }

  function bytes(value) {
    return value === null || value === undefined ? NOTHING : digits(value, value >= 10 ? 3 : 2) + " B";
  }

  function memory(value) {
    if (value === null || value === undefined) return NOTHING;
    const steps = [
      [2 ** 30, "GiB"],
      [2 ** 20, "MiB"],
      [2 ** 10, "KiB"],
    ];
    const step = steps.find(([size]) => value >= size);
    return step ? digits(value / step[0], 2) + " " + step[1] : value + " B";
  }

  // Rounds down, so that 100 % means all of it.
  function share(part, whole) {
    if (!whole) return NOTHING;
    const hundredths = Math.floor((part / whole) * 10000 + 1e-9);
    const rest = hundredths % 100;
    return Math.floor(hundredths / 100) + (rest ? "." + String(rest).padStart(2, "0") : "") + " %";
  }

  function ratio(ratio) {
    if (!ratio) return NOTHING;
    const mean = "×" + digits(ratio.mean, 2);
    if (ratio.rounds < 2) return mean;
    const side = ratio.same_direction < ratio.rounds ? ", no clear side" : "";
    return mean + " (" + digits(ratio.lowest, 2) + "–" + digits(ratio.highest, 2) + side + ")";
  }

  // "50 %", "99 %", "99.99 %".
  function percentile(q) {
    return String(Number((q * 100).toFixed(6))) + " %";
  }

  // "21 November 2026, 04:02 UTC" in the reader's words.
  function moment(utc) {
    const date = new Date(utc);
    if (Number.isNaN(date.getTime())) return String(utc);
    const options = { dateStyle: "long", timeStyle: "short", timeZone: "UTC" };
    return new Intl.DateTimeFormat("en-GB", options).format(date) + " UTC";
  }

  function plural(number, noun) {
    return grouped(number) + " " + noun + (number === 1 ? "" : "s");
  }

  Tailrace.format = {
    NOTHING,
    digits,
    latency,
    count,
    rate,
    micros,
    bytes,
    memory,
    share,
    ratio,
    percentile,
    moment,
    plural,
  };
})();
