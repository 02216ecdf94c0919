//! The published JSON Schemas of the run record, made from its types.

use schemars::{Schema, schema_for};

use crate::load_report::LoadReport;
use crate::record::{
    Calibration, Capacity, Diagnosis, Manifest, Reproduction, RunComparison, Summary, Trial,
};

/// Name (`manifest`, `trial`, `summary`, `calibration`) and schema of every JSON file of a run, and `load`.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("manifest", schema_for!(Manifest)),
        ("trial", schema_for!(Trial)),
        ("summary", schema_for!(Summary)),
        ("capacity", schema_for!(Capacity)),
        ("comparison", schema_for!(RunComparison)),
        ("calibration", schema_for!(Calibration)),
        ("load", schema_for!(LoadReport)),
        ("doctor", schema_for!(Diagnosis)),
        ("replay", schema_for!(Reproduction)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_name_their_fields_and_deny_others() {
        for (name, field) in [
            ("manifest", "experiment"),
            ("trial", "outcomes"),
            ("summary", "sentences"),
            ("capacity", "rungs"),
            ("comparison", "figures"),
            ("calibration", "cells"),
            ("load", "ack_ns"),
            ("doctor", "items"),
            ("replay", "verdict"),
        ] {
            let schemas = schemas();
            let (_, schema) = schemas.iter().find(|(other, _)| *other == name).unwrap();
            let json = serde_json::to_value(schema).unwrap();
            assert!(json["properties"].get(field).is_some(), "{name}");
            assert_eq!(json["additionalProperties"], false, "{name}");
        }
    }
}
