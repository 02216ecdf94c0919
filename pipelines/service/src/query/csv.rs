//! Answers as CSV (RFC 4180), for spreadsheets. A text that a spreadsheet would take for a formula
//! is written with an apostrophe before it, which spreadsheets show as text. Numbers are numbers.

use serde_json::{Map, Value};
use tailrace_contract::history::{Aggregated, MetricRow, NameSummary};

use super::answer::figure;
use super::question::Figures;

/// First characters that make a spreadsheet compute. Source: OWASP, "CSV Injection".
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// One line a metric; its attributes are one field of JSON.
pub(super) fn metrics(rows: &[MetricRow]) -> String {
    let mut out = String::from("time,name,value,attributes,run,producer,seq\r\n");
    for row in rows {
        let attributes =
            row.metric.attributes.iter().map(|(key, value)| {
                (key.to_string(), serde_json::to_value(value).unwrap_or_default())
            });
        let attributes = Value::Object(attributes.collect::<Map<_, _>>()).to_string();
        line(
            &mut out,
            &[
                row.time_ms.to_string(),
                text(&row.metric.name),
                row.metric.value.to_string(),
                text(&attributes),
                row.id.run.to_string(),
                text(&row.id.producer.0),
                row.id.seq.to_string(),
            ],
        );
    }
    out
}

/// One line a bucket and group.
pub(super) fn aggregates(found: &[Aggregated], figures: Figures) -> String {
    let mut out = String::from("start,group");
    figures.names().for_each(|name| {
        out.push(',');
        out.push_str(name);
    });
    out.push_str("\r\n");
    for one in found {
        let group = text(one.group.as_deref().unwrap_or_default());
        let mut fields = vec![one.start_ms.to_string(), group];
        fields.extend(figures.names().map(|name| match figure(one, name) {
            Some(Value::Null) | None => String::new(),
            Some(value) => value.to_string(),
        }));
        line(&mut out, &fields);
    }
    out
}

/// One line a name.
pub(super) fn summary(found: &[NameSummary]) -> String {
    let mut out = String::from("name,count,sum,avg,min,max,last\r\n");
    for of in found {
        line(
            &mut out,
            &[
                text(&of.name),
                of.count.to_string(),
                of.sum.to_string(),
                (of.sum / of.count as f64).to_string(),
                of.min.to_string(),
                of.max.to_string(),
                of.last_ms.to_string(),
            ],
        );
    }
    out
}

fn line(out: &mut String, fields: &[String]) {
    out.push_str(&fields.join(","));
    out.push_str("\r\n");
}

/// A text as a field: harmless to spreadsheets, in quotes where it must be.
fn text(text: &str) -> String {
    let harmless = if text.starts_with(FORMULA) { format!("'{text}") } else { text.to_owned() };
    if harmless.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", harmless.replace('"', "\"\""));
    }
    harmless
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_harmless_and_quoted() {
        assert_eq!(text("cpu.user"), "cpu.user");
        assert_eq!(text("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(text("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        for sign in ["+1", "-1", "@x", "\tx"] {
            assert_eq!(text(sign), format!("'{sign}"));
        }
        assert_eq!(text("two\nlines"), "\"two\nlines\"");
    }
}
