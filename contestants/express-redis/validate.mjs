// Whether a body is a batch: the rules of Tailrace's own door, so that both sides check the same.
// It answers with the first mistake only, and keeps numbers as JSON.parse reads them.

const METRICS_MAX = 1_000;
const NAME_BYTES_MAX = 256;
const ATTRIBUTES_MAX = 32;
const KEY_BYTES_MAX = 128;
const TEXT_BYTES_MAX = 1_024;
const PRODUCER_BYTES_MAX = 64;
// The end of the year 2099: larger times are nearly always microseconds by mistake.
const TIME_MS_MAX = 4_102_444_799_999;

// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Reads `{producer, seq, metrics}`, an array of metrics, or one metric.
 * @returns {{producer?: string, seq?: number, metrics: object[]} | {pointer: string, detail: string}}
 */
export function readBatch(body) {
  if (Array.isArray(body)) return checked({ metrics: body }, "");
  if (body === null || typeof body !== "object") return wrong("", "is neither a metric nor a batch");
  if (!("metrics" in body)) {
    const fault = metricFault(body, "");
    return fault ?? { metrics: [body] };
  }
  for (const key of Object.keys(body)) {
    if (key !== "producer" && key !== "seq" && key !== "metrics") return wrong(`/${key}`, "is no field of a batch");
  }
  const { producer, seq, metrics } = body;
  if (producer !== undefined && !isName(producer, PRODUCER_BYTES_MAX)) {
    return wrong("/producer", `must be a text of 1 to ${PRODUCER_BYTES_MAX} bytes`);
  }
  if (seq !== undefined && !(Number.isSafeInteger(seq) && seq >= 0)) {
    return wrong("/seq", "must be a whole number from 0");
  }
  if (!Array.isArray(metrics)) return wrong("/metrics", "must be an array");
  return checked({ producer, seq, metrics }, "/metrics");
}

function checked(batch, pointer) {
  const { metrics } = batch;
  if (metrics.length < 1 || metrics.length > METRICS_MAX) {
    return wrong(pointer, `holds ${metrics.length} metrics; 1 to ${METRICS_MAX} are allowed`);
  }
  for (let index = 0; index < metrics.length; index += 1) {
    const fault = metricFault(metrics[index], `${pointer}/${index}`);
    if (fault) return fault;
  }
  return batch;
}

function metricFault(metric, pointer) {
  if (metric === null || typeof metric !== "object" || Array.isArray(metric)) {
    return wrong(pointer, "must be a metric");
  }
  for (const key in metric) {
    if (key !== "name" && key !== "value" && key !== "time" && key !== "attributes") {
      return wrong(`${pointer}/${key}`, "is no field of a metric");
    }
  }
  const { name, value, time, attributes } = metric;
  if (!isName(name, NAME_BYTES_MAX)) {
    return wrong(`${pointer}/name`, `must be a text of 1 to ${NAME_BYTES_MAX} bytes without control characters`);
  }
  if (!Number.isFinite(value)) return wrong(`${pointer}/value`, "must be a finite number");
  if (time !== undefined && !(Number.isSafeInteger(time) && time >= 0 && time <= TIME_MS_MAX)) {
    return wrong(`${pointer}/time`, "must be whole milliseconds since 1970");
  }
  return attributes === undefined ? undefined : attributesFault(attributes, `${pointer}/attributes`);
}

function attributesFault(attributes, pointer) {
  if (attributes === null || typeof attributes !== "object" || Array.isArray(attributes)) {
    return wrong(pointer, "must be an object");
  }
  const keys = Object.keys(attributes);
  if (keys.length > ATTRIBUTES_MAX) return wrong(pointer, `holds more than ${ATTRIBUTES_MAX} attributes`);
  for (const key of keys) {
    if (!isName(key, KEY_BYTES_MAX)) return wrong(pointer, `has a key that is not 1 to ${KEY_BYTES_MAX} bytes`);
    const value = attributes[key];
    const fits =
      typeof value === "string" ? isShort(value, TEXT_BYTES_MAX) : typeof value === "boolean" || Number.isFinite(value);
    if (!fits) return wrong(`${pointer}/${key}`, `must be a text up to ${TEXT_BYTES_MAX} bytes, a number, true or false`);
  }
  return undefined;
}

function isName(text, bytesMax) {
  return typeof text === "string" && text.length > 0 && isShort(text, bytesMax) && !CONTROL.test(text);
}

/** A UTF-16 unit becomes at most three bytes: only long texts are measured. */
function isShort(text, bytesMax) {
  return text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax;
}

function wrong(pointer, detail) {
  return { pointer, detail };
}
