//! Services as processes of this machine. A host name of the file becomes the loopback, a port a
//! free one, a volume a folder, an image the installed program. Order, conditions, health checks
//! and stopping are as Compose does them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tailrace_sys::{Signal, send};
use tempfile::TempDir;

use super::file::{Condition, File, Service, root};
use super::postgres;
use crate::stage::{Bound, Lines, PATIENCE, component, http, run, tailrace, told};

/// Between two health checks; Compose waits for seconds.
const PAUSE: Duration = Duration::from_millis(20);
/// Ports tried for a program that cannot take a free one by itself: another process may be
/// faster.
const PORTS_MAX: usize = 5;
/// Where Redis listens in its image.
const REDIS_PORT: u16 = 6379;
/// The same of PostgreSQL.
const POSTGRES_PORT: u16 = 5432;

/// A service that runs.
struct Running {
    name: String,
    child: Bound,
    output: Lines,
}

/// Services that run, and where.
pub(crate) struct Stack {
    file: File,
    folder: TempDir,
    /// Where a port of a service is on this machine.
    places: BTreeMap<(String, u16), SocketAddr>,
    /// In the order in which they were started.
    running: Vec<Running>,
    completed: BTreeSet<String>,
}

impl Stack {
    pub(crate) fn new(file: File) -> Self {
        let folder = tempfile::Builder::new().prefix("tailrace-compose-").tempdir().unwrap();
        // Nginx started by root reads files as nobody.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let (places, completed) = (BTreeMap::new(), BTreeSet::new());
        Self { file, folder, places, running: Vec::new(), completed }
    }

    /// Starts every service without a profile or with one of these.
    pub(crate) fn up(&mut self, profiles: &[&str]) {
        let wanted = |service: &Service| {
            let mut own = service.profiles.iter();
            service.profiles.is_empty() || own.any(|own| profiles.contains(&&**own))
        };
        let services = self.file.services.iter().filter(|(_, service)| wanted(service));
        let names: Vec<String> = services.map(|(name, _)| name.clone()).collect();
        self.start(&names.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Starts services after those that they depend on.
    pub(crate) fn start(&mut self, names: &[&str]) {
        for name in names {
            if self.running.iter().any(|one| one.name == *name) || self.completed.contains(*name) {
                continue;
            }
            let service = self.file.service(name).clone();
            for (other, dependency) in &service.depends_on {
                self.start(&[other]);
                match dependency.condition {
                    Condition::ServiceHealthy => self.wait_until_healthy(other),
                    Condition::ServiceCompletedSuccessfully => {
                        assert!(self.completed.contains(other), "{other} does not end by itself");
                    }
                }
            }
            self.start_one(name, &service);
        }
    }

    fn start_one(&mut self, name: &str, service: &Service) {
        match image(service) {
            _ if service.ends() => {
                let output = run(&mut self.command(name, service));
                assert!(output.status.success(), "{name}: {}", told(&output));
                self.completed.insert(name.to_owned());
            }
            "tailrace" => self.spawn(name, self.command(name, service)),
            _ => self.start_on_free_ports(name, service),
        }
        let last = self.running.last().filter(|last| last.name == name);
        if let (Some(running), "serve") = (last, &*service.command[0]) {
            let line = running.output.wait_for("the readiness line", |line| line.contains("ready"));
            let ready: Value = serde_json::from_str(&line).expect("JSON");
            for (port, key) in [(7070, "ingest"), (7071, "observer")] {
                let address = ready[key].as_str().expect(key).parse().expect(key);
                self.places.insert((name.to_owned(), port), address);
            }
        }
    }

    fn spawn(&mut self, name: &str, mut command: Command) {
        let mut child = Bound::start(command.stdout(Stdio::piped()));
        let output = child.lines();
        self.running.push(Running { name: name.to_owned(), child, output });
    }

    /// A program of others must be told its ports, and one that ends at once lost the race for
    /// them.
    fn start_on_free_ports(&mut self, name: &str, service: &Service) {
        for _ in 0..PORTS_MAX {
            for port in own_ports(service) {
                let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                self.places.insert((name.to_owned(), port), free.local_addr().unwrap());
            }
            self.spawn(name, self.command(name, service));
            if self.becomes_healthy(name) {
                return;
            }
            self.running.pop();
        }
        panic!("{name} does not run: {:?}", self.command(name, service));
    }

    /// The process of a service.
    fn command(&self, name: &str, service: &Service) -> Command {
        let words = service.command.iter().map(|word| self.here(name, service, word));
        let mut words = words.collect::<Vec<_>>().into_iter();
        let mut command = match image(service) {
            "tailrace" => {
                let mut program = tailrace(words);
                program.env("TAILRACE_CHART_JS", chart_js());
                program
            }
            "redis" => {
                let mut redis = component("TAILRACE_TEST_REDIS_SERVER", &words.next().unwrap());
                let port = self.address(name, REDIS_PORT).port().to_string();
                let data = self.volume_of(service, "/data");
                redis.args(words).args(["--port", &port, "--bind", "127.0.0.1", "--dir"]).arg(data);
                redis
            }
            "postgres" => {
                let port = self.address(name, POSTGRES_PORT).port();
                let here = |name_of: &str| self.here(name, service, &service.environment[name_of]);
                postgres::command(Path::new(&here("PGDATA")), port, &here)
            }
            "nginx" => {
                let mut nginx = component("TAILRACE_TEST_NGINX", &words.next().unwrap());
                self.write_nginx_conf(name, service);
                nginx.args(words);
                nginx
            }
            other => panic!("{name}: no program stands for the image {other}"),
        };
        let environment = service.environment.iter();
        command
            .envs(environment.map(|(name_of, value)| (name_of, self.here(name, service, value))));
        command.stdin(Stdio::null());
        command
    }

    /// A text of a service as it must be on this machine.
    fn here(&self, name: &str, service: &Service, text: &str) -> String {
        let mut text = text.to_owned();
        for (source, target) in mounts(service) {
            text = text.replace(target, &self.mounted(source).display().to_string());
        }
        // Longest first: one name may end like another.
        let mut places: Vec<_> = self.places.iter().collect();
        places.sort_by_key(|((host, _), _)| std::cmp::Reverse(host.len()));
        for ((host, port), place) in places {
            text = text.replace(&format!("{host}:{port}"), &place.to_string());
        }
        for own in ["0.0.0.0", "127.0.0.1"] {
            for port in own_ports(service) {
                let place = self.places.get(&(name.to_owned(), port));
                // A server takes a free port and says which.
                let place = place.map_or("127.0.0.1:0".into(), SocketAddr::to_string);
                text = text.replace(&format!("{own}:{port}"), &place);
            }
        }
        text
    }

    /// The folder or file that a volume is here: a named one in the test's own folder, another
    /// where it says.
    fn mounted(&self, source: &str) -> PathBuf {
        match source.strip_prefix("./") {
            Some("containers/nginx.conf") => self.folder.path().join("nginx.conf"),
            Some(path) => root().join(path),
            None => {
                let folder = self.folder.path().join("volumes").join(source);
                std::fs::create_dir_all(&folder).unwrap();
                folder
            }
        }
    }

    fn volume_of(&self, service: &Service, target: &str) -> PathBuf {
        let found = mounts(service).find(|(_, mounted)| *mounted == target);
        self.mounted(found.unwrap_or_else(|| panic!("nothing is mounted on {target}")).0)
    }

    fn write_nginx_conf(&self, name: &str, service: &Service) {
        let conf = std::fs::read_to_string(root().join("containers/nginx.conf")).unwrap();
        let scratch = self.folder.path().join("nginx");
        std::fs::create_dir_all(&scratch).unwrap();
        let mut conf = conf.replace("/tmp/", &format!("{}/", scratch.display()));
        for port in own_ports(service) {
            let listen = format!("listen {};", self.address(name, port));
            assert!(conf.contains(&format!("listen {port};")), "nothing listens on {port}");
            conf = conf.replace(&format!("listen {port};"), &listen);
        }
        // One process: a test that fails kills it, and workers would live on.
        let conf = format!("master_process off;\n{}", self.here(name, service, &conf));
        std::fs::write(self.folder.path().join("nginx.conf"), conf).unwrap();
    }

    /// One question of a health check.
    fn is_healthy(&self, name: &str) -> bool {
        let service = self.file.service(name);
        let check = service.healthcheck.as_ref().unwrap_or_else(|| panic!("{name}: no check"));
        let words = check.test.iter().map(|word| self.here(name, service, word));
        let words: Vec<String> = words.collect();
        let mut command = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["CMD", "tailrace", ref rest @ ..] => tailrace(rest),
            ["CMD-SHELL", line] => {
                let mut shell = Command::new("sh");
                let line = match image(service) {
                    "redis" => {
                        let port = self.address(name, REDIS_PORT).port();
                        line.replace("redis-cli", &format!("redis-cli -p {port}"))
                    }
                    "postgres" => {
                        let port = self.address(name, POSTGRES_PORT).port();
                        let program = postgres::program("pg_isready");
                        line.replace("pg_isready", &format!("{} -p {port}", program.display()))
                    }
                    _ => line.to_owned(),
                };
                shell.args(["-c", &line]).env("no_proxy", "*");
                shell
            }
            _ => panic!("{name}: a health check of another kind: {words:?}"),
        };
        run(&mut command).status.success()
    }

    /// Waits for a healthy service; false when its process ended.
    fn becomes_healthy(&mut self, name: &str) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while !self.is_healthy(name) {
            assert!(Instant::now() < deadline, "{name} is not healthy after {PATIENCE:?}");
            let running = self.running.iter_mut().find(|one| one.name == name);
            if running.expect("it was started").child.0.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
        true
    }

    fn wait_until_healthy(&mut self, name: &str) {
        assert!(self.becomes_healthy(name), "{name} ended");
    }

    /// Waits until batches of a fleet are in a pipeline's log, as its observer says.
    pub(crate) fn wait_for_batches(&self, pipeline: &str) {
        let deadline = Instant::now() + PATIENCE;
        let service = self.file.service(pipeline);
        let check = service.healthcheck.as_ref().expect("a health check");
        let words: Vec<_> = check.test.iter().map(|w| self.here(pipeline, service, w)).collect();
        while Instant::now() < deadline {
            let output = run(tailrace(&words[2..]).arg("--json"));
            let health: Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|e| panic!("{pipeline}: {e}: {}", told(&output)));
            if health["log"]["entries"].as_u64() > Some(0) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("nothing arrived at {pipeline} within {PATIENCE:?}");
    }

    /// Waits until metrics of a fleet are in the store, as the pipeline's observer answers.
    pub(crate) fn wait_for_history(&self, pipeline: &str) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let page = http::get(self.address(pipeline, 7071), "/v1/metrics?limit=1");
            if page.json()["rows"].as_array().is_some_and(|rows| rows.len() == 1) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("nothing of {pipeline} is stored within {PATIENCE:?}");
    }

    /// Where a port of a service is.
    pub(crate) fn address(&self, name: &str, port: u16) -> SocketAddr {
        let place = self.places.get(&(name.to_owned(), port));
        *place.unwrap_or_else(|| panic!("{name} does not listen on {port}"))
    }

    /// What a Redis answers to a client that says nothing else.
    pub(crate) fn redis_says(&self, name: &str, command: &str) -> String {
        let mut stream = http::connect(self.address(name, REDIS_PORT));
        write!(stream, "{command}\r\nQUIT\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Stops one service as Compose does; returns what it printed.
    pub(crate) fn stop(&mut self, name: &str) -> String {
        let place = self.running.iter().position(|running| running.name == name);
        let mut running = self.running.remove(place.unwrap_or_else(|| panic!("{name} is not up")));
        send(running.child.0.id(), Signal::Term).unwrap();
        let status = running.child.wait();
        let said = running.output.rest().join("\n");
        assert!(status.success(), "{name}: {status}: {said}");
        said
    }

    /// Stops what runs, the last first; each must drain and end well.
    pub(crate) fn down(mut self) {
        while let Some(last) = self.running.last() {
            let name = last.name.clone();
            self.stop(&name);
        }
    }
}

/// The live feed behind an address, open: its first line has come.
pub(crate) fn feed(address: SocketAddr) -> Lines {
    let mut stream = http::connect(address);
    let target = "/v1/metrics/live?view=full";
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let feed = Lines::of(stream);
    feed.wait_for("the feed", |line| line.starts_with("HTTP/1.1 200"));
    feed
}

/// The program that an image holds.
fn image(service: &Service) -> &str {
    service.image.split(':').next().unwrap_or_default()
}

/// What the image has at the place that its environment names.
fn chart_js() -> PathBuf {
    let file = root().join("dashboard/node_modules/chart.js/dist/chart.umd.min.js");
    assert!(file.exists(), "Chart.js is missing; run the tests with: cargo xtask test -p tailrace");
    file
}

/// Ports inside the container.
fn own_ports(service: &Service) -> Vec<u16> {
    match image(service) {
        "redis" => return vec![REDIS_PORT],
        "postgres" => return vec![POSTGRES_PORT],
        _ => {}
    }
    let inside = service.ports.iter().map(|port| port.rsplit(':').next().unwrap_or_default());
    inside.map(|port| port.parse().unwrap_or_else(|e| panic!("{port}: {e}"))).collect()
}

/// Source and target of each volume.
fn mounts(service: &Service) -> impl Iterator<Item = (&str, &str)> {
    service.volumes.iter().map(|volume| {
        let mut parts = volume.split(':');
        let (source, target) = (parts.next(), parts.next());
        source.zip(target).unwrap_or_else(|| panic!("{volume} is not source:target"))
    })
}
