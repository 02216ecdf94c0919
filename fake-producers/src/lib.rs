//! Seeded fleets of fake hosts and product events, and the paced sender.
