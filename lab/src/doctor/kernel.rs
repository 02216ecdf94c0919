//! What the kernel was built and set to: how exactly it ends waits, whether it lets others run
//! while it works itself, and how it sends what sockets are given. `machine.rs` has the rest that
//! can be read.

use std::fs;
use std::io::Read;

use flate2::read::GzDecoder;
use tailrace_loadgen::congestion::UNPACED;
use tailrace_measure::record::{Examined, Fitness, Machine};

use super::examined;

/// `epoll_pwait2` came with it: older kernels end waits on the millisecond.
const KERNEL_LEAST: (u32, u32) = (5, 11);
/// A kernel's configuration is about a quarter of a megabyte.
const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// Everything, in the order of reading.
pub(super) fn examine(machine: &Machine) -> [Examined; 3] {
    [kernel(&machine.kernel), preempting(preemption(&machine.kernel).as_deref()), sockets(machine)]
}

fn kernel(release: &str) -> Examined {
    let known = version(release).is_none_or(|version| version >= KERNEL_LEAST);
    let (major, minor) = KERNEL_LEAST;
    let (fitness, means) = if known {
        (Fitness::Good, "waits end on the nanosecond".to_owned())
    } else {
        (Fitness::Unfit, format!("the generator needs Linux {major}.{minor} or later"))
    };
    examined("kernel", fitness, release.to_owned(), &means)
}

/// Major and minor number of a release such as `6.1.0-18-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The kernel's preemption model: as it is now, if that can be read, or as it was built and booted.
fn preemption(release: &str) -> Option<String> {
    let now = fs::read_to_string("/sys/kernel/debug/sched/preempt").unwrap_or_default();
    let booted = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    chosen(&now).or_else(|| of_boot(&booted)).or_else(|| of_config(&config(release)?))
}

/// The one in parentheses: `none voluntary (full) lazy`.
fn chosen(models: &str) -> Option<String> {
    Some(models.split_once('(')?.1.split_once(')')?.0.to_owned())
}

fn of_boot(line: &str) -> Option<String> {
    line.split_whitespace().find_map(|word| word.strip_prefix("preempt=")).map(str::to_owned)
}

fn of_config(config: &str) -> Option<String> {
    let models = [
        ("CONFIG_PREEMPT_RT=y", "real time"),
        ("CONFIG_PREEMPT_NONE=y", "none"),
        ("CONFIG_PREEMPT_VOLUNTARY=y", "voluntary"),
        ("CONFIG_PREEMPT_LAZY=y", "lazy"),
        ("CONFIG_PREEMPT=y", "full"),
    ];
    let is_set = |setting: &str| config.lines().any(|line| line == setting);
    models.into_iter().find(|(setting, _)| is_set(setting)).map(|(_, model)| model.to_owned())
}

/// As distributions put it beside the kernel, or as the kernel itself may keep it.
fn config(release: &str) -> Option<String> {
    fs::read_to_string(format!("/boot/config-{release}")).ok().or_else(|| {
        let mut text = String::new();
        let packed = fs::File::open("/proc/config.gz").ok()?;
        GzDecoder::new(packed).take(CONFIG_BYTES_MAX).read_to_string(&mut text).ok()?;
        Some(text)
    })
}

fn preempting(model: Option<&str>) -> Examined {
    let (fitness, means) = match model {
        Some("none" | "voluntary") => (
            Fitness::Good,
            "while the kernel works for somebody else, it gives its core to nobody, whatever their \
             priority: such work shows as hiccups",
        ),
        Some(_) => (Fitness::Good, "the kernel's own work makes room for whoever is due"),
        None => (
            Fitness::Good,
            "whether the kernel's own work makes room for whoever is due is not told; hiccups show it",
        ),
    };
    examined("preemption", fitness, model.unwrap_or("unknown").to_owned(), means)
}

/// Nothing of it spoils a figure of one machine: what matters is that two machines are alike.
fn sockets(machine: &Machine) -> Examined {
    let [own, generators] =
        [&machine.congestion_control, &machine.generator_congestion_control].map(Option::as_deref);
    let seen = format!(
        "TCP congestion control {}; {} on the generator's over loopback",
        own.unwrap_or("unknown"),
        generators.unwrap_or("unknown")
    );
    let (fitness, means) = match (own, generators) {
        (_, Some(control)) if paces(control) => (
            Fitness::Care,
            format!(
                "it paces: the kernel holds bytes back after the generator has stamped them as \
                 sent, and that costs CPU; add {UNPACED} to the setting \
                 net.ipv4.tcp_allowed_congestion_control"
            ),
        ),
        (Some(own), _) if paces(own) => (
            Fitness::Good,
            format!(
                "servers and backends answer through {own}, which paces: the same for every arm, but \
                 for figures beside those of a machine with another default, `sysctl -w \
                 net.ipv4.tcp_congestion_control={UNPACED}` before the run"
            ),
        ),
        _ => (Fitness::Good, "nothing is paced after it was stamped as sent".to_owned()),
    };
    examined("sockets", fitness, seen, &means)
}

/// Of those that Linux has, the family of BBR alone needs its segments spread over time.
fn paces(control: &str) -> bool {
    control.starts_with("bbr")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_apart_by_number_and_not_by_letter() {
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("5.4.0"), Some((5, 4)));
        assert_eq!(kernel("5.4.0").fitness, Fitness::Unfit);
        assert_eq!(kernel("5.11").fitness, Fitness::Good);
        assert_eq!(kernel("10.0.1-new").fitness, Fitness::Good);
        assert_eq!(kernel("of my own").fitness, Fitness::Good, "unknown is no reason to stop");
    }

    #[test]
    fn the_preemption_model_is_read_wherever_it_stands() {
        assert_eq!(chosen("none voluntary (full) lazy\n").as_deref(), Some("full"));
        assert_eq!(chosen(""), None);
        assert_eq!(of_boot("quiet preempt=voluntary ro").as_deref(), Some("voluntary"));
        assert_eq!(of_boot("quiet ro"), None);
        let config = "CONFIG_PREEMPT_BUILD=y\n# CONFIG_PREEMPT is not set\nCONFIG_PREEMPT_NONE=y\n";
        assert_eq!(of_config(config).as_deref(), Some("none"));
        assert_eq!(of_config("# CONFIG_PREEMPT is not set\n"), None);
    }

    #[test]
    fn sockets_are_told_with_what_to_do() {
        let of = |own: &str, generators: &str| {
            sockets(&Machine {
                congestion_control: Some(own.into()),
                generator_congestion_control: Some(generators.into()),
                ..Machine::default()
            })
        };
        let plain = of("cubic", "reno");
        assert_eq!(
            plain.seen,
            "TCP congestion control cubic; reno on the generator's over loopback"
        );
        assert!(plain.means.starts_with("nothing is paced"));
        let others = of("bbr", "reno");
        assert_eq!(others.fitness, Fitness::Good);
        assert!(others.means.contains("sysctl -w net.ipv4.tcp_congestion_control=reno"));
        let refused = of("bbr", "bbr");
        assert_eq!(refused.fitness, Fitness::Care);
        assert!(refused.means.contains("tcp_allowed_congestion_control"));
    }
}
