//! Promises of the engine.
