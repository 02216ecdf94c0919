//! The TOML of a file, and what `--set` changes in it before it is read. `[arm]` stands for a
//! list of one `[[arm]]`, and `batch = 10` for `batch = [10]`: everything that may be a list is
//! one from here on.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::fault::{Fault, Place, listed};
use super::limits::FILE_BYTES_MAX;
use super::wire::File;

/// A parsed file.
pub(super) struct Document<'a> {
    root: Spanned<DeTable<'a>>,
}

/// Tables that may stand once or several times.
const TABLES: [&str; 3] = ["arm", "load", "expect"];
/// Keys of an arm and of a load that may have several values.
const AXES: [(&str, &[&str]); 2] = [
    (
        "arm",
        &[
            "pipeline",
            "batch",
            "connections",
            "in_flight",
            "codec",
            "tls",
            "keys",
            "flush",
            "link",
            "store",
            "fsync",
            "insert",
        ],
    ),
    ("load", &["rate", "arrivals", "subscribers"]),
];

impl<'a> Document<'a> {
    pub(super) fn parse(place: &Place<'a>) -> Result<Self, Fault> {
        if place.text.len() > FILE_BYTES_MAX {
            let most = FILE_BYTES_MAX >> 10;
            return Err(place.whole(&format!("an experiment may have {most} KiB")));
        }
        let mut root = DeTable::parse(place.text).map_err(|error| fault(place, &error))?;
        enlist_tables(root.get_mut());
        Ok(Self { root })
    }

    /// Puts values of the command line in the place of those of the file.
    pub(super) fn with(mut self, set: &'a [String], place: &Place<'a>) -> Result<Self, Fault> {
        for assignment in set {
            let wrong = |what: String| place.whole(&what);
            let (path, value) = assignment.split_once('=').ok_or_else(|| {
                wrong(format!("{assignment:?} sets nothing: write path.to.key=value"))
            })?;
            let keys: Vec<&str> = path.trim().split('.').collect();
            let span = self.root.span();
            put(self.root.get_mut(), span, &keys, parse_value(value.trim())).map_err(wrong)?;
        }
        Ok(self)
    }

    /// Reads it into its strict shape.
    pub(super) fn read(mut self, place: &Place<'a>) -> Result<File, Fault> {
        // What was set may be one table too.
        enlist_tables(self.root.get_mut());
        for (table, keys) in AXES {
            for entry in entries(self.root.get_mut().get_mut(table)) {
                for key in keys {
                    entry.get_mut(*key).into_iter().for_each(enlist);
                }
            }
        }
        File::deserialize(Deserializer::from(self.root)).map_err(|error| fault(place, &error))
    }
}

fn fault(place: &Place<'_>, error: &toml::de::Error) -> Fault {
    place.fault(error.span().unwrap_or(0..0), error.message())
}

fn enlist_tables(root: &mut DeTable<'_>) {
    for name in TABLES {
        root.get_mut(name).into_iter().for_each(enlist);
    }
}

/// Makes a list of one of what is no list.
fn enlist(value: &mut Spanned<DeValue<'_>>) {
    if !matches!(value.get_ref(), DeValue::Array(_)) {
        let span = value.span();
        let inner = std::mem::replace(value.get_mut(), DeValue::Boolean(false));
        let mut list = toml::de::DeArray::new();
        list.push(Spanned::new(span, inner));
        *value.get_mut() = DeValue::Array(list);
    }
}

fn entries<'t, 'a>(
    value: Option<&'t mut Spanned<DeValue<'a>>>,
) -> impl Iterator<Item = &'t mut DeTable<'a>> {
    let list = value.and_then(|value| match value.get_mut() {
        DeValue::Array(list) => Some(list),
        _ => None,
    });
    list.into_iter().flat_map(|list| list.iter_mut()).filter_map(|entry| match entry.get_mut() {
        DeValue::Table(table) => Some(table),
        _ => None,
    })
}

/// A value as TOML writes it; what is none is a text: `arrivals=poisson` needs no quotes.
fn parse_value(text: &str) -> DeValue<'_> {
    DeValue::parse(text).map_or_else(|_| DeValue::String(Cow::Borrowed(text)), Spanned::into_inner)
}

/// Sets one value; a key that is not there is made, and whether it may be is checked with all
/// others when the document is read.
fn put<'a>(
    table: &mut DeTable<'a>,
    span: Range<usize>,
    keys: &[&'a str],
    value: DeValue<'a>,
) -> Result<(), String> {
    let (key, rest) = keys.split_first().ok_or("a path needs a key")?;
    let key = key.trim();
    if key.is_empty() {
        return Err("a path has an empty key; write path.to.key=value".into());
    }
    if table.get(key).is_none() {
        let empty = DeValue::Table(DeTable::new());
        table.insert(Spanned::new(span.clone(), Cow::Borrowed(key)), Spanned::new(span, empty));
    }
    let Some(place) = table.get_mut(key) else { return Ok(()) };
    let span = place.span();
    if rest.is_empty() {
        *place.get_mut() = value;
        return Ok(());
    }
    match place.get_mut() {
        DeValue::Table(inner) => put(inner, span, rest, value),
        DeValue::Array(list) if TABLES.contains(&key) => {
            let (entry, rest) = pick(key, list, rest)?;
            let span = entry.span();
            match entry.get_mut() {
                DeValue::Table(inner) => put(inner, span, rest, value),
                _ => Err(format!("{key} is no list of tables")),
            }
        }
        _ => Err(format!("{key} is a value and has no key {:?}", rest[0])),
    }
}

/// The entry that a path means: by its slug, by its number from 1, or the only one.
fn pick<'t, 'a, 'k>(
    name: &str,
    list: &'t mut [Spanned<DeValue<'a>>],
    keys: &'k [&'a str],
) -> Result<(&'t mut Spanned<DeValue<'a>>, &'k [&'a str]), String> {
    let slugs: Vec<String> = list.iter().map(|entry| slug(entry.get_ref())).collect();
    let named = slugs.iter().position(|slug| slug == keys[0]);
    let numbered = || keys[0].parse::<usize>().ok().filter(|n| (1..=list.len()).contains(n));
    let chosen = named.or_else(|| numbered().map(|number| number - 1));
    let (index, rest) = match chosen {
        Some(index) => (index, &keys[1..]),
        None if list.len() == 1 => (0, keys),
        None => {
            let known = listed(slugs.iter().map(String::as_str).filter(|slug| !slug.is_empty()));
            let known = if known.is_empty() { known } else { format!(" or {known}") };
            return Err(format!(
                "there are {0} [[{name}]]: say which, by a number from 1 to {0}{known}, such as \
                 {name}.1.{1}",
                list.len(),
                keys.join(".")
            ));
        }
    };
    Ok((&mut list[index], rest))
}

fn slug(entry: &DeValue<'_>) -> String {
    let slug = match entry {
        DeValue::Table(table) => table.get("slug").map(Spanned::get_ref),
        _ => None,
    };
    match slug {
        Some(DeValue::String(slug)) => slug.clone().into_owned(),
        _ => String::new(),
    }
}
