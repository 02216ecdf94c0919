//! Addresses without their secrets. A URL that was given may hold a password, and whatever is
//! printed or recorded may be published.

/// The text with `***` for what a URL in it says before `@` and after `?`; other text as it is.
/// Hides too much rather than too little.
pub fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    if query.contains('@') {
        // The password has a `?` or an `@` that should have been escaped: no telling which.
        return format!("{scheme}://***");
    }
    let query = if query.is_empty() { "" } else { "?***" };
    match place.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{query}"),
        None => format!("{scheme}://{place}{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(masked(text), expect);
    }

    #[test]
    fn secrets_do_not_show() {
        check("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0");
        check("redis://:secret@host:6379/", "redis://***@host:6379/");
        check("--redis=rediss://user:se@cret@host", "--redis=rediss://***@host");
        check("redis://:secret@host/?protocol=resp3", "redis://***@host/?***");
        check("redis+unix:///run/redis?pass=secret", "redis+unix:///run/redis?***");
        check("redis://:se?cret@host", "redis://***");
        check("redis+unix:///run/redis?pass=se@cret", "redis+unix://***");
        check("--rounds", "--rounds");
    }
}
