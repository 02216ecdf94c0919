//! A generator that spins releases what one that sleeps releases, and what it spun is told apart from
//! what it did. How early it releases, is not tested: that is the machine's.

use std::sync::Arc;

use tailrace_loadgen::folder::Folder;
use tailrace_measure::record::Cost;

use crate::crew;
use crate::drive::Drive;
use crate::server::echo;
use crate::trials::{Host, arm, manifest, run};

/// Slow enough that there is time to spin before each batch, on a busy machine too.
fn spinning() -> Drive {
    let mut drive = Drive::new(400.0, 300);
    drive.load.spin = true;
    drive
}

#[test]
fn everything_due_is_released_and_spinning_is_counted() {
    let server = echo();
    // The books are checked by the drive.
    let driven = spinning().run(server.address);
    assert!(driven.spun_ns.unwrap() > 0);
    assert_eq!(Drive::new(400.0, 100).run(server.address).spun_ns, None);
}

#[test]
fn several_loops_spin_each_for_itself_and_their_work_is_what_is_left() {
    let server = echo();
    for loops in [1, 3] {
        let loaded = crew::run(&spinning(), loops, server.address, &Arc::default()).unwrap();
        let ran = &loaded.ran;
        assert_eq!(ran.driven.measured.all_outcomes.acked, spinning().due().1);
        assert!(ran.spun_ns.unwrap() > 0 && ran.spun_share.unwrap() > 0.0);
        // Nobody releases and reads for nothing: what was spun is less than what was spent.
        assert!(ran.generator_cpu_ns > 0 && ran.busiest_share > 0.0);
    }
}

#[test]
fn a_trial_that_spun_says_so_on_disk() {
    let server = echo();
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::create(parent.path().join("run")).unwrap();
    let (arm, load) = (arm(1, 64), spinning().load);
    let mut host = Host::new(server.address, 64);
    let slept = run(&mut host, &Drive::new(400.0, 100).load, &arm, 1).trial.cost;
    let told = |cost: &Cost| (cost.generator_spin_us_per_batch, cost.generator_spin_core_share);
    assert_eq!(told(&slept), (None, None));
    let spun = run(&mut host, &load, &arm, 1);
    let (us, share) = told(&spun.trial.cost);
    assert!(us.unwrap() > 0.0 && share.unwrap() > 0.0, "{:?}", spun.trial.cost);
    assert!(spun.trial.cost.generator_cpu_us_per_batch > 0.0);
    folder.write_trial(&spun).unwrap();
    folder.write_manifest(&manifest(arm, vec![load], 1)).unwrap();
    let read = Folder::open(folder.path().to_owned());
    let manifest = read.read_manifest().unwrap();
    assert!(manifest.experiment.loads[0].spin);
    let stored = read.read_trials(&manifest).unwrap();
    assert_eq!(told(&stored[0].trial.cost), (us, share));
}
