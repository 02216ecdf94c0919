//! Files of experiments: what a good one becomes, and one bad file for each kind of mistake, with
//! the place and the valid names that its message must hold.

use tailrace_loadgen::experiment::{Definition, Known, Rate, estimate_ms, limits, read};
use tailrace_measure::record::{
    Arrivals, Claim, Codec, Crowd, Figure, Flush, Fsync, Insert, StoreKind, StoreSetup,
};

const GOOD: &str = r#"question = "Does it read?"
prediction = "It does."
baseline = "b-memory-b1"

[[arm]]
pipeline = ["a-memory", "b-memory"]
batch = [1, 10]

[[load]]
slug = "low"
rate = 1000

[[load]]
slug = "high"
rate = "60% of slowest"
arrivals = ["constant", "burst:20"]
live = 500
window = "1s"

[primary]
figure = "cpu"
load = "low"
pairs = [["a-memory-b10", "a-memory-b1"]]

[[expect]]
that = "Batches are cheaper"
figure = "cpu"
arm = "a-memory-b10"
against = "a-memory-b1"
load = "low"
ratio = { below = 0.9 }
"#;

fn catalog() -> Vec<Known> {
    let known = |name: &str, connections| Known {
        name: name.into(),
        promise: "nothing".into(),
        floor: name == "floor",
        connections,
        in_flight_per_connection: 64 / connections,
        promises: name
            .ends_with("-redis")
            .then(|| ["no", "everysec", "always"].map(|how| format!("Redis, {how}"))),
        commits_to: name.ends_with("-postgres").then_some(StoreKind::Postgres),
    };
    let names = ["b-memory", "b-redis", "b-postgres"].map(|name| known(name, 4));
    [vec![known("floor", 4), known("a-memory", 64)], names.to_vec()].concat()
}

fn good(text: &str, set: &[&str]) -> Definition {
    let set: Vec<String> = set.iter().map(|&set| set.to_owned()).collect();
    read("some/where/mine.toml", text, &set, &catalog()).unwrap_or_else(|fault| panic!("{fault}"))
}

fn slugs(definition: &Definition) -> Vec<&str> {
    definition.arms.iter().map(|arm| arm.slug.as_str()).collect()
}

/// A file that is wrong is answered with its place and these words.
fn check(text: &str, place: &str, words: &[&str]) {
    let fault = read("mine.toml", text, &[], &catalog()).expect_err(place).to_string();
    assert!(fault.starts_with(&format!("mine.toml:{place}: ")), "{place}: {fault}");
    for word in words {
        assert!(fault.contains(word), "{word:?} is not in {fault}");
    }
}

/// The good file with one piece replaced.
fn with(piece: &str, by: &str) -> String {
    assert_eq!(GOOD.matches(piece).count(), 1, "{piece:?}");
    GOOD.replace(piece, by)
}

#[test]
fn axes_are_multiplied_and_named() {
    let definition = good(GOOD, &[]);
    assert_eq!(definition.name, "mine");
    let expect = ["floor", "a-memory-b1", "a-memory-b10", "b-memory-b1", "b-memory-b10"];
    assert_eq!(slugs(&definition), expect);
    assert!(definition.arms[0].floor);
    assert_eq!((definition.arms[1].connections, definition.arms[3].connections), (64, 4));
    let loads: Vec<&str> = definition.loads.iter().map(|load| load.slug.as_str()).collect();
    assert_eq!(loads, ["low", "high-constant", "high-burst20"]);
    assert_eq!(definition.loads[0].rate, Rate::PerS(1_000.0));
    assert_eq!(definition.loads[0].arrivals, Arrivals::Poisson);
    assert_eq!(definition.loads[2].arrivals, Arrivals::Burst { batches: 20 });
    assert_eq!((definition.loads[0].window_ms, definition.loads[2].window_ms), (2_000, 1_000));
    let source = definition.source.unwrap();
    assert_eq!((source.file.as_str(), source.sha256.len()), ("mine.toml", 64));
    let Claim::Ratio { figure, against_load, .. } = &definition.expectations[0].claim else {
        panic!("{:?}", definition.expectations)
    };
    assert_eq!((*figure, against_load.as_str()), (Figure::Cpu, "low"));
}

#[test]
fn every_axis_of_an_arm_is_read() {
    let arm = r#"[arm]
pipeline = "b-memory"
connections = 2
in_flight = [1, 8]
codec = ["json", "msgpack"]
tls = true
flush = "each"
link = "50ms 20mbit""#;
    let head = "question = \"q\"\nprediction = \"p\"\n";
    let definition = good(&format!("{head}{arm}\n[load]\nrate = 10\n"), &[]);
    let expect = [
        "floor-50ms-20mbit",
        "b-memory-2x1-json",
        "b-memory-2x1-msgpack",
        "b-memory-2x8-json",
        "b-memory-2x8-msgpack",
    ];
    assert_eq!(slugs(&definition), expect);
    let last = &definition.arms[4];
    assert_eq!((last.codec, last.tls, last.flush), (Codec::Msgpack, true, Flush::Each));
    let link = last.link.unwrap();
    assert_eq!((link.round_trip_ms, link.bandwidth_mbit_per_s), (50.0, Some(20.0)));
    assert_eq!(definition.arms[0].link, last.link, "the floor stands behind the same link");
    assert_eq!(definition.loads[0].slug, "load");
    let without = good(&format!("{head}floor = false\n{arm}\n[load]\nrate = 10\n"), &[]);
    assert!(without.arms.iter().all(|arm| !arm.floor));
}

#[test]
fn mistakes_have_a_place_and_valid_names() {
    check("question = 1\n", "1:12", &["integer `1`", "expected one line"]);
    check("question = \"\"\n", "1:12", &["expected one line of 1 to 240 characters"]);
    check("question == 2\n", "1:11", &[]);
    check(&with("batch = [1, 10]", "batches = 1"), "7:1", &["`batches`", "`batch`", "`in_flight`"]);
    check(&with("rate = 1000", "rat = 1000"), "11:1", &["`rat`", "`rate`", "`arrivals`"]);
    check(&with("[primary]", "[prime]"), "20:2", &["`prime`", "`primary`", "`expect`"]);
    check(&with("\"b-memory\"]", "\"c-memory\"]"), "6:25", &["\"c-memory\"", "a-memory, b-memory"]);
    check(&with("\"b-memory\"]", "\"floor\"]"), "6:25", &["floor = false"]);
    check(&with("[1, 10]", "[1, 1001]"), "7:13", &["a whole number from 1 to 1000"]);
    check(&with("\"burst:20\"", "\"burst:1\""), "16:25", &["\"poisson\"", "\"burst:N\""]);
    check(&with("\"60% of slowest\"", "\"60%\""), "15:8", &["\"60% of slowest\""]);
    check(&with("rate = 1000", "rate = 0"), "11:8", &["batches a second from 1 to"]);
    check(&with("\"1s\"", "1000"), "18:10", &["expected a duration such as \"2500ms\""]);
    check(&with("\"1s\"", "\"1.5s\""), "18:10", &["\"1.5s\"", "\"2500ms\""]);
    check(&with("slug = \"low\"", "slug = \"Low!\""), "10:8", &["a to z, 0 to 9"]);
    check(&with("slug = \"high\"", "slug = \"a/b\""), "14:8", &["a short name"]);
    check(&with("b-memory-b1\"\n", "b-memory\"\n"), "3:12", &["\"b-memory\"", "b-memory-b10"]);
    check(
        &with("figure = \"cpu\"\nload", "figure = \"p95\"\nload"),
        "21:10",
        &["\"p99\"", "\"cpu\""],
    );
    check(&with("\"cpu\"\nload", "\"live_p99\"\nload"), "22:8", &["no live subscriber"]);
    check(&with("[[\"a-memory-b10\", \"a", "[[\"a-memory-b2\", \"a"), "23:11", &["a-memory-b10"]);
    check(&with("b10\", \"a-memory-b1\"]]", "b1\", \"a-memory-b1\"]]"), "23:26", &["itself"]);
    check(
        &with("ratio = { below = 0.9 }\n", ""),
        "25:1",
        &["ratio", "to_floor", "answered", "audit"],
    );
    check(&with("{ below = 0.9 }", "{}"), "31:9", &["above, below or both"]);
    check(
        &with("{ below = 0.9 }", "{ above = 2, below = 1 }"),
        "31:9",
        &["above smaller than below"],
    );
    check(&with("{ below = 0.9 }", "{ under = 0.9 }"), "31:11", &["`above`", "`below`"]);
    check(&with("against = \"a-memory-b1\"\n", ""), "30:9", &["against_load"]);
    check(&with("ratio = { below = 0.9 }", "audit = \"lost\""), "31:9", &["\"kept\""]);
    let again = "\n[[arm]]\npipeline = \"a-memory\"\n";
    check(&(GOOD.to_owned() + again), "33:1", &["two arms are a-memory-b1"]);
    check(&with("[1, 10]", "1979-05-27"), "7:9", &["a whole number from 1 to 1000"]);
    check(&with("[[arm]]", "arm = 3\n[x]"), "5:7", &["expected a table [[arm]]"]);
    check(&(GOOD.to_owned() + "\n[[load]]\nslug = \"low\"\nrate = 1\n"), "33:1", &["two loads"]);
}

#[test]
fn limits_are_kept() {
    let prose = "x".repeat(limits::PROSE_CHARS_MAX + 1);
    check(&with("It does.", &prose), "2:14", &["text of 1 to 8000 characters"]);
    let many: Vec<String> = (1..=limits::ARMS_MAX).map(|n| n.to_string()).collect();
    let many = format!("batch = [{}]", many.join(", "));
    check(&with("batch = [1, 10]", &many), "5:1", &["more than 32 arms"]);
    let long = with("window = \"1s\"", "window = \"10m\"");
    check(
        &(long.replace("baseline", "rounds = 20\nbaseline")),
        "1:1",
        &["minutes", "fewer rounds"],
    );
    let file = format!("# {}\n{GOOD}", "x".repeat(limits::FILE_BYTES_MAX));
    check(&file, "1:1", &["64 KiB"]);
    let fault = read("My File.toml", GOOD, &[], &catalog()).unwrap_err().to_string();
    assert!(fault.contains("becomes a folder's"), "{fault}");
}

#[test]
fn the_command_line_changes_what_the_file_says() {
    let changed =
        good(GOOD, &["load.low.rate=5000", "rounds=1", "window=500ms", "arm.batch=[1,10,100]"]);
    assert_eq!(changed.loads[0].rate, Rate::PerS(5_000.0));
    assert_eq!(changed.rounds, 1);
    // The high load names its own.
    assert_eq!((changed.loads[0].window_ms, changed.loads[1].window_ms), (500, 1_000));
    assert_eq!(changed.arms.len(), 7);
    assert_eq!(changed.source.unwrap().set.len(), 4);
    let one = "arm={ pipeline = \"b-memory\", batch = [1, 10] }";
    let asks = ["primary.pairs=[]", "expect.arm=b-memory-b10", "expect.against=b-memory-b1"];
    let changed = good(GOOD, &[&[one][..], &asks].concat());
    assert_eq!(slugs(&changed), ["floor", "b-memory-b1", "b-memory-b10"]);
    let changed =
        good(GOOD, &["load.2.arrivals=poisson", "expect.ratio.below=0.5", "primary.figure=p99"]);
    assert_eq!(changed.loads[1].arrivals, Arrivals::Poisson);
    assert_eq!(changed.primary.unwrap().figure, Figure::P99);
    let Claim::Ratio { bounds, .. } = changed.expectations[0].claim else { panic!() };
    assert_eq!(bounds.below, Some(0.5));
}

#[test]
fn an_experiment_that_decides_has_six_rounds_and_a_primary_figure() {
    let decides = format!("decide = true\n{GOOD}");
    let definition = good(&decides, &[]);
    assert_eq!((definition.decide, definition.rounds, definition.rounds_max()), (true, 6, 20));
    let usual = good(GOOD, &["decide=false"]);
    assert_eq!((usual.decide, usual.rounds, usual.rounds_max()), (false, 3, 3));
    check(&format!("rounds = 9\n{decides}"), "2:10", &["6 rounds", "leave rounds out"]);
    let primary = "[primary]\nfigure = \"cpu\"\nload = \"low\"\npairs = [[\"a-memory-b10\", \"a-memory-b1\"]]\n";
    check(&decides.replace(primary, ""), "1:10", &["[primary]"]);
}

#[test]
fn a_wrong_setting_is_blamed_on_the_command_line() {
    let check = |set: &str, words: &[&str]| {
        let fault = read("mine.toml", GOOD, &[set.to_owned()], &catalog());
        let fault = fault.expect_err(set).to_string();
        assert!(fault.contains(&format!("(with --set {set})")), "{fault}");
        assert!(words.iter().all(|word| fault.contains(word)), "{set}: {fault}");
    };
    check("rounds", &["path.to.key=value"]);
    check("load.rate=5000", &["there are 2 [[load]]", "low, high", "load.1.rate"]);
    check("load.low.rat=5000", &["`rat`", "`rate`"]);
    check("load.low.rate=fast", &["\"fast\"", "of slowest"]);
    check("rounds=21", &["a whole number from 1 to 20"]);
    check("windows=1s", &["`windows`", "`window`"]);
    check("seed.x=1", &["seed"]);
    check(".=1", &["empty key"]);
}

#[test]
fn the_estimate_adds_windows_and_what_is_between_them() {
    let ms = |set: &[&str]| estimate_ms(&good(GOOD, set));
    let whole = ms(&["load.2.rate=100"]);
    // Four arms under three loads and a floor under the one without a subscriber, three times.
    let windows = 3 * (4 * (2_300 + 2 * 1_300) + 2_300);
    assert!((windows..windows + 10_000).contains(&whole), "{whole} of {windows}");
    assert!(ms(&[]) > whole, "a share of the slowest has to be found out");
    let more = ms(&["load.2.rate=100", "rounds=6"]);
    assert!((1.8..2.0).contains(&(more as f64 / whole as f64)));
}

#[test]
fn shapes_name_their_own_rates_and_a_rate_makes_them_proportions() {
    let file = |load: &str| {
        let head = "question = \"q\"\nprediction = \"p\"\n[arm]\npipeline = \"a-memory\"\n";
        format!("{head}[load]\n{load}\n")
    };
    let load = |text: &str| {
        let plan = good(&file(text), &[]).loads.remove(0);
        let Rate::PerS(rate_per_s) = plan.rate else { panic!("{plan:?}") };
        plan.at(rate_per_s, String::new())
    };
    let ramp = load("arrivals = \"ramp:200-2000\"");
    assert_eq!((ramp.rate_per_s, ramp.in_flight_max), (1_100.0, 4_000), "two seconds of its peak");
    let ramp = load("arrivals = \"ramp:1-3\"\nrate = 500");
    assert_eq!((ramp.rate_per_s, ramp.in_flight_max), (500.0, 1_500));
    let steps = load("arrivals = \"steps:100x3s,900x1s\"");
    assert_eq!((steps.rate_per_s, steps.in_flight_max), (300.0, 1_800));
    let on_off = load("arrivals = \"on-off:100ms/400ms\"\nrate = 100");
    assert_eq!((on_off.rate_per_s, on_off.in_flight_max), (100.0, 1_000));
    check(&file("arrivals = \"on-off:100ms/400ms\""), "5:1", &["needs a rate", "ramp, steps"]);
    check(&file("arrivals = \"ramp:0-1\""), "5:1", &["mean between one"]);
    check(&file("arrivals = \"replay:none.csv\""), "6:12", &["none.csv cannot be read"]);
    let many = good(&file("arrivals = [\"ramp:0-2.5\", \"steps:1,3\"]\nrate = 9"), &[]);
    let slugs: Vec<&str> = many.loads.iter().map(|load| load.slug.as_str()).collect();
    assert_eq!(slugs, ["ramp0-2p5", "steps2"]);
}

const STORES: &str = r#"
question = "q"
prediction = "p"
faults = ["worker:kill:3s@2s"]

[[arm]]
pipeline = "b-redis"
store = ["none", "sqlite", "postgres"]

[[arm]]
slug = "apart"
pipeline = "b-redis"
store = "postgres"
workers = 2
fsync = "always"

[[load]]
slug = "fan"
rate = 100
live = 50
subscribers = [1, 10]
stalled = 1
"#;

#[test]
fn stores_workers_and_subscribers_are_part_of_the_question() {
    let definition = good(STORES, &["floor=false"]);
    let slugs = slugs(&definition);
    assert_eq!(slugs[..2], ["b-redis-fsync-log", "b-redis-fsync-sqlite"]);
    let apart = definition.arms.last().unwrap();
    assert_eq!(
        apart.store,
        Some(StoreSetup { kind: StoreKind::Postgres, workers: 2, insert: None })
    );
    assert_eq!((apart.fsync, apart.promise.as_str()), (Some(Fsync::Always), "Redis, always"));
    assert_eq!(definition.faults[0].to_string(), "worker:kill:3000ms@2000ms");
    let crowds: Vec<_> = definition.loads.iter().map(|load| (&*load.slug, load.crowd)).collect();
    let many = Some(Crowd { subscribers: 9, stalled: 1 });
    assert_eq!(crowds, [("fan-1sub", None), ("fan-10sub", many)]);
}

#[test]
fn a_load_spins_where_the_file_says_so_or_the_command_line() {
    let loads = "[[load]]\nslug = \"slept\"\nrate = 10\nspin = false\n\n[[load]]\nslug = \"other\"";
    let text = STORES.replace("[[load]]\nslug = \"fan\"", loads);
    let spins = |set: &[&str]| {
        let definition = good(&text, &[&["floor=false"], set].concat());
        let loads = definition.loads.iter().map(|plan| plan.at(10.0, plan.label.clone()));
        loads.map(|load| (load.spin, load.label.contains("spinning"))).collect::<Vec<_>>()
    };
    let (no, yes) = ((false, false), (true, true));
    assert_eq!(spins(&[]), [no, no, no]);
    assert_eq!(spins(&["spin=true"]), [no, yes, yes]);
    assert_eq!(spins(&["load.slept.spin=true"]), [yes, no, no]);
}

#[test]
fn who_commits_first_has_its_store_and_ways_to_write() {
    let direct = STORES.replace(
        "store = [\"none\", \"sqlite\", \"postgres\"]",
        "\n[[arm]]\npipeline = \"b-postgres\"\ninsert = [\"row\", \"copy\"]",
    );
    let definition = good(&direct, &["floor=false"]);
    let arms = &definition.arms;
    let slugs: Vec<_> =
        arms.iter().filter(|arm| arm.commits_first()).map(|arm| &*arm.slug).collect();
    assert_eq!(slugs, ["b-postgres-fsync-row", "b-postgres-fsync-copy"]);
    let own = |insert| Some(StoreSetup { kind: StoreKind::Postgres, workers: 0, insert });
    let direct_arm = arms.iter().find(|arm| arm.commits_first()).unwrap();
    assert_eq!(direct_arm.store, own(Some(Insert::Row)));
    assert!(arms.iter().any(|arm| !arm.commits_first()));

    let wrong = direct.replace("[\"row\", \"copy\"]", "\"upsert\"");
    let said = read("mine.toml", &wrong, &[], &catalog()).unwrap_err().to_string();
    assert!(said.contains("\"rows\""), "{said}");
    let other = direct.replace("insert = [\"row\", \"copy\"]", "store = \"sqlite\"");
    let said = read("mine.toml", &other, &[], &catalog()).unwrap_err().to_string();
    assert!(said.contains("its own store"), "{said}");
    let elsewhere = STORES.replace("workers = 2", "insert = \"row\"");
    let said = read("mine.toml", &elsewhere, &[], &catalog()).unwrap_err().to_string();
    assert!(said.contains("b-redis does not"), "{said}");
}

#[test]
fn stores_that_cannot_be_are_refused() {
    let with = |from: &str, to: &str| STORES.replace(from, to);
    check(&with("store = \"postgres\"\nworkers", "workers"), "13:11", &["name one"]);
    check(
        &with("slug = \"apart\"\npipeline = \"b-redis\"", "pipeline = \"b-memory\""),
        "14:9",
        &[],
    );
    check(&with("\"always\"", "\"never\""), "15:9", &["everysec"]);
    check(&with("live = 50\n", ""), "17:1", &["live feed"]);
    check(&with("[1, 10]", "1"), "17:1", &["2 or more"]);
    check(&with("worker:kill:3s@2s", "disk:kill@1s"), "4:11", &["worker"]);
}
