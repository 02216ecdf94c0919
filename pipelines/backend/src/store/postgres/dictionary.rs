//! Names as numbers: see `names` in the first migration. Numbers are given outside of the
//! transaction that needs them, so that one which is taken back leaves nobody with a number that
//! does not exist.

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock};

use tailrace_contract::{Batch, SmolStr, StoreError, Tenant};

use super::fault::store_error;
use super::pool::Session;

/// Names remembered; past it all are forgotten and asked again. About 10 MB.
const NAMES_MAX: usize = 100_000;

const KNOWN: &str = "SELECT names.tenant, names.name, names.id FROM names \
     JOIN unnest($1::text[], $2::text[]) AS wanted (tenant, name) USING (tenant, name)";
const ADD: &str = "INSERT INTO names (tenant, name) \
     SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING";

type Numbers = HashMap<Tenant, HashMap<SmolStr, i32>>;
type Names<'a> = BTreeSet<(&'a Tenant, &'a SmolStr)>;

/// The numbers that this process knows.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    known: RwLock<Numbers>,
}

impl Dictionary {
    /// The number of the name of each metric, in order.
    pub(super) async fn numbers(
        &self,
        session: &Session,
        batches: &[Batch],
    ) -> Result<Vec<i32>, StoreError> {
        let (numbers, missing) = self.look_up(batches, &Numbers::new());
        if missing.is_empty() {
            return Ok(numbers);
        }
        let fetched = fetch(session, &missing).await?;
        let (numbers, missing) = self.look_up(batches, &fetched);
        if !missing.is_empty() {
            let cause = format!("PostgreSQL: {} names were added and not found", missing.len());
            return Err(StoreError::Backend { cause });
        }
        self.remember(fetched);
        Ok(numbers)
    }

    fn look_up<'a>(&self, batches: &'a [Batch], fetched: &Numbers) -> (Vec<i32>, Names<'a>) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut numbers = Vec::with_capacity(batches.iter().map(|batch| batch.metrics.len()).sum());
        let mut missing = Names::new();
        for batch in batches {
            let tenant = &batch.id.tenant;
            let (known, fetched) = (known.get(tenant), fetched.get(tenant));
            for metric in &batch.metrics {
                let among =
                    |names: Option<&HashMap<SmolStr, i32>>| names?.get(&metric.name).copied();
                match among(known).or_else(|| among(fetched)) {
                    Some(number) => numbers.push(number),
                    None => drop(missing.insert((tenant, &metric.name))),
                }
            }
        }
        (numbers, missing)
    }

    fn remember(&self, fetched: Numbers) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let count = |numbers: &Numbers| numbers.values().map(HashMap::len).sum::<usize>();
        if count(&known) + count(&fetched) > NAMES_MAX {
            known.clear();
        }
        for (tenant, names) in fetched {
            known.entry(tenant).or_default().extend(names);
        }
    }
}

/// Asks for numbers and gives those that nobody has given yet.
async fn fetch(session: &Session, names: &Names<'_>) -> Result<Numbers, StoreError> {
    let mut found = known(session, names).await?;
    let is_new = |&(tenant, name): &(&Tenant, &SmolStr)| {
        !found.get(tenant).is_some_and(|names| names.contains_key(name))
    };
    let new: Names = names.iter().copied().filter(is_new).collect();
    if !new.is_empty() {
        let (tenants, texts) = columns(&new);
        let add = session.statement(ADD).await?;
        let added = session.client.execute(&add, &[&tenants, &texts]).await;
        added.map_err(|error| store_error(&error))?;
        for (tenant, names) in known(session, &new).await? {
            found.entry(tenant).or_default().extend(names);
        }
    }
    Ok(found)
}

async fn known(session: &Session, names: &Names<'_>) -> Result<Numbers, StoreError> {
    let (tenants, texts) = columns(names);
    let known = session.statement(KNOWN).await?;
    let rows = session.client.query(&known, &[&tenants, &texts]).await;
    let mut numbers = Numbers::new();
    for row in rows.map_err(|error| store_error(&error))? {
        let (tenant, name) = (Tenant(row.get::<_, &str>(0).into()), row.get::<_, &str>(1).into());
        numbers.entry(tenant).or_default().insert(name, row.get(2));
    }
    Ok(numbers)
}

fn columns<'a>(names: &Names<'a>) -> (Vec<&'a str>, Vec<&'a str>) {
    names.iter().map(|(tenant, name)| (&*tenant.0, name.as_str())).unzip()
}
