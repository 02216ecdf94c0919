//! Other load generators on the same server with the same concurrency, for one question: what
//! does a request cost whoever sends it? Only programs that are on PATH; they run in a closed
//! loop, because that is what they are. Their latencies are not read here.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use tailrace_contract::codec::Codec;
use tailrace_contract::{Producer, RunId};
use tailrace_loadgen::arena::Launched;
use tailrace_loadgen::trial::Saturated;
use tailrace_measure::record::Arm;
use tailrace_producers::Payloads;

/// A load generator of somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Peer {
    /// HTTP/1.1: <https://github.com/wg/wrk>.
    Wrk,
    /// HTTP/2, of nghttp2: <https://nghttp2.org>.
    H2load,
}

/// What a round with a peer needs.
pub(super) struct Order<'a> {
    /// Whose server, with which concurrency.
    pub(super) arm: &'a Arm,
    /// One of its bodies is sent over and over.
    pub(super) payloads: &'a Payloads,
    /// Where the peer runs, instead of the generator.
    pub(super) cores: &'a [usize],
    pub(super) window: Duration,
}

impl Peer {
    /// Its program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wrk => "wrk",
            Self::H2load => "h2load",
        }
    }

    /// The one protocol that it is asked for here, as pipelines name it.
    pub(super) fn protocol(self) -> &'static str {
        match self {
            Self::Wrk => "http1",
            Self::H2load => "http2",
        }
    }

    /// Drives a running server for a window.
    ///
    /// # Errors
    /// It is not installed, does not speak the arm's protocol, failed, or said something that
    /// cannot be read.
    pub(super) fn run(self, server: &dyn Launched, order: &Order<'_>) -> anyhow::Result<Saturated> {
        let folder = tempfile::tempdir()?;
        let mut command = self.command(server, order, folder.path())?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let before = tailrace_sys::children_cpu_ns();
        let cores = (!order.cores.is_empty()).then_some(order.cores);
        let child = tailrace_sys::spawn_bound(&mut command, cores)
            .with_context(|| format!("{} could not be started; is it installed?", self.name()))?;
        // Nothing else ends meanwhile: the servers of other rounds have been waited for.
        let output = child.wait_with_output()?;
        let cpu_ns = tailrace_sys::children_cpu_ns() - before;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "{} ended with {}: {said}", self.name(), output.status);
        let done = match self {
            Self::Wrk => read_wrk(&said),
            Self::H2load => read_h2load(&said),
        };
        let Some(Done { requests, failed, per_s }) = done else {
            bail!("what {} said cannot be read: {said}", self.name());
        };
        Ok(Saturated {
            acked_per_s: per_s,
            failed,
            server_cpu_us: None,
            backend_cpu_us: None,
            generator_cpu_us: cpu_ns as f64 / 1e3 / requests.max(1) as f64,
        })
    }

    fn command(
        self,
        server: &dyn Launched,
        order: &Order<'_>,
        folder: &Path,
    ) -> anyhow::Result<Command> {
        let url = format!("http://{}/v1/ingest", server.ingest());
        let (arm, seconds) = (order.arm, order.window.as_secs().max(1));
        let mut body = Vec::new();
        order.payloads.write_body(&Producer("peer".into()), 0, &mut body);
        let run = RunId(0).to_string();
        let mut command = Command::new(self.name());
        command.args(["-t", "1", "-c", &arm.connections.to_string()]);
        match self {
            Self::Wrk if arm.in_flight_per_connection == 1 => {
                let script = wrk_script(&body, &run, folder)?;
                command.arg("-d").arg(format!("{seconds}s")).arg("-s").arg(script);
            }
            Self::Wrk => bail!("wrk has one request in flight on a connection: give --in-flight 1"),
            Self::H2load => {
                let file = written(folder, "body", &body)?;
                command.args(["-m", &arm.in_flight_per_connection.to_string()]);
                command.args(["-D", &seconds.to_string()]).arg("-d").arg(file);
                let kind = Codec::of(&body).content_type();
                command.arg("-H").arg(format!("content-type: {kind}"));
                command.arg("-H").arg(format!("tailrace-run: {run}"));
            }
        }
        command.arg(url);
        Ok(command)
    }
}

/// The request as wrk takes it: a script.
fn wrk_script(body: &[u8], run: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let body = std::str::from_utf8(body).context("wrk's script takes text: use the JSON codec")?;
    let script = format!(
        "wrk.method = 'POST'\nwrk.body = [==[{body}]==]\n\
         wrk.headers['content-type'] = 'application/json'\nwrk.headers['tailrace-run'] = '{run}'\n"
    );
    written(folder, "post.lua", script.as_bytes())
}

fn written(folder: &Path, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    std::fs::File::create(&path)?.write_all(content)?;
    Ok(path)
}

/// What a peer counted.
#[derive(Debug, PartialEq)]
struct Done {
    requests: u64,
    failed: u64,
    per_s: f64,
}

fn read_wrk(said: &str) -> Option<Done> {
    let value = |before: &str| said.split_once(before)?.1.split_whitespace().next();
    let requests = said.split_once(" requests in ")?.0.split_whitespace().last()?.parse().ok()?;
    let failed = value("Non-2xx or 3xx responses:").map_or(Some(0), |n| n.parse().ok())?;
    Some(Done { requests, failed, per_s: value("Requests/sec:")?.parse().ok()? })
}

fn read_h2load(said: &str) -> Option<Done> {
    let before = |after: &str| -> Option<&str> {
        said.split_once(after)?.0.split([' ', ',']).rfind(|word| !word.is_empty())
    };
    let per_s = before(" req/s")?.parse().ok()?;
    let requests: u64 = before(" succeeded")?.parse().ok()?;
    let failed = before(" failed")?.parse().ok()?;
    Some(Done { requests, failed, per_s })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_peers_say_is_read() {
        let wrk = "Running 2s test\n  1 threads and 64 connections\n\
             \x20 212434 requests in 2.00s, 31.2MB read\n  Non-2xx or 3xx responses: 7\n\
             Requests/sec: 106112.50\nTransfer/sec:     15.57MB\n";
        let done = Done { requests: 212_434, failed: 7, per_s: 106_112.5 };
        assert_eq!(read_wrk(wrk), Some(done));
        let h2load = "finished in 2.00s, 191234.50 req/s, 4.38MB/s\n\
             requests: 382469 total, 382725 started, 382469 done, 382460 succeeded, 9 failed, \
             9 errored, 0 timeout\n";
        let done = Done { requests: 382_460, failed: 9, per_s: 191_234.5 };
        assert_eq!(read_h2load(h2load), Some(done));
        assert_eq!(read_wrk("unable to connect"), None);
    }
}
