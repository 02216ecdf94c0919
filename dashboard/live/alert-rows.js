// Spikes and alerts as rows of a table: those that this page found, and those that the server found.
// Both say metric, host, value, what is usual there, and how far it is above that.

import { brief, clock, count, otherDay, plain, valueOf } from "./format.js";
import { Table } from "./table.js";
import { address } from "./views.js";

/** Beyond it a score only says that the host was perfectly steady before. */
const SCORE_SHOWN = 999;

export function alertTable(label) {
  return new Table(label, [["Time", "time"], ["Host, metric", "name"], ["Value, usually", "number"], ["Deviations", "number"]]);
}

function cells(at, { name, host, hosts, value, usual, score }) {
  const others = hosts > 1 ? hosts - 1 : 0;
  return [
    at,
    named(name, host, others),
    { text: valueOf(name, value), small: valueOf(name, usual) },
    { text: score > SCORE_SHOWN ? `> ${SCORE_SHOWN}\u00a0×` : `${plain(score)}\u00a0×` },
  ];
}

/** The host leads to its view; the metric stands below it. */
function named(name, host, others) {
  const text = brief(host) + (others > 0 ? ` +${count(others)}` : "");
  const title = host + (others > 0 ? ` and ${count(others)} more, of which it was the worst` : "");
  return { text, title, href: address("host", host), small: brief(name), small_title: name };
}

/** Rows of this page's spikes (alerts.js). */
export function spikeItems(rows) {
  return rows.map((row) => ({
    key: row.key, cells: cells(received(row.second), { ...row.worst, name: row.name, hosts: row.hosts }),
  }));
}

/** Rows of single spikes, of one host. */
export function singleItems(spikes) {
  return spikes.map((spike) => ({
    key: `${spike.second} ${spike.name} ${spike.score}`,
    cells: cells(received(spike.second), { ...spike, hosts: 1 }),
  }));
}

/** Rows of the server's alerts (detector.js). Their time is the metric's own, if it brought one. */
export function alertItems(rows) {
  return rows.map((row) => ({ key: row.key, cells: cells(told(row.time_ms), row) }));
}

const received = (second) => ({ text: clock(second * 1000) });
const told = (ms) => ({ text: clock(ms), small: otherDay(ms) });
