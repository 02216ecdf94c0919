//! Batch to `MessagePack`. Every item takes the shortest form that holds it, so that the same
//! batch is always the same bytes; values are floats of 64 bits, as they are in memory.

use crate::{AttributeValue, Metric, Producer};

/// What stands before the array of metrics. Nothing stands behind it.
pub(in crate::codec) fn write_head(producer: &Producer, seq: u64, out: &mut Vec<u8>) {
    map(3, out);
    text("producer", out);
    text(&producer.0, out);
    text("seq", out);
    whole(seq, out);
    text("metrics", out);
}

/// The array of metrics.
pub(in crate::codec) fn write_metrics(metrics: &[Metric], out: &mut Vec<u8>) {
    many(metrics.len(), 0x90, 0xdc, out);
    for each in metrics {
        metric(each, out);
    }
}

fn metric(metric: &Metric, out: &mut Vec<u8>) {
    let Metric { name, value, time_ms, attributes } = metric;
    map(2 + usize::from(time_ms.is_some()) + usize::from(!attributes.is_empty()), out);
    text("name", out);
    text(name, out);
    text("value", out);
    float(*value, out);
    if let Some(time) = time_ms {
        text("time", out);
        whole(*time, out);
    }
    if !attributes.is_empty() {
        text("attributes", out);
        map(attributes.len(), out);
        for (key, value) in attributes {
            text(key, out);
            attribute(value, out);
        }
    }
}

fn attribute(value: &AttributeValue, out: &mut Vec<u8>) {
    match value {
        AttributeValue::Text(value) => text(value, out),
        AttributeValue::Flag(flag) => out.push(0xc2 + u8::from(*flag)),
        AttributeValue::Number(value) => match (value.as_u64(), value.as_i64()) {
            (Some(number), _) => whole(number, out),
            (None, Some(number)) => negative(number, out),
            // Every number that is not whole is a float here.
            (None, None) => float(value.as_f64().unwrap_or_default(), out),
        },
    }
}

fn float(value: f64, out: &mut Vec<u8>) {
    out.push(0xcb);
    out.extend_from_slice(&value.to_be_bytes());
}

fn whole(number: u64, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    match number {
        0..=0x7f => out.push(bytes[7]),
        0x80..=0xff => marked(0xcc, &bytes[7..], out),
        0x100..=0xffff => marked(0xcd, &bytes[6..], out),
        0x1_0000..=0xffff_ffff => marked(0xce, &bytes[4..], out),
        _ => marked(0xcf, &bytes, out),
    }
}

/// A number below zero.
fn negative(number: i64, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    if number >= -0x20 {
        out.push(bytes[7]);
    } else if i8::try_from(number).is_ok() {
        marked(0xd0, &bytes[7..], out);
    } else if i16::try_from(number).is_ok() {
        marked(0xd1, &bytes[6..], out);
    } else if i32::try_from(number).is_ok() {
        marked(0xd2, &bytes[4..], out);
    } else {
        marked(0xd3, &bytes, out);
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    let length = text.len();
    match length {
        0..=0x1f => out.push(0xa0 | length as u8),
        0x20..=0xff => marked(0xd9, &[length as u8], out),
        0x100..=0xffff => marked(0xda, &(length as u16).to_be_bytes(), out),
        _ => marked(0xdb, &(length as u32).to_be_bytes(), out),
    }
    out.extend_from_slice(text.as_bytes());
}

fn map(length: usize, out: &mut Vec<u8>) {
    many(length, 0x80, 0xde, out);
}

/// The head of a map or an array: up to 15 elements in one byte, else with a count of its own.
fn many(length: usize, short: u8, long: u8, out: &mut Vec<u8>) {
    match length {
        0..=0x0f => out.push(short | length as u8),
        0x10..=0xffff => marked(long, &(length as u16).to_be_bytes(), out),
        _ => marked(long + 1, &(length as u32).to_be_bytes(), out),
    }
}

fn marked(marker: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(marker);
    out.extend_from_slice(bytes);
}
