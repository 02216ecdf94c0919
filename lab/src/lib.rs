//! Tailrace: races ingestion pipelines and measures their tails honestly.
