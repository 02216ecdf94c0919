//! Data as scripts: a page that was opened from a file may load a script beside it, but may not
//! fetch JSON. What stands in the data can never become code or markup.

use serde::Serialize;

use crate::RenderError;

/// A script that assigns the value to a property of `window`. `opening` is its first line.
pub(super) fn assigning(
    opening: &str,
    name: &str,
    value: &impl Serialize,
) -> Result<String, RenderError> {
    let json = serde_json::to_string(value)?;
    Ok(format!("// {opening}\nwindow.{name} = {};\n", within_script(&json)))
}

/// JSON as it may stand in a script, even in one that somebody puts into a page: no `<` can end
/// the element or open a comment, and the two line breaks that old engines do not allow in
/// strings are escaped. In JSON all three occur within strings only.
fn within_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::assigning;

    #[test]
    fn nothing_ends_the_script() {
        let value = "</script><!-- \u{2028}\u{2029} \"; alert(1) //";
        let script = assigning("x", "X", &value).unwrap();
        assert!(!script.contains('<') && !script.contains(['\u{2028}', '\u{2029}']));
        let json = script.trim_start_matches("// x\nwindow.X = ").trim_end_matches(";\n");
        assert_eq!(serde_json::from_str::<String>(json).unwrap(), value);
    }
}
