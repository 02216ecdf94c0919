//! The observer side that every pipeline shares: live feed, recent metrics, aggregates, audit, health.
