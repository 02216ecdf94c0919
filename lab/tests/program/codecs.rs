//! `MessagePack` as Python's own package writes it, sent by curl and by Python's `websockets`:
//! taken like JSON, told live as JSON, kept as it came, and refused with a pointer to the field.
//! And what the program itself sends with `--codec`.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use tailrace_measure::record::Codec;

use crate::foreign_clients::{RUN, curl, event, subscribe};
use crate::stage::records::race;
use crate::stage::{Server, component, http, redis, run, run_with_input, tailrace, told};

/// Writes the bodies that are tried into the folder that it is given.
const PYTHON_PACKER: &str = r#"
import datetime, math, pathlib, sys
import msgpack

folder = pathlib.Path(sys.argv[1])
metric = {"name": "python.packed", "value": 20.5, "time": 1, "attributes": {"host": "é", "n": -3, "up": True}}
now = datetime.datetime.now(datetime.timezone.utc)
bodies = {
    "metric": metric,
    "array": [metric, {"name": "python.packed", "value": 7}],
    "batch": {"producer": "curl", "seq": 7, "metrics": [metric]},
    "time": [metric, {"name": "a", "value": 1, "time": now}],
    "binary": {"name": b"a", "value": 1},
    "nan": {"metrics": [{"name": "a", "value": math.nan}]},
}
for name, body in bodies.items():
    (folder / name).write_bytes(msgpack.packb(body, datetime=True))
(folder / "cut").write_bytes(msgpack.packb(metric)[:-1])
(folder / "longer").write_bytes(msgpack.packb(metric) + b"\n")
"#;

fn python(program: &str, arguments: &[&str]) -> String {
    let mut python = component("TAILRACE_TEST_PYTHON", "python3");
    let output = run_with_input(python.arg("-").args(arguments), program.as_bytes());
    assert!(
        output.status.success(),
        "TAILRACE_TEST_PYTHON must name a Python with the packages msgpack and websockets (`cargo \
         xtask test` makes one): {}",
        told(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Posts a file as it is; the status, and the answer, which is JSON whatever was sent.
fn post(ingest: SocketAddr, file: &Path) -> (String, Value) {
    let mut command = curl();
    command.args([
        "-H",
        "content-type: application/msgpack",
        "-H",
        &format!("tailrace-run: {RUN}"),
    ]);
    command.args(["--data-binary", &format!("@{}", file.display())]);
    command.args(["--write-out", "\n%{http_code}", &format!("http://{ingest}/v1/ingest")]);
    let output = run(&mut command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (answer, status) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{}", told(&output)));
    (status.into(), serde_json::from_str(answer).unwrap())
}

#[test]
fn what_python_packs_is_told_as_json_and_kept_as_it_came() {
    let redis = redis();
    let server = Server::start("http1-redis", &["--redis", &redis.url(), "--redis-prefix", "pack"]);
    let folder = tempfile::tempdir().unwrap();
    python(PYTHON_PACKER, &[folder.path().to_str().unwrap()]);
    let file = |name: &str| folder.path().join(name);

    let (_subscriber, lines) = subscribe(server.observer, None);
    for (name, accepted) in [("metric", 1), ("array", 2), ("batch", 1)] {
        let (status, answer) = post(server.ingest, &file(name));
        assert_eq!((status.as_str(), &answer["accepted"]), ("202", &json!(accepted)), "{answer}");
    }
    let metric = json!({"name": "python.packed", "value": 20.5, "time": 1,
        "attributes": {"host": "é", "n": -3, "up": true}});
    let seen: Vec<Value> = (0..3).map(|_| event(&lines).1["metrics"].clone()).collect();
    let array = json!([metric, {"name": "python.packed", "value": 7.0}]);
    assert_eq!(seen, [json!([metric]), array, json!([metric])]);

    let audit = http::get(server.observer, &format!("/v1/audit/{RUN}")).json();
    let named = audit["producers"].as_array().unwrap().iter().find(|p| p["producer"] == "curl");
    assert_eq!(named.map(|p| &p["present"]), Some(&json!([[7, 7]])), "{audit}");

    let mut connection = ::redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let range: ::redis::streams::StreamRangeReply =
        ::redis::cmd("XRANGE").arg("pack:log").arg("-").arg("+").query(&mut connection).unwrap();
    let kept = range.ids.iter().map(|entry| entry.get::<Vec<u8>>("b").unwrap());
    let sent = ["metric", "array", "batch"].map(|name| fs::read(file(name)).unwrap());
    assert_eq!(kept.collect::<Vec<_>>(), sent);
}

#[test]
fn what_python_packs_wrongly_is_refused_with_a_pointer() {
    let server = Server::start("http1-memory", &[]);
    let folder = tempfile::tempdir().unwrap();
    python(PYTHON_PACKER, &[folder.path().to_str().unwrap()]);
    for (name, pointer, said) in [
        ("time", Some("/1/time"), "an extension type"),
        ("binary", Some("/name"), "binary data"),
        ("nan", Some("/metrics/0/value"), "NaN or infinite"),
        ("cut", None, "ends too early"),
        ("longer", None, "more follows"),
    ] {
        let (status, answer) = post(server.ingest, &folder.path().join(name));
        assert_eq!(status, "400", "{name}: {answer}");
        assert!(answer["detail"].as_str().unwrap().contains(said), "{name}: {answer}");
        assert_eq!(answer["fields"][0]["pointer"].as_str(), pointer, "{name}: {answer}");
    }
    assert_eq!(server.aggregated(), 0);
}

/// Packed batches as binary messages; the last is refused. Prints the answers.
const PYTHON_SOCKET: &str = r#"
import sys
import msgpack
from websockets.sync.client import connect

url, run = sys.argv[1:]
with connect(url, additional_headers={"Tailrace-Run": run}, proxy=None) as socket:
    for seq in range(3):
        metrics = [{"name": "python.packed", "value": 20.5 + seq}]
        socket.send(msgpack.packb({"producer": "python", "seq": seq, "metrics": metrics}))
        print(socket.recv())
    socket.send(msgpack.packb({"seq": 3, "metrics": []}))
    print(socket.recv())
"#;

#[test]
fn packed_websocket_messages_are_in_the_aggregates() {
    let server = Server::start("ws-memory", &[]);
    let text = python(PYTHON_SOCKET, &[&format!("ws://{}/v1/ingest", server.ingest), RUN]);
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers[..3], [0, 1, 2].map(|seq| json!({"seq": seq, "accepted": 1})));
    assert_eq!((&answers[3]["seq"], &answers[3]["status"]), (&json!(3), &json!(400)));
    let packed = json!({"name": "python.packed", "count": 3, "sum": 64.5, "min": 20.5, "max": 22.5,
        "last": 22.5});
    assert_eq!(server.aggregate("python.packed"), packed);
}

#[test]
fn a_fleet_that_packs_is_the_same_fleet() {
    let aggregates = ["json", "msgpack"].map(|codec| {
        let server = Server::start("ws-memory", &[]);
        let url = format!("ws://{}", server.ingest);
        let fleet = ["--hosts", "20", "--every", "100ms", "--for", "500ms", "--json"];
        let mut produce = tailrace(["produce", &url, "--connections", "1", "--codec", codec]);
        let output = run(produce.args(fleet));
        assert!(output.status.success(), "{}", told(&output));
        let names = ["cpu.usage", "network.tx"].map(|name| server.aggregate(name));
        (server.aggregated(), names)
    });
    assert_eq!(aggregates[0].0, 600, "{aggregates:?}");
    assert_eq!(aggregates[0], aggregates[1]);
}

#[test]
fn a_race_in_messagepack_says_so_and_sends_less() {
    let bytes = |codec: &str| {
        let short = ["--rounds", "1", "--rate", "200", "--high-rate", "400", "--window", "100ms"];
        let raced = race(&[&["http1-memory", "--codec", codec][..], &short].concat());
        // Windows so short may be no valid measurement; that is not asked here.
        let code = raced.output.status.code();
        assert!(matches!(code, Some(0 | 4)), "{}", told(&raced.output));
        let arms = raced.manifest().experiment.arms;
        let expected = if codec == "json" { Codec::Json } else { Codec::Msgpack };
        assert!(arms.iter().all(|arm| arm.codec == expected), "{arms:?}");
        let trial = raced.trial("http1-memory", "low");
        assert_eq!(trial.outcomes.acked, trial.outcomes.scheduled, "{:?}", trial.outcomes);
        trial.cost.sent_bytes_per_metric
    };
    let (text, packed) = (bytes("json"), bytes("msgpack"));
    assert!(packed < text - 20.0, "{packed} bytes a metric packed, {text} as JSON");
}
