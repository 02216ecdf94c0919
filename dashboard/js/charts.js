// A chart with everything around it: a title, what to look for, a drawing that follows the
// reader's choice and the theme, and the table behind it for whoever cannot see it. Where
// Chart.js is missing, the plots of the run's folder stand in.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { el, details } = Tailrace.dom;
  const theme = Tailrace.theme;
  // Below this width of a chart its labels move above what they name.
  const NARROW = 560;
  // From here on pictures stand side by side, as in css/pages.css.
  const wide = window.matchMedia("(min-width: 68rem)");
  // Paper has more dots than a screen.
  const PRINTED_RATIO = 3;
  // Between redraws while a window is being resized.
  const RESIZE_PAUSE_MS = 120;

  // spec: { id, title, look (what to look for), key (legend, text or elements), plots (names of
  // the SVGs that stand in), label(state), draw(state, { narrow, wide }) → { height, config } or
  // { note }, table(state), zoom (whether a reader may look closer along x) }. Returns the figure.
  function figure(page, spec) {
    const canvasPlace = el("div", { class: "chart" });
    const note = el("p", { class: "small note", hidden: true });
    const behind = el("div", { class: "behind" });
    const make = el(
      "figure",
      { class: "picture", id: spec.id },
      title(spec.id, spec.title),
      el("figcaption", null, el("strong", null, "What to look for: "), spec.look, spec.zoom ? Tailrace.zoom.HOW : null),
      spec.key ? el("p", { class: "key" }, spec.key) : null,
      page.charts ? [canvasPlace, note] : fallback(page, spec),
      behind,
    );
    let chart = null;
    let shape = "";

    function redraw() {
      if (page.charts) show(page.chosen.state);
      const open = behind.querySelector("details[open]") !== null;
      const table = details("The same as a table", () => spec.table(page.chosen.state));
      table.open = open;
      behind.replaceChildren(table);
    }

    function show(state) {
      if (chart) chart.destroy();
      chart = null;
      canvasPlace.hidden = false;
      shape = shapeOf(canvasPlace);
      const drawing = spec.draw(state, { narrow: canvasPlace.clientWidth < NARROW, wide: isWide() });
      note.hidden = !drawing.note;
      note.textContent = drawing.note || "";
      canvasPlace.hidden = !drawing.config;
      if (!drawing.config) return;
      const canvas = el("canvas", {
        role: "img",
        "aria-label": spec.label(state) + " The same figures stand in the table below.",
      });
      canvasPlace.style.height = drawing.height + "px";
      canvasPlace.replaceChildren(canvas);
      chart = new window.Chart(canvas, drawing.config);
      if (spec.zoom) Tailrace.zoom.attach(chart, canvasPlace);
    }

    page.redraws.push(redraw);
    page.resizes.push(() => {
      if (page.charts && shapeOf(canvasPlace) !== shape) redraw();
    });
    return make;
  }

  // A heading, with the address at which this picture stands under the present choice.
  function title(id, text) {
    return el("h3", { class: "titled" }, text, Tailrace.links.to(id, text));
  }

  // On paper everything stands one below the other.
  const isWide = () => wide.matches && !Tailrace.print.now();

  function shapeOf(place) {
    return (place.clientWidth < NARROW) + "/" + isWide();
  }

  // The plots that were drawn when the run was made; they do not follow the reader's choice.
  function fallback(page, spec) {
    const found = spec.plots.filter((name) => page.files.includes("plots/" + name + ".svg"));
    if (found.length === 0)
      return el("p", { class: "small" }, "This picture needs Chart.js, which is not here; the table has its figures.");
    return found.map((name) =>
      el("img", {
        class: "plot",
        src: page.href("plots/" + name + ".svg"),
        alt: spec.title + ", as drawn when the run was made",
        loading: "lazy",
      }),
    );
  }

  // Draws all figures now, on every change of choice and theme, and when labels must move.
  function connect(page) {
    const all = () => page.redraws.forEach((redraw) => redraw());
    page.chosen.subscribe(all);
    theme.onChange(all);
    let pause = null;
    window.addEventListener("resize", () => {
      clearTimeout(pause);
      pause = setTimeout(() => page.resizes.forEach((resize) => resize()), RESIZE_PAUSE_MS);
    });
  }

  // What all charts share; parts of `more` come on top.
  function options(more) {
    return {
      responsive: true,
      ...(Tailrace.print.now() ? { devicePixelRatio: PRINTED_RATIO } : {}),
      maintainAspectRatio: false,
      animation: false,
      parsing: false,
      normalized: true,
      interaction: { mode: "nearest", intersect: true },
      ...more,
      plugins: { legend: { display: false }, tooltip: tooltip(), ...(more.plugins || {}) },
    };
  }

  // Points carry what is to be said of them as `text`.
  function tooltip() {
    return {
      displayColors: false,
      filter: (item) => Boolean(item.raw && item.raw.text),
      backgroundColor: theme.colour("ink"),
      titleColor: theme.colour("page"),
      bodyColor: theme.colour("page"),
      padding: 10,
      callbacks: { title: () => "", label: (item) => item.raw.text },
    };
  }

  function font(size, weight) {
    return { family: getComputedStyle(document.body).fontFamily, size, weight: weight || "normal" };
  }

  function css(size, weight) {
    const { family } = font(size);
    return (weight || "normal") + " " + size + "px " + family;
  }

  // A logarithmic axis of milliseconds around the values, with ticks at 1, 2 and 5.
  function logMs(values, more) {
    const positive = values.filter((value) => value > 0);
    const low = below(positive.length ? Math.min(...positive) : 0.01);
    const high = Math.max(above(positive.length ? Math.max(...positive) : 1), low * 5);
    return {
      ...axis(more.title),
      type: "logarithmic",
      min: low,
      max: high,
      ...more.scale,
      afterBuildTicks: (scale) => {
        scale.ticks = steps(low, high, more.dense).map((value) => ({ value }));
      },
      ticks: { ...axis().ticks, callback: (value) => ms(value), ...more.ticks },
    };
  }

  function axis(title) {
    return {
      grid: { color: theme.colour("grid"), tickColor: theme.colour("line") },
      border: { color: theme.colour("line") },
      ticks: { color: theme.colour("muted"), font: font(12), maxRotation: 0, autoSkipPadding: 12 },
      title: { display: Boolean(title), text: title, color: theme.colour("muted"), font: font(12) },
    };
  }

  function below(value) {
    return stepAround(value, (step) => step <= value, -1);
  }

  function above(value) {
    return stepAround(value, (step) => step >= value, 1);
  }

  // The nearest 1, 2 or 5 of a power of ten on one side.
  function stepAround(value, fits, side) {
    const power = 10 ** Math.floor(Math.log10(value));
    const around = [0.1, 0.2, 0.5, 1, 2, 5, 10].map((factor) => Number((factor * power).toPrecision(6))).filter(fits);
    return side < 0 ? around[around.length - 1] : around[0];
  }

  // With many decades, only powers of ten.
  function steps(low, high, dense) {
    const decades = Math.log10(high / low);
    const factors = decades > (dense ? 4 : 2.2) ? [1] : [1, 2, 5];
    const found = [];
    for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
      for (const factor of factors) {
        const step = Number((factor * power).toPrecision(6));
        if (step >= low * 0.999 && step <= high * 1.001) found.push(step);
      }
    }
    return found;
  }

  function ms(value) {
    return value >= 1000
      ? String(Number((value / 1000).toPrecision(6))) + " s"
      : String(Number(value.toPrecision(6))) + " ms";
  }

  // Text that must not be wider. What is left out is in the middle: names differ at their ends.
  function fit(context, text, width) {
    let short = text;
    for (let kept = text.length; kept > 1 && context.measureText(short).width > width; kept -= 1) {
      short = text.slice(0, Math.ceil(kept / 2)) + "…" + text.slice(text.length - Math.floor(kept / 2));
    }
    return short;
  }

  // Room for the longest of the names, within limits.
  function room(names, size, [least, most]) {
    const context = document.createElement("canvas").getContext("2d");
    context.font = css(size, 600);
    const widest = Math.max(...names.map((name) => context.measureText(name).width));
    return Math.min(Math.max(Math.ceil(widest), least), most);
  }

  Tailrace.charts = { figure, title, connect, options, font, css, axis, logMs, fit, room, ms };
})();
