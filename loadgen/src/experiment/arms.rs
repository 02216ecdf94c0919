//! From `[[arm]]` to arms: the values of each axis are multiplied, and a slug names what differs.
//! An axis is part of the slugs when two arms of the same pipeline differ in it, and then of all
//! of them.

use tailrace_measure::record::{Arm, Codec, Flush, Fsync, Insert, StoreSetup};
use toml::Spanned;

use super::fault::{Fault, Place, listed};
use super::wire::{ArmEntry, File};
use super::words::{As, Slug, is_slug};
use super::{Catalog, Known, limits};

/// The arms in declared order, the floor first.
pub(super) fn arms(shape: &File, catalog: &Catalog, place: &Place<'_>) -> Result<Vec<Arm>, Fault> {
    let (mut arms, mut places) = (Vec::new(), Vec::new());
    for entry in &shape.arm {
        arms.extend(multiply(entry.get_ref(), catalog, place)?);
        places.resize(arms.len(), entry.span());
        if arms.len() > limits::ARMS_MAX {
            let what = format!("more than {} arms", limits::ARMS_MAX);
            return Err(place.fault(entry.span(), &what));
        }
    }
    if arms.is_empty() {
        return Err(place.whole("it has no arm: give at least one [[arm]]"));
    }
    name(&mut arms);
    let floor = catalog.iter().find(|known| known.floor && shape.floor != Some(false));
    let mut all = floor.map_or_else(Vec::new, |known| floors(known, &arms));
    for (arm, span) in arms.into_iter().zip(places) {
        distinct(&arm.slug, &all).map_err(|what| place.fault(span, &what))?;
        all.push(arm);
    }
    Ok(all)
}

/// A bare echo for each link that an arm is behind: the machine's own floor there.
fn floors(known: &Known, arms: &[Arm]) -> Vec<Arm> {
    let mut floors: Vec<Arm> = Vec::new();
    for arm in arms {
        if floors.iter().any(|floor| floor.link == arm.link) {
            continue;
        }
        let distance = arm.link.map_or_else(String::new, |_| format!("-{}", link(arm)));
        let slug = format!("{}{distance}", known.name);
        let (batch_metrics, link) = (arms[0].batch_metrics, arm.link);
        floors.push(Arm { slug, batch_metrics, link, ..plain(known) });
    }
    floors
}

fn plain(known: &Known) -> Arm {
    Arm {
        slug: String::new(),
        pipeline: known.name.clone(),
        promise: known.promise.clone(),
        floor: known.floor,
        connections: known.connections,
        in_flight_per_connection: known.in_flight_per_connection,
        batch_metrics: 1,
        codec: Codec::Json,
        tls: false,
        flush: Flush::Batch,
        link: None,
        keys: false,
        store: known.commits_to.map(|kind| {
            let insert = Some(Insert::Copy);
            StoreSetup { kind, workers: 0, insert }
        }),
        fsync: None,
    }
}

fn multiply(entry: &ArmEntry, catalog: &Catalog, place: &Place<'_>) -> Result<Vec<Arm>, Fault> {
    let known = entry.pipeline.iter().map(|name| pipeline(name, catalog, place));
    let mut arms: Vec<Arm> = known.map(|known| known.map(plain)).collect::<Result<_, _>>()?;
    arms = spread(arms, &entry.connections, |arm, n| arm.connections = n.0 as u32);
    arms = spread(arms, &entry.in_flight, |arm, n| arm.in_flight_per_connection = n.0 as u32);
    arms = spread(arms, &entry.batch, |arm, n| arm.batch_metrics = n.0 as u32);
    arms = spread(arms, &entry.codec, |arm, codec| arm.codec = codec.0);
    arms = spread(arms, &entry.tls, |arm, tls| arm.tls = tls);
    arms = spread(arms, &entry.keys, |arm, keys| arm.keys = keys);
    arms = spread(arms, &entry.flush, |arm, flush| arm.flush = flush.0);
    arms = spread(arms, &entry.link, |arm, link| arm.link = link.0.0);
    arms = with_store(arms, entry, place)?;
    arms = with_insert(arms, entry, place)?;
    arms = with_fsync(arms, entry, catalog, place)?;
    set_workers(&mut arms, entry, place)?;
    let Some(slug) = &entry.slug else { return Ok(arms) };
    let [arm] = arms.as_mut_slice() else {
        let what = format!("a slug names one arm, and this entry makes {}", arms.len());
        return Err(place.fault(slug.span(), &what));
    };
    let As(Slug(name)) = slug.get_ref();
    arm.slug.clone_from(name);
    Ok(arms)
}

/// Every arm with each store behind its log.
///
/// # Errors
/// An arm commits to a store of its own, and this is another.
fn with_store(arms: Vec<Arm>, entry: &ArmEntry, place: &Place<'_>) -> Result<Vec<Arm>, Fault> {
    for arm in arms.iter().filter(|arm| arm.commits_first()) {
        let own = arm.store.map(|store| store.kind);
        if entry.store.iter().any(|store| store.0.0 != own) {
            let what = format!("{} commits to its own store: leave store out", arm.pipeline);
            let named = entry.pipeline.iter().find(|name| *name.get_ref() == arm.pipeline);
            let span = named.map(Spanned::span).unwrap_or_default();
            return Err(place.fault(span, &what));
        }
    }
    Ok(spread(arms, &entry.store, |arm, store| {
        let insert = arm.store.and_then(|own| own.insert);
        arm.store = store.0.0.map(|kind| StoreSetup { kind, workers: 0, insert });
    }))
}

/// Every arm with each way of writing its rows.
///
/// # Errors
/// An arm leaves that to a worker.
fn with_insert(arms: Vec<Arm>, entry: &ArmEntry, place: &Place<'_>) -> Result<Vec<Arm>, Fault> {
    let left = arms.iter().find(|arm| !arm.commits_first());
    if let (Some(insert), Some(arm)) = (entry.insert.first(), left) {
        let what = format!(
            "insert is how a server writes that commits before it answers; {} does not",
            arm.pipeline
        );
        return Err(place.fault(insert.span(), &what));
    }
    let ways: Vec<Insert> = entry.insert.iter().map(|insert| insert.get_ref().0).collect();
    Ok(spread(arms, &ways, |arm, insert| {
        arm.store = arm.store.map(|store| StoreSetup { insert: Some(insert), ..store });
    }))
}

/// Every arm with each way of writing to disk, under the heading of what it promises then.
///
/// # Errors
/// An arm's log is not in Redis.
fn with_fsync(
    arms: Vec<Arm>,
    entry: &ArmEntry,
    catalog: &Catalog,
    place: &Place<'_>,
) -> Result<Vec<Arm>, Fault> {
    if entry.fsync.is_empty() {
        return Ok(arms);
    }
    let mut spread = Vec::new();
    for arm in arms {
        let known = catalog.iter().find(|known| known.name == arm.pipeline);
        for fsync in &entry.fsync {
            let promise = known.and_then(|known| known.promises.as_ref()).ok_or_else(|| {
                let what = format!("fsync is Redis': the log of {} is elsewhere", arm.pipeline);
                place.fault(fsync.span(), &what)
            })?;
            let As(fsync) = *fsync.get_ref();
            let promise = promise[fsync as usize].clone();
            spread.push(Arm { fsync: Some(fsync), promise, ..arm.clone() });
        }
    }
    Ok(spread)
}

/// # Errors
/// Workers of their own need a store, and a log that other processes can read.
fn set_workers(arms: &mut [Arm], entry: &ArmEntry, place: &Place<'_>) -> Result<(), Fault> {
    let Some(workers) = entry.workers.as_ref().filter(|workers| workers.get_ref().0 > 0) else {
        return Ok(());
    };
    for arm in arms {
        let Some(store) = &mut arm.store else {
            let what = "workers take batches to a store: name one, store = \"postgres\"";
            return Err(place.fault(workers.span(), what));
        };
        if !arm.pipeline.ends_with(SHARED_LOG) {
            let what = "only a log in Redis is read by other processes: leave workers out, or \
                        name a pipeline that has one";
            return Err(place.fault(workers.span(), what));
        }
        store.workers = workers.get_ref().0 as u32;
    }
    Ok(())
}

/// How the names of pipelines end whose log other processes can read.
const SHARED_LOG: &str = "-redis";

fn pipeline<'c>(
    name: &Spanned<String>,
    catalog: &'c Catalog,
    place: &Place<'_>,
) -> Result<&'c Known, Fault> {
    let known = catalog.iter().filter(|known| !known.floor);
    let found = known.clone().find(|known| known.name == *name.get_ref());
    found.ok_or_else(|| {
        let names = listed(known.map(|known| known.name.as_str()));
        let what = if catalog.iter().any(|known| known.name == *name.get_ref()) {
            "the floor is no arm of its own: it runs unless floor = false".to_owned()
        } else {
            format!("there is no pipeline {:?}; known are {names}", name.get_ref())
        };
        place.fault(name.span(), &what)
    })
}

/// Every arm with each of the values; without values, as they are.
fn spread<T: Copy>(arms: Vec<Arm>, values: &[T], set: impl Fn(&mut Arm, T)) -> Vec<Arm> {
    if values.is_empty() {
        return arms;
    }
    let with = |arm: &Arm, value: T| {
        let mut arm = arm.clone();
        set(&mut arm, value);
        arm
    };
    arms.iter().flat_map(|arm| values.iter().map(move |value| with(arm, *value))).collect()
}

/// One axis as slugs tell it.
type Axis = fn(&Arm) -> String;

const AXES: [Axis; 9] = [
    |arm| format!("{}x{}", arm.connections, arm.in_flight_per_connection),
    |arm| format!("b{}", arm.batch_metrics),
    |arm| if arm.codec == Codec::Json { "json" } else { "msgpack" }.to_owned(),
    |arm| if arm.tls { "tls" } else { "plain" }.to_owned(),
    |arm| if arm.keys { "keys" } else { "open" }.to_owned(),
    |arm| if arm.flush == Flush::Batch { "batch" } else { "each" }.to_owned(),
    link,
    |arm| arm.fsync.map_or("fsync", Fsync::name).to_owned(),
    store,
];

fn link(arm: &Arm) -> String {
    let Some(link) = arm.link else { return "direct".into() };
    let bandwidth = link.bandwidth_mbit_per_s.map(|mbit| format!("-{mbit}mbit"));
    // A point is no letter of a slug.
    format!("{}ms{}", link.round_trip_ms, bandwidth.unwrap_or_default()).replace('.', "p")
}

fn store(arm: &Arm) -> String {
    let Some(store) = arm.store else { return "log".into() };
    if let Some(insert) = store.insert {
        return insert.name().into();
    }
    let workers = (store.workers > 0).then(|| format!("-w{}", store.workers));
    format!("{}{}", store.kind.name(), workers.unwrap_or_default())
}

fn name(arms: &mut [Arm]) {
    let differs = |axis: &&Axis| {
        arms.iter().any(|arm| {
            let same = |other: &&Arm| other.pipeline == arm.pipeline;
            arms.iter().filter(same).any(|other| axis(other) != axis(arm))
        })
    };
    let axes: Vec<Axis> = AXES.iter().filter(differs).copied().collect();
    for arm in arms.iter_mut().filter(|arm| arm.slug.is_empty()) {
        let parts = axes.iter().map(|axis| axis(arm));
        let slug = parts.fold(arm.pipeline.clone(), |slug, part| slug + "-" + &part);
        arm.slug = slug;
    }
}

/// # Errors
/// The slug is one of the others', or cannot be a folder's name.
fn distinct(slug: &str, others: &[Arm]) -> Result<(), String> {
    if others.iter().any(|other| other.slug == slug) {
        return Err(format!("two arms are {slug}; let them differ, or name one by slug"));
    }
    if !is_slug(slug) {
        return Err(format!("{slug:?} is too long for a folder's name; give a slug"));
    }
    Ok(())
}
