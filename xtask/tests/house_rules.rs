//! The rules of the house that a machine can check: short files that open with what they are,
//! no unchecked code outside its one place, names that mean something. Each rule is a function
//! from a file to its faults, tried on an invented file first.

use std::path::Path;

/// Lines of a file that is not a test. At 300 ask what else lives in there.
const LINES_MAX: usize = 500;
/// Words that say nothing about what a thing is.
const BANNED: [&str; 9] =
    ["manager", "impl", "helper", "helpers", "util", "utils", "common", "misc", "data2"];
/// The one place of code that the compiler cannot check.
const UNCHECKED_PLACE: &str = "loadgen/sys/";
/// Folders that are made, not written.
const SKIPPED: [&str; 4] = ["target", "node_modules", ".git", "results"];
/// Endings of files that are text.
const TEXT: [&str; 12] =
    ["rs", "js", "toml", "md", "yml", "yaml", "json", "html", "css", "sh", "py", "txt"];

struct File {
    /// From the workspace's folder, with `/`.
    path: String,
    text: String,
}

impl File {
    fn is(&self, ending: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == ending)
    }

    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    fn stem(&self) -> &str {
        Path::new(&self.path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
    }

    /// Lines without what follows `//`.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map(|line| line.split("//").next().unwrap_or_default())
    }
}

fn too_long(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    let counts = (file.is("rs") || file.is("js")) && !file.is_test();
    (counts && lines > LINES_MAX).then(|| format!("has {lines} lines, more than {LINES_MAX}"))
}

fn opens_without_a_word(file: &File) -> Option<String> {
    let source = file.is("rs") && file.path.contains("src/");
    (source && !file.text.starts_with("//!")).then(|| "does not open with //!".into())
}

fn is_unchecked(file: &File) -> Option<String> {
    // In two parts, or this file would break its own rule.
    let word = concat!("un", "safe");
    let apart = |c: char| !c.is_alphanumeric() && c != '_';
    let found = file.code().any(|line| line.split(apart).any(|part| part == word));
    let outside = !file.path.starts_with(UNCHECKED_PLACE);
    (file.is("rs") && outside && found).then(|| format!("has {word} code outside its place"))
}

fn leans_on_neighbours(file: &File) -> Option<String> {
    let needle = concat!("../", "shared");
    file.text.contains(needle).then(|| format!("mentions {needle}, which is not part of this"))
}

fn has_a_name_that_says_nothing(file: &File) -> Option<String> {
    if banned(file.stem()) {
        return Some("its own name says nothing".into());
    }
    let names = file.code().filter(|_| file.is("rs")).filter_map(declared);
    let bad: Vec<&str> = names.filter(|name| banned(name)).collect();
    (!bad.is_empty()).then(|| format!("declares names that say nothing: {}", bad.join(", ")))
}

/// Examples of the API are tests, where they meet real components; documentation tests would read
/// every crate once more.
fn shows_code_that_nothing_runs(file: &File) -> Option<String> {
    let docs = file.text.lines().map(str::trim_start);
    let docs = docs.filter_map(|line| line.strip_prefix("//!").or(line.strip_prefix("///")));
    let mut fences = docs.filter_map(|line| line.trim_start().strip_prefix("```")).step_by(2);
    // What rustdoc takes for Rust, and would run.
    let runs = ["", "rust", "should_panic", "no_run", "compile_fail"];
    let found = file.is("rs") && fences.any(|after| runs.contains(&after.trim()));
    found.then(|| "documents Rust that nothing runs: a test can show it, or ```ignore".into())
}

/// The name that a line declares, if it declares a type or a module.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let keyword = words.next()?;
    let declares = ["struct", "enum", "trait", "type", "mod", "union"].contains(&keyword);
    let name = words.next().filter(|_| declares)?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// Whether one of the words of a name is banned.
fn banned(name: &str) -> bool {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() || c == '_' || c == '-' {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words.split([' ', '_', '-']).any(|word| BANNED.contains(&word))
}

const RULES: [fn(&File) -> Option<String>; 6] = [
    too_long,
    opens_without_a_word,
    is_unchecked,
    leans_on_neighbours,
    has_a_name_that_says_nothing,
    shows_code_that_nothing_runs,
];

fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (mut folders, mut files) = (vec![root.to_path_buf()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap_or_default().to_owned();
            if path.is_dir() && !SKIPPED.contains(&&*name) {
                folders.push(path);
            } else if is_text(&path) {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                files.push(File { path, text });
            }
        }
    }
    files
}

fn is_text(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    path.is_file() && (ending.is_some_and(|e| TEXT.contains(&e)) || path.ends_with(".ci/run"))
}

#[test]
fn every_file_keeps_the_rules() {
    let files = files();
    assert!(files.iter().any(|file| file.path == "xtask/tests/house_rules.rs"), "files are seen");
    let mut faults = Vec::new();
    for file in &files {
        let found = RULES.iter().filter_map(|rule| rule(file));
        faults.extend(found.map(|fault| format!("{}: {fault}", file.path)));
    }
    faults.sort();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn each_rule_can_be_broken() {
    let check = |rule: fn(&File) -> Option<String>, path: &str, text: &str, broken: bool| {
        let file = File { path: path.into(), text: text.into() };
        assert_eq!(rule(&file).is_some(), broken, "{path}: {:?}", text.lines().next());
    };
    let long = "//! Long.\n".repeat(LINES_MAX + 1);
    check(too_long, "a/src/b.rs", &long, true);
    check(too_long, "a/tests/b.rs", &long, false);
    check(opens_without_a_word, "a/src/b.rs", "use c;", true);
    check(opens_without_a_word, "a/src/b.rs", "//! B.", false);
    let block = concat!("let a = un", "safe { b() };");
    check(is_unchecked, "a/src/b.rs", block, true);
    check(is_unchecked, "loadgen/sys/src/b.rs", block, false);
    check(is_unchecked, "a/src/b.rs", concat!("// un", "safe in words"), false);
    check(leans_on_neighbours, "a.md", concat!("see ../", "shared/b"), true);
    let names = has_a_name_that_says_nothing;
    check(names, "a/src/utils.rs", "", true);
    check(names, "a/src/b.rs", "pub(crate) struct PoolManager<T> {", true);
    check(names, "a/src/b.rs", "trait WireImpl {}", true);
    check(names, "a/src/b.rs", "mod common;", true);
    check(names, "a/src/b.rs", "impl Wire for Simple {", false);
    check(names, "a/src/implicit.rs", "struct Imply;", false);
    let code = shows_code_that_nothing_runs;
    check(code, "a/src/b.rs", "//! So:\n//! ```\n//! b();\n//! ```\n", true);
    check(
        code,
        "a/src/b.rs",
        "    /// ```toml\n    /// ```\n    /// ``` no_run\n    /// ```",
        true,
    );
    check(code, "a/src/b.rs", "//! ```toml\n//! b = 1\n//! ```\n", false);
    check(code, "a/README.md", "//! ```\n", false);
}
