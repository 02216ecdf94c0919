//! What machine this is, as far as a reader of results needs to know. Everything that cannot
//! be read is `None`: an unknown machine is no reason to stop.

use std::fs;

/// The machine that this process runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Release of the kernel.
    pub kernel: String,
    /// Name of the processor.
    pub cpu_model: Option<String>,
    /// Cores that the machine has, whether this process may use them or not.
    pub cores: usize,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Frequency governor of the first core; virtual machines have none.
    pub governor: Option<String>,
    /// "virtual machine (Firecracker)", "container (docker)" and the like, when it shows.
    pub virtualisation: Option<String>,
    /// Congestion control that TCP sockets get if nobody chooses another, in this process's
    /// network.
    pub congestion_control: Option<String>,
}

impl Machine {
    /// Reads /proc and /sys. It runs no other program.
    pub fn describe() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Self {
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            cpu_model: labelled(&cpuinfo, "model name"),
            cores: cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
            memory_bytes: labelled(&meminfo, "MemTotal")
                .and_then(|kib| kib.strip_suffix(" kB")?.parse().ok().map(|kib: u64| kib << 10)),
            governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            virtualisation: container().or_else(|| virtual_machine(&cpuinfo)),
            congestion_control: line("/proc/sys/net/ipv4/tcp_congestion_control"),
        }
    }
}

/// The value of the first line `label : value`.
fn labelled(text: &str, label: &str) -> Option<String> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs
        .map(|(key, value)| (key.trim(), value.trim()))
        .find_map(|(key, value)| (key == label && !value.is_empty()).then(|| value.to_owned()))
}

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A container shows in the control group of the first process, or by a file that its engine
/// leaves in the root.
fn container() -> Option<String> {
    let groups = fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
    let engine = engine_of(&groups)
        .or_else(|| fs::exists("/.dockerenv").unwrap_or(false).then_some("docker"))
        .or_else(|| fs::exists("/run/.containerenv").unwrap_or(false).then_some("podman"))?;
    Some(format!("container ({engine})"))
}

fn engine_of(groups: &str) -> Option<&'static str> {
    ["docker", "kubepods", "containerd", "libpod", "lxc"]
        .into_iter()
        .find(|engine| groups.contains(engine))
}

/// A virtual machine shows by a processor flag; its maker, if told, in the DMI tables.
fn virtual_machine(cpuinfo: &str) -> Option<String> {
    let flags = labelled(cpuinfo, "flags")?;
    flags.split_whitespace().find(|&flag| flag == "hypervisor")?;
    let maker =
        line("/sys/class/dmi/id/sys_vendor").or_else(|| line("/sys/class/dmi/id/product_name"));
    Some(maker.map_or_else(|| "virtual machine".to_owned(), |m| format!("virtual machine ({m})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_this_machine() {
        let machine = Machine::describe();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(machine.kernel, release.trim());
        assert!(machine.cores >= crate::allowed_cores().len());
        assert!(machine.memory_bytes.unwrap() > 1 << 28);
    }

    #[test]
    fn container_engines_are_told_from_plain_groups() {
        assert_eq!(engine_of("9:name=systemd:/\n8:pids:/\n"), None);
        assert_eq!(engine_of("0::/docker/4f2c\n"), Some("docker"));
        let cpuinfo = "processor : 0\nflags\t\t: fpu vme hypervisor\n";
        assert!(virtual_machine(cpuinfo).unwrap().starts_with("virtual machine"));
        assert_eq!(virtual_machine("flags : fpu\n"), None);
    }
}
