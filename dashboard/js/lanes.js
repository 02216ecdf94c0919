// The rows that the dot plot and the bars share: arms under their promises, names on the left or,
// where that would leave too little, above. The vertical axis counts pixels from the top.
(function () {
  "use strict";

  const Tailrace = (window.Tailrace = window.Tailrace || {});
  const { css, fit, room } = Tailrace.charts;
  const theme = Tailrace.theme;

  const HEADING = 28;
  const ROW = 40;
  // Room above a row for its name, on narrow charts.
  const NAME = 18;
  // Narrowest and widest room for names on the left.
  const NAMES = [100, 210];
  // Room below the rows for the axis and its title.
  const AXIS = 52;

  // lanes: how many bars an arm has, or high(arm): how high all that it has is, 0 for no row;
  // unnamed: the names stand in the chart beside. An arm without any trial has no row either.
  function layout(model, { narrow, lanes, high, unnamed }) {
    const height = high || (() => (lanes || 1) * 20 + 8);
    const names =
      room(
        model.arms.map(({ slug }) => slug),
        13,
        NAMES,
      ) + 24;
    const found = { narrow, unnamed, names, rows: [], headings: [], height: 0, baseline: model.experiment.baseline };
    for (const { promise, arms } of kept(model, height)) {
      found.headings.push({ top: found.height, text: promise });
      found.height += HEADING;
      for (const arm of arms) {
        const name = narrow ? NAME : 0;
        const own = Math.max(ROW, height(arm));
        const middle = found.height + name + own / 2;
        found.rows.push({
          arm,
          middle,
          top: found.height + name,
          bottom: found.height + name + own,
          name: found.height + name / 2 + 3,
        });
        found.height += name + own;
      }
    }
    found.total = found.height + AXIS;
    return found;
  }

  function kept(model, height) {
    return model.groups
      .map(({ promise, arms }) => ({ promise, arms: arms.filter((arm) => model.ran(arm) && height(arm) > 0) }))
      .filter(({ arms }) => arms.length > 0);
  }

  function layoutOf(rows) {
    // Without room for overhanging points the rows of two charts stay level.
    return { autoPadding: false, padding: padding(rows) };
  }

  function padding(rows) {
    return { left: rows.narrow || rows.unnamed ? 8 : rows.names, right: 14, top: 0, bottom: 0 };
  }

  function scale(rows) {
    return { type: "linear", reverse: true, min: 0, max: rows.height, display: false };
  }

  // Headings and names; `behind` draws between them and the data. A row of which `empty` holds says
  // so, since nothing at all could be taken for zero.
  function plugin(rows, behind, empty) {
    return {
      id: "lanes",
      beforeDatasetsDraw(chart) {
        const context = chart.ctx;
        context.save();
        if (behind) behind(chart, context);
        headings(chart, context, rows);
        if (!rows.unnamed) names(chart, context, rows);
        if (empty) absent(chart, context, rows.rows.filter(empty));
        context.restore();
      },
    };
  }

  function headings(chart, context, rows) {
    const y = chart.scales.y;
    context.textBaseline = "middle";
    context.textAlign = "left";
    for (const { top, text } of rows.headings) {
      const from = y.getPixelForValue(top);
      const to = y.getPixelForValue(top + HEADING - 4);
      context.fillStyle = theme.colour("soft");
      context.fillRect(0, from, chart.width, to - from);
      context.fillStyle = theme.colour("ink");
      context.font = css(12, 600);
      context.fillText(fit(context, text, chart.width - 16), 8, (from + to) / 2);
    }
  }

  function names(chart, context, rows) {
    const y = chart.scales.y;
    const width = rows.narrow ? chart.width - 16 : rows.names - 16;
    context.textBaseline = "middle";
    context.textAlign = "left";
    for (const { arm, middle, name } of rows.rows) {
      const first = arm.slug === rows.baseline;
      const at = y.getPixelForValue(rows.narrow ? name : first ? middle - 7 : middle);
      context.font = css(13, 600);
      context.fillStyle = theme.colour("ink");
      const text = fit(context, arm.slug, width);
      context.fillText(text, 8, at);
      if (!first) continue;
      const beside = rows.narrow ? 16 + context.measureText(text).width : 8;
      context.font = css(11);
      context.fillStyle = theme.colour("muted");
      context.fillText("baseline", beside, rows.narrow ? at : at + 15);
    }
  }

  function absent({ chartArea, scales }, context, rows) {
    context.font = css(11);
    context.fillStyle = theme.colour("muted");
    context.textAlign = "left";
    for (const { middle } of rows)
      context.fillText("not measured under this load", chartArea.left + 8, scales.y.getPixelForValue(middle));
  }

  Tailrace.lanes = { layout, layoutOf, scale, plugin };
})();
