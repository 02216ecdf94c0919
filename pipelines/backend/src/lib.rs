//! Logs and buses: memory and Redis.
