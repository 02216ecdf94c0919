//! docker-compose.yml as Compose reads it: variables replaced, anchors merged, services typed as
//! far as a process needs. It knows the keys that the file uses and refuses others, so that a
//! misspelt one is noticed without an engine. Read next: `stack.rs`, which runs services.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// The keys of a service that are in use here; Compose knows more.
const SERVICE_KEYS: [&str; 18] = [
    "build",
    "cap_drop",
    "command",
    "depends_on",
    "environment",
    "healthcheck",
    "image",
    "network_mode",
    "networks",
    "ports",
    "profiles",
    "read_only",
    "restart",
    "security_opt",
    "stop_grace_period",
    "tmpfs",
    "user",
    "volumes",
];

/// What a service waits for before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Condition {
    ServiceHealthy,
    ServiceCompletedSuccessfully,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dependency {
    pub(crate) condition: Condition,
}

/// What a process needs to know of a service.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Service {
    pub(crate) image: String,
    pub(crate) command: Vec<String>,
    #[serde(default)]
    pub(crate) profiles: Vec<String>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) ports: Vec<String>,
    #[serde(default)]
    pub(crate) volumes: Vec<String>,
    #[serde(default)]
    pub(crate) depends_on: BTreeMap<String, Dependency>,
    pub(crate) healthcheck: Option<HealthCheck>,
    pub(crate) restart: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct HealthCheck {
    pub(crate) test: Vec<String>,
}

impl Service {
    /// Whether it is to end by itself.
    pub(crate) fn ends(&self) -> bool {
        self.restart == "no"
    }
}

/// The file.
pub(crate) struct File {
    pub(crate) services: BTreeMap<String, Service>,
    /// Variables that it asks for, with their defaults.
    pub(crate) variables: BTreeMap<String, BTreeSet<String>>,
    /// Everything, for rules about what no process needs.
    pub(crate) whole: Value,
}

impl File {
    /// The project's, with no variable set.
    pub(crate) fn read() -> Self {
        let path = root().join("docker-compose.yml");
        let text = std::fs::read_to_string(&path).expect("docker-compose.yml");
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let mut whole: Value = serde_saphyr::from_str(text).unwrap_or_else(|e| panic!("{e}"));
        let mut variables = BTreeMap::<_, BTreeSet<_>>::new();
        replace_variables(&mut whole, &mut |name, default| {
            variables.entry(name.to_owned()).or_default().insert(default.to_owned());
        });
        let known = |key: &str| key.starts_with("x-") || SECTIONS.contains(&key);
        let sections = whole.as_object().expect("sections").keys();
        let strange: Vec<_> = sections.filter(|key| !known(key)).collect();
        assert!(strange.is_empty(), "unknown sections: {strange:?}");
        let services = whole["services"].as_object().expect("services");
        let read = |(name, service): (&String, &Value)| {
            let keys = service.as_object().expect("a service").keys();
            let strange: Vec<_> = keys.filter(|key| !SERVICE_KEYS.contains(&&***key)).collect();
            assert!(strange.is_empty(), "{name}: unknown keys {strange:?}");
            let typed = serde_json::from_value(service.clone());
            (name.clone(), typed.unwrap_or_else(|e| panic!("{name}: {e}: {service}")))
        };
        Self { services: services.iter().map(read).collect(), variables, whole }
    }

    pub(crate) fn service(&self, name: &str) -> &Service {
        self.services.get(name).unwrap_or_else(|| panic!("no service {name}"))
    }
}

const SECTIONS: [&str; 4] = ["name", "services", "networks", "volumes"];

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn replace_variables(value: &mut Value, see: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => *text = replaced(text, see),
        Value::Array(all) => all.iter_mut().for_each(|one| replace_variables(one, see)),
        Value::Object(all) => all.values_mut().for_each(|one| replace_variables(one, see)),
        _ => {}
    }
}

/// `$$` is a dollar, `${NAME:-default}` a variable; the file uses no other form.
fn replaced(text: &str, see: &mut impl FnMut(&str, &str)) -> String {
    let Some((before, rest)) = text.split_once('$') else { return text.to_owned() };
    if let Some(rest) = rest.strip_prefix('$') {
        return format!("{before}${}", replaced(rest, see));
    }
    let inner = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let (inner, rest) = inner.unwrap_or_else(|| panic!("a dollar that Compose would read: {text}"));
    let (name, default) =
        inner.split_once(":-").unwrap_or_else(|| panic!("a variable without a default: {text}"));
    see(name, default);
    format!("{before}{default}{}", replaced(rest, see))
}

#[test]
fn variables_are_replaced_as_compose_does() {
    let mut seen = Vec::new();
    let text = replaced("a ${ONE:-1}:${TWO:-} $$(b)", &mut |name, default| {
        seen.push(format!("{name}={default}"));
    });
    assert_eq!((text.as_str(), seen.join(" ").as_str()), ("a 1: $(b)", "ONE=1 TWO="));
}

#[test]
#[should_panic(expected = "unknown keys")]
fn a_misspelt_key_is_noticed() {
    File::parse("services: {a: {image: b, command: [c], restart: always, health_check: {}}}");
}
