//! What the page asks for, and how it becomes an experiment: a file of its own when arms were
//! built, else one that comes with the program, with the reader's prediction and expectation put
//! in. Whether the result makes sense is the program's to say, by its own messages; here is only
//! checked what would otherwise be written into a file unread.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

/// Bytes of a question, a name, a link; longer ones are no line to read.
const LINE_BYTES_MAX: usize = 400;
/// Bytes of a prediction.
const PROSE_BYTES_MAX: usize = 4_000;
/// Arms that may be built; a page with more is no comparison a person makes.
const ARMS_MAX: usize = 12;
/// Seconds of a window.
const WINDOW_S_MAX: f64 = 600.0;

/// What a page may ask for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The name of an experiment that comes with the program, or `build`.
    #[serde(flatten)]
    pub what: What,
    /// What the reader expects, in their own words.
    #[serde(default)]
    pub prediction: String,
    /// The same as something that can be scored.
    pub expect: Option<Expect>,
    /// How often every arm runs, instead of what the experiment says.
    pub rounds: Option<u32>,
    /// Length of each measured window in seconds, instead of what the experiment says.
    pub window_s: Option<f64>,
}

/// Where the arms come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A shipped experiment, by its name.
    Experiment(String),
    /// Arms of the reader's own.
    Build(Build),
}

/// A comparison that was put together on the page.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// What it asks.
    pub question: String,
    /// What is compared.
    pub arms: Vec<BuiltArm>,
    /// Batches a second; none: a low rate and one near what the slowest arm takes.
    pub rate_per_s: Option<f64>,
    /// `poisson`, `constant`, `burst:N`, as on the command line.
    pub arrivals: Option<String>,
}

/// One arm.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuiltArm {
    /// `http1-memory`, …
    pub pipeline: String,
    /// Metrics in a batch.
    pub batch: Option<u32>,
    /// Connections; with `in_flight` instead of what makes a fair comparison.
    pub connections: Option<u32>,
    /// Requests in flight on each.
    pub in_flight: Option<u32>,
    /// Distance, such as `10ms`.
    pub link: Option<String>,
    /// `sqlite` or `postgres`; none: the log is the end.
    pub store: Option<String>,
}

/// An expectation: a figure of one arm divided by that of another.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// `p50`, `p99`, `cpu`, `wire_bytes`.
    pub figure: String,
    /// Slug of the arm.
    pub arm: String,
    /// Slug of the arm that it is divided by.
    pub against: String,
    /// Under which load.
    pub load: String,
    /// The ratio is at least so much.
    pub above: Option<f64>,
    /// The ratio is at most so much.
    pub below: Option<f64>,
}

/// An order that cannot be carried out, in words for whoever gave it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OrderFault(pub String);

/// An experiment to be written and run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    /// What the file is called, and so the experiment.
    pub(crate) name: String,
    /// TOML.
    pub(crate) text: String,
    /// Arguments of `run` beside the file.
    pub(crate) arguments: Vec<String>,
}

impl Order {
    /// The order as an experiment. `shipped` knows the texts of those that come with the program.
    ///
    /// # Errors
    /// Something is missing, too long or out of range.
    pub(crate) fn sheet(
        &self,
        shipped: impl Fn(&str) -> Option<String>,
    ) -> Result<Sheet, OrderFault> {
        limited("the prediction", &self.prediction, PROSE_BYTES_MAX)?;
        let (name, mut text) = match &self.what {
            What::Experiment(name) => {
                let text = shipped(name).ok_or_else(|| unknown(name))?;
                (name.clone(), text)
            }
            What::Build(build) => ("console".to_owned(), build.text(&self.prediction)?),
        };
        if let Some(expect) = &self.expect {
            expect.write(&mut text)?;
        }
        Ok(Sheet { name, text, arguments: self.arguments()? })
    }

    fn arguments(&self) -> Result<Vec<String>, OrderFault> {
        let mut arguments = Vec::new();
        let written = self.prediction.trim();
        if matches!(self.what, What::Experiment(_)) && !written.is_empty() {
            arguments.push("--set".to_owned());
            arguments.push(format!("prediction={}", quoted(written)));
        }
        if let Some(rounds) = self.rounds {
            arguments.extend(["--rounds".to_owned(), rounds.to_string()]);
        }
        if let Some(window) = self.window_s {
            if !(window > 0.0 && window <= WINDOW_S_MAX) {
                return Err(OrderFault(format!(
                    "a window of {window} s: choose more than 0 and at most {WINDOW_S_MAX} s"
                )));
            }
            let ms = (window * 1_000.0).round();
            arguments.extend(["--set".to_owned(), format!("window=\"{ms}ms\"")]);
        }
        Ok(arguments)
    }
}

impl Build {
    fn text(&self, prediction: &str) -> Result<String, OrderFault> {
        limited("the question", &self.question, LINE_BYTES_MAX)?;
        if self.question.trim().is_empty() {
            return Err(OrderFault(
                "a comparison needs a question: what do you want to know?".into(),
            ));
        }
        if self.arms.is_empty() || self.arms.len() > ARMS_MAX {
            return Err(OrderFault(format!(
                "{} arms: choose at least one and at most {ARMS_MAX}",
                self.arms.len()
            )));
        }
        let mut text = format!("question = {}\n", quoted(self.question.trim()));
        let expected = prediction.trim();
        let expected = if expected.is_empty() { "Nothing was predicted." } else { expected };
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "prediction = {}", quoted(expected));
        for arm in &self.arms {
            arm.write(&mut text)?;
        }
        self.write_load(&mut text)?;
        Ok(text)
    }

    fn write_load(&self, text: &mut String) -> Result<(), OrderFault> {
        let arrivals = self.arrivals.as_deref().unwrap_or("poisson");
        limited("the arrivals", arrivals, LINE_BYTES_MAX)?;
        let arrivals = quoted(arrivals);
        let _ = match self.rate_per_s {
            Some(rate) if rate.is_finite() && rate > 0.0 => {
                writeln!(text, "\n[[load]]\nslug = \"load\"\nrate = {rate}\narrivals = {arrivals}")
            }
            Some(rate) => {
                return Err(OrderFault(format!("{rate} batches a second: choose more than 0")));
            }
            None => writeln!(
                text,
                "\n[[load]]\nslug = \"low\"\nrate = 2000\narrivals = {arrivals}\n\n[[load]]\n\
                 slug = \"high\"\nrate = \"60 % of slowest\"\narrivals = {arrivals}"
            ),
        };
        Ok(())
    }
}

impl BuiltArm {
    fn write(&self, text: &mut String) -> Result<(), OrderFault> {
        limited("the pipeline", &self.pipeline, LINE_BYTES_MAX)?;
        let _ = writeln!(text, "\n[[arm]]\npipeline = {}", quoted(&self.pipeline));
        let numbers = [
            ("batch", self.batch),
            ("connections", self.connections),
            ("in_flight", self.in_flight),
        ];
        for (key, value) in numbers {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        for (key, value) in [("link", &self.link), ("store", &self.store)] {
            if let Some(value) = value {
                limited(key, value, LINE_BYTES_MAX)?;
                let _ = writeln!(text, "{key} = {}", quoted(value));
            }
        }
        Ok(())
    }
}

impl Expect {
    fn write(&self, text: &mut String) -> Result<(), OrderFault> {
        for part in [&self.figure, &self.arm, &self.against, &self.load] {
            limited("the expectation", part, LINE_BYTES_MAX)?;
        }
        let bounds = [("above", self.above), ("below", self.below)];
        let bounds: Vec<String> = bounds
            .into_iter()
            .filter_map(|(key, value)| {
                value.filter(|v| v.is_finite()).map(|v| format!("{key} = {v}"))
            })
            .collect();
        if bounds.is_empty() {
            return Err(OrderFault(
                "an expectation needs a number: above or below which ratio?".into(),
            ));
        }
        let that = format!("Predicted: {} of {} against {}", self.figure, self.arm, self.against);
        let _ = write!(
            text,
            "\n[[expect]]\nthat = {}\nfigure = {}\narm = {}\nagainst = {}\nload = {}\nratio = {{ {} }}\n",
            quoted(&that),
            quoted(&self.figure),
            quoted(&self.arm),
            quoted(&self.against),
            quoted(&self.load),
            bounds.join(", "),
        );
        Ok(())
    }
}

/// A text as TOML writes it between quotes. JSON escapes the same characters the same way, but
/// for the one that TOML forbids unescaped and JSON does not.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

fn limited(what: &str, text: &str, most: usize) -> Result<(), OrderFault> {
    if text.len() <= most {
        return Ok(());
    }
    Err(OrderFault(format!("{what} has {} bytes; {most} are the most", text.len())))
}

fn unknown(name: &str) -> OrderFault {
    OrderFault(format!("there is no experiment {name:.60?}; choose one of the list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(order: &str) -> Result<Sheet, OrderFault> {
        let order: Order = serde_json::from_str(order).map_err(|e| OrderFault(e.to_string()))?;
        order.sheet(|name| (name == "tls").then(|| "question = \"?\"\n".to_owned()))
    }

    #[test]
    fn built_arms_become_a_file_and_text_stays_text() {
        let sheet = sheet(
            r#"{"build":{"question":"a\" \n[[arm]]","arms":[{"pipeline":"ws-memory","batch":10}],
                "rate_per_s":500},"prediction":"p","rounds":2}"#,
        )
        .unwrap();
        assert_eq!(sheet.text.matches("\n[[arm]]").count(), 1, "{}", sheet.text);
        assert!(sheet.text.contains(r#"question = "a\" \n[[arm]]""#), "{}", sheet.text);
        assert!(sheet.text.contains("batch = 10\n") && sheet.text.contains("rate = 500\n"));
        assert_eq!(sheet.arguments, ["--rounds", "2"]);
    }

    #[test]
    fn a_shipped_experiment_gets_the_readers_prediction_and_expectation() {
        let sheet = sheet(
            r#"{"experiment":"tls","prediction":"it \"doubles\"","window_s":0.5,"expect":
                {"figure":"cpu","arm":"a","against":"b","load":"low","above":2}}"#,
        )
        .unwrap();
        assert_eq!(sheet.name, "tls");
        assert!(sheet.text.ends_with("load = \"low\"\nratio = { above = 2 }\n"), "{}", sheet.text);
        let expected = ["--set", r#"prediction="it \"doubles\"""#, "--set", "window=\"500ms\""];
        assert_eq!(sheet.arguments, expected);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let check = |order: &str, expect: &str| {
            let fault = sheet(order).unwrap_err().to_string();
            assert!(fault.contains(expect), "{order}: {fault}");
        };
        check(r#"{"experiment":"nobody"}"#, "there is no experiment");
        check(r#"{"experiment":"../etc/passwd"}"#, "there is no experiment");
        check(r#"{"experiment":"tls","window_s":0}"#, "a window of 0 s");
        check(r#"{"build":{"question":"?","arms":[]}}"#, "0 arms");
        check(r#"{"build":{"question":" ","arms":[{"pipeline":"x"}]}}"#, "needs a question");
        check(
            r#"{"experiment":"tls","expect":{"figure":"cpu","arm":"a","against":"b","load":"l"}}"#,
            "above or below",
        );
    }
}
