//! `report.html` and `report.md`: the same view in two templates. The templates are files in
//! `templates/`, embedded when the crate is built. Everything that comes from a record is
//! escaped there; the pictures alone, which this crate has drawn, go in as they are. What stands
//! in the view is in `view`, `asked`, `facts` and `trials`.

mod asked;
mod facts;
mod trials;
mod view;

use minijinja::value::Serde;
use minijinja::{Environment, HtmlEscape, Value};

use crate::plots::Plot;
use crate::{RenderError, RunData};

/// The whole report in one file that asks for nothing else: style and pictures are in it.
pub(crate) fn html(run: &RunData, plots: &[Plot]) -> Result<String, RenderError> {
    let mut environment = Environment::new();
    environment.add_filter("prose", html_prose);
    environment.add_template("report.css", include_str!("../../templates/report.css"))?;
    environment.add_template("report.html", include_str!("../../templates/report.html"))?;
    environment.add_template("trials.html", include_str!("../../templates/trials.html"))?;
    Ok(environment
        .get_template("report.html")?
        .render(Value::from(Serde(view::view(run, plots)?)))?)
}

/// The table and the sentences, for a pull request.
pub(crate) fn markdown(run: &RunData, plots: &[Plot]) -> Result<String, RenderError> {
    let mut environment = Environment::new();
    environment.add_filter("md", escape_markdown);
    environment.add_filter("prose", markdown_prose);
    environment.add_template("report.md", include_str!("../../templates/report.md"))?;
    Ok(environment
        .get_template("report.md")?
        .render(Value::from(Serde(view::view(run, plots)?)))?)
}

/// A sentence of the records with names in backticks, as HTML.
fn html_prose(text: &str) -> Value {
    let escape = |text: &str| HtmlEscape(text).to_string();
    Value::from_safe_string(prose(text, escape, |code| format!("<code>{}</code>", escape(code))))
}

/// The same as Markdown. Between backticks nothing can be escaped, so a name that holds more than
/// names do is no code but escaped text.
fn markdown_prose(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_.,:;/=+×()".contains(c);
    prose(text, escape_markdown, |code| {
        if code.trim() == code && !code.is_empty() && code.chars().all(plain) {
            format!("`{code}`")
        } else {
            escape_markdown(code)
        }
    })
}

/// Escapes every part; those between backticks are marked as code if the backticks are paired.
fn prose(text: &str, escape: impl Fn(&str) -> String, code: impl Fn(&str) -> String) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let marked = parts.iter().enumerate().map(|(index, part)| match index % 2 {
        0 => escape(part),
        _ => code(part),
    });
    marked.collect()
}

/// Text that Markdown must take as text, inside a table too.
fn escape_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => escaped.extend(['\\', c]),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{escape_markdown, html_prose, markdown_prose};

    #[test]
    fn names_in_backticks_become_code_and_stay_text() {
        assert_eq!(html_prose("`<b>` & c").to_string(), "<code>&lt;b&gt;</code> &amp; c");
        assert_eq!(html_prose("a ` <b>").to_string(), "a ` &lt;b&gt;");
        assert_eq!(markdown_prose("`ws_a` * b"), "`ws_a` \\* b");
        assert_eq!(
            markdown_prose("`<b>|` c"),
            "&lt;b>\\| c",
            "no code that a table or a page takes"
        );
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(escape_markdown("a|b"), "a\\|b");
        assert_eq!(escape_markdown("<img onerror=x>"), "&lt;img onerror=x>");
        assert_eq!(escape_markdown("`x`\n# y"), "\\`x\\` \\# y");
    }
}
