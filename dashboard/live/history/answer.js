// The answer to a question of history: a chart, bars where there is one bucket for the whole range,
// and the same figures as a table, for whoever reads better than sees.

import { cell, el, fill, row, say, table } from "../dom.js";
import { brief, count, plain, valueOf } from "../format.js";
import { bar } from "./bars.js";
import { historyChart } from "./chart.js";
import { moment } from "./range.js";
import { figureName, seriesOf } from "./series.js";

/** Rows of the table; more are for a file. */
const TABLE_ROWS = 1_000;
const CUT = "Where the first or last bucket reaches beyond the range, it holds only the range’s part.";
/** Bars of a whole range. */
const BARS = 30;

/** { home, show(asked, answer), clear() }. */
export function chartOf(theme) {
  const chart = historyChart(theme);
  const bars = el("ul", { class: "bars" });
  const empty = el("p", { class: "hint empty" });
  const more = el("p", { class: "hint" });
  const rows = el("div");
  const details = el("details", null, el("summary", null, "As a table"), rows);
  const part = { chart, bars, empty, more, rows, details, fill: null };
  // Long tables are made when somebody wants to see them.
  details.addEventListener("toggle", () => details.open && part.fill?.());
  return {
    home: el("div", { class: "history-answer" }, chart.home, bars, empty, more, details),
    show: (asked, answer) => show(part, asked, answer),
    clear: () => nothing(part, ""),
  };
}

function nothing({ chart, bars, empty, more, details }, text) {
  for (const one of [chart.home, bars, details]) one.hidden = true;
  say(more, "");
  say(empty, text);
}

function show(part, asked, answer) {
  if (answer.rows.length === 0) return nothing(part, "Nothing in this range passes these filters.");
  const figures = told(asked.values.split(","), answer.rows[0]);
  const format = formatOf(asked, figures);
  const found = { asked, answer, figures, format };
  const whole = answer.bucket_ms === null;
  say(part.empty, "");
  [part.chart.home.hidden, part.bars.hidden, part.details.hidden] = [whole, !whole, false];
  if (whole) showBars(part, found);
  else showLines(part, found);
  part.fill = () => showTable(part, found);
  if (part.details.open) part.fill();
}

/** Figures that the answer has: one that is coarser than asked for lacks percentiles, and has means. */
function told(figures, row) {
  const known = figures.filter((figure) => figure in row);
  return known.length > 0 ? known : ["avg"];
}

function formatOf({ name }, figures) {
  return (value) => (figures[0] === "count" ? plain(value) : valueOf(name, value));
}

function showLines({ chart, more }, { asked, answer, figures, format }) {
  const { series, left_out } = seriesOf(answer, figures, asked.group_by !== "");
  const begin = Math.min(...series.map(({ points }) => points[0].x));
  const from_ms = answer.range.from_ms > 0 ? answer.range.from_ms : begin;
  const label = `${asked.name}, ${figures.map(figureName).join(", ")}: ${words(series, format)}`;
  chart.draw({ series, from_ms: Math.min(from_ms, begin), to_ms: answer.range.to_ms, zone: asked.zone, format, label });
  const hidden = `${count(left_out)} more lines are not drawn; the table and the file have them. `;
  say(more, `${left_out > 0 ? hidden : ""}${isCut(answer, figures) ? CUT : ""}`);
}

/** Whether buckets reach beyond the range: what is summed in those is only the range's part. */
function isCut({ range: { from_ms, to_ms }, bucket_ms }, figures) {
  const sums = figures.includes("count") || figures.includes("sum");
  return sums && (from_ms % bucket_ms !== 0 || to_ms % bucket_ms !== 0);
}

function words(series, format) {
  const values = series.flatMap(({ points }) => points.map(({ y }) => y)).filter((y) => y !== null);
  const [low, high] = values.reduce(([a, b], y) => [Math.min(a, y), Math.max(b, y)], [Infinity, -Infinity]);
  return `${series.length === 1 ? "one line" : `${series.length} lines`} from ${format(low)} to ${format(high)}`;
}

function showBars({ bars, more }, { asked, answer, figures, format }) {
  const [figure] = figures;
  const rows = answer.rows.toSorted((a, b) => b[figure] - a[figure]);
  const most = Math.max(...rows.map((one) => Math.abs(one[figure])), Number.MIN_VALUE);
  bars.replaceChildren(...rows.slice(0, BARS).map((one, i) => {
    const name = asked.group_by === "" ? figureName(figure) : groupName(one);
    const text = figures.map((each) => (figures.length > 1 ? `${figureName(each)} ${format(one[each])}` : format(one[each])));
    return bar({ label: brief(name), title: name, figure: text.join(" · "), share: Math.abs(one[figure]) / most }, i);
  }));
  const hidden = rows.length - BARS;
  say(more, hidden > 0 ? `${count(hidden)} more are not drawn; the table and the file have them.` : "");
}

const groupName = ({ group }) => group ?? "without it";

function showTable({ rows: home }, { asked, answer, figures, format }) {
  const grouped = asked.group_by !== "";
  const columns = figures.includes("count") ? figures : [...figures, "count"];
  const heads = ["From", ...(grouped ? [asked.group_by] : []), ...columns.map((figure) => [figureName(figure), "number"])];
  const made = table("Figures of the chart", heads);
  const lines = answer.rows.slice(0, TABLE_ROWS).map((one) => row(
    cell(moment(one.start, asked.zone), "time"),
    grouped ? cell(brief(groupName(one)), "name", groupName(one)) : [],
    columns.map((figure) => cell(figure === "count" ? count(one.count) : format(one[figure]), "number")),
  ));
  fill(made.body, lines, made.columns, "");
  const hidden = answer.rows.length - lines.length;
  home.replaceChildren(made.home, ...(hidden > 0 ? [el("p", { class: "hint" }, `${count(hidden)} more rows are in the file.`)] : []));
}
