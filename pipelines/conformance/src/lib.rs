//! The one suite that every pipeline must pass.
