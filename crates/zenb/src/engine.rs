//! One session: inputs in, decisions and a digest out.
