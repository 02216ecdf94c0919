//! What can be read of the machine: cores, clock, governor, memory, open files, load. `kernel.rs` has
//! what the kernel says of itself.

use std::fs;

use tailrace_measure::record::{Examined, Fitness};

use super::{examined, kernel, with};
use crate::machine::Surroundings;

/// Descriptors: an experiment may have 512 connections and both their ends are in one limit each,
/// with files and feeds beside them.
const OPEN_FILES: (u64, u64) = (256, 1_024);
/// Free memory: generator, server, Redis and their buffers need about a quarter of a gibibyte, a
/// log that fills up more.
const MEMORY_MIB: (u64, u64) = (256, 1_024);
/// Runnable tasks a core that nobody of ours has made: more take turns with what is measured.
const BUSY_SHARE: f64 = 0.2;
/// Clock sources that are read without entering the kernel.
const FAST_CLOCKS: [&str; 4] =
    ["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"];

/// Everything, in the order of reading.
pub(super) fn examine(surroundings: &Surroundings) -> Vec<Examined> {
    let machine = surroundings.machine();
    let mut items = vec![cores(surroundings, machine.cores)];
    items.extend(kernel::examine(&machine));
    items.extend([clock(), governor(machine.governor.as_deref()), memory(), open_files(), build()]);
    if let Some(kind) = machine.virtualization {
        let means = "a neighbour on the same host may take time away without a trace in this \
                     guest; lateness and the floor arm show it, absolute figures do not hold";
        items.insert(1, examined("host", Fitness::Care, kind, means));
    }
    items
}

fn cores(surroundings: &Surroundings, cores: u32) -> Examined {
    let placement = surroundings.placement();
    let seen = format!(
        "{cores} usable: servers on {:?}, generator on {:?}",
        placement.server_cores, placement.generator_cores
    );
    let (fitness, means) = match cores {
        0 | 1 => (
            Fitness::Care,
            "server and generator share one core, so each waits for the other and every trial is \
             SUSPECT; measure on a machine with two",
        ),
        2 => (
            Fitness::Good,
            "server and generator have one core each; Redis and links share the server's",
        ),
        _ => (Fitness::Good, "server and generator have one core each, and others are left"),
    };
    with(examined("cores", fitness, seen, means), [("cores", cores.into())])
}

fn clock() -> Examined {
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = fs::read_to_string(source).unwrap_or_default();
    let (fitness, means) = match source.trim() {
        "" => (
            Fitness::Care,
            "which clock the kernel reads is not told; the cost of a stamp may be large",
        ),
        fast if FAST_CLOCKS.contains(&fast) => {
            (Fitness::Good, "a stamp is read without entering the kernel")
        }
        _ => (
            Fitness::Care,
            "each stamp enters the kernel and may cost a microsecond, which counts as the \
             generator's CPU; a host with a stable TSC does better",
        ),
    };
    let seen = if source.trim().is_empty() { "unknown" } else { source.trim() };
    examined("clock", fitness, seen.to_owned(), means)
}

fn governor(governor: Option<&str>) -> Examined {
    let (fitness, means) = match governor {
        Some("performance") => (Fitness::Good, "cores keep their frequency"),
        Some(_) => (
            Fitness::Care,
            "cores change their frequency with the load, so a low rate looks slower than it is; \
             `cpupower frequency-set -g performance` keeps it",
        ),
        None => (Fitness::Good, "not told here, as is usual in a guest: the host decides"),
    };
    examined("governor", fitness, governor.unwrap_or("unknown").to_owned(), means)
}

fn memory() -> Examined {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let Some(mib) = kib.map(|kib| kib >> 10) else {
        let means = "how much is free is not told; if processes die in a run, look there first";
        return examined("memory", Fitness::Care, "unknown".into(), means);
    };
    let (fitness, means) = match mib {
        _ if mib < MEMORY_MIB.0 => {
            (Fitness::Unfit, "server, Redis and generator do not fit; end other programs")
        }
        _ if mib < MEMORY_MIB.1 => {
            (Fitness::Care, "enough for low rates; a log that fills up may meet the limit")
        }
        _ => (Fitness::Good, "enough for server, Redis and generator"),
    };
    with(examined("memory", fitness, format!("{mib} MiB free"), means), [("free_mib", mib as f64)])
}

fn open_files() -> Examined {
    let text = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"));
    let word = line.and_then(|line| line.split_whitespace().next()).unwrap_or_default();
    // No number: "unlimited".
    let limit: u64 = word.parse().unwrap_or(u64::MAX);
    let (fitness, means) = match limit {
        _ if limit < OPEN_FILES.0 => (
            Fitness::Unfit,
            "too few even for the usual 64 connections on both sides; `ulimit -n 4096`",
        ),
        _ if limit < OPEN_FILES.1 => (
            Fitness::Care,
            "enough for the usual connections, not for 512 of them; `ulimit -n 4096`",
        ),
        _ => (Fitness::Good, "enough for the most connections that an experiment may have"),
    };
    let item = examined("open files", fitness, format!("{word} (ulimit -n)"), means);
    with(item, [("open_files_max", limit as f64)])
}

fn build() -> Examined {
    if cfg!(debug_assertions) {
        let means = "several times slower than the real thing, so every trial is SUSPECT; build \
                     with --release";
        return examined("build", Fitness::Care, "debug".into(), means);
    }
    examined("build", Fitness::Good, "release".into(), "its figures are its own")
}

/// What else runs, as the kernel counts it over the last minute.
pub(super) fn busy() -> Examined {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Option<f64> = text.split(' ').next().and_then(|word| word.parse().ok());
    let Some(load) = load else {
        let means = "what else runs is not told; run-queue delays of each trial show it";
        return examined("load", Fitness::Care, "unknown".into(), means);
    };
    let share = load / tailrace_sys::allowed_cores().len().max(1) as f64;
    let (fitness, means) = if share > BUSY_SHARE {
        (
            Fitness::Care,
            "something else ran in the last minute and takes turns with what is measured; wait, or \
             stop it",
        )
    } else {
        (Fitness::Good, "nothing else ran in the last minute")
    };
    let item = examined("load", fitness, format!("{load} over the last minute"), means);
    with(item, [("load_1min", load)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_core_is_too_few() {
        let surroundings = Surroundings::look();
        assert_eq!(cores(&surroundings, 1).fitness, Fitness::Care);
        assert_eq!(cores(&surroundings, 2).fitness, Fitness::Good);
    }
}
