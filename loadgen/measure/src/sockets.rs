//! Whether the sockets of two runs were alike: which congestion control each machine gave them. It
//! is a setting of the machine, changes what requests cost, and shows in no figure.

use crate::record::Machine;

/// What a reader must know before holding one run against another; none: their sockets were alike,
/// or neither record tells.
pub(crate) fn difference(first: &Machine, other: &Machine) -> Option<String> {
    let (a, b) = (controls(first), controls(other));
    if a == b {
        return None;
    }
    let text = match (a, b) {
        (Some(a), Some(b)) => {
            format!("Their sockets used different TCP congestion controls: {a}, against {b}.")
        }
        (Some(known), None) | (None, Some(known)) => format!(
            "One of the runs does not say which TCP congestion control its sockets used, the other \
             had {known}: before it was recorded, the generator's were the machine's own."
        ),
        (None, None) => return None,
    };
    Some(text)
}

/// In words: "reno at the generator and bbr elsewhere".
fn controls(machine: &Machine) -> Option<String> {
    let (own, generators) =
        (machine.congestion_control.as_ref()?, machine.generator_congestion_control.as_ref()?);
    Some(if own == generators {
        format!("{own} everywhere")
    } else {
        format!("{generators} at the generator and {own} elsewhere")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(own: &str, generators: &str) -> Machine {
        let some = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        Machine {
            congestion_control: some(own),
            generator_congestion_control: some(generators),
            ..Machine::default()
        }
    }

    #[test]
    fn records_of_before_are_read_and_those_of_today_come_back_as_they_went() {
        let old = r#"{"cpu": "x", "cores": 2, "memory_bytes": 1, "kernel": "6.1", "governor": null,
                      "virtualization": null}"#;
        let old: Machine = serde_json::from_str(old).unwrap();
        assert_eq!(controls(&old), None);
        let today = machine("bbr", "reno");
        let back: Machine = serde_json::from_str(&serde_json::to_string(&today).unwrap()).unwrap();
        assert_eq!(back, today);
    }

    #[test]
    fn a_difference_is_named_and_so_is_what_one_record_does_not_tell() {
        let (paced, plain, old) =
            (machine("bbr", "reno"), machine("reno", "reno"), machine("", ""));
        assert_eq!(difference(&paced, &paced), None);
        assert_eq!(difference(&old, &old), None);
        let text = difference(&paced, &plain).unwrap();
        assert!(
            text.ends_with("reno at the generator and bbr elsewhere, against reno everywhere.")
        );
        for text in [difference(&paced, &old), difference(&old, &paced)] {
            assert!(text.unwrap().contains("does not say"));
        }
    }
}
