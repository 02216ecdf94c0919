//! Clock, schedule, recorder, ledger, statistics and run record: arithmetic only.
