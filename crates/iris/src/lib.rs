//! The messenger of a zone as a pure core: an XMPP server (RFC 6120, RFC 6121) without sockets, clock
//! or storage. Bytes and time go in; bytes, writes and stanzas to route come out.
//!
//! Read in this order: [`stanza`] (what is carried), [`documents`] and [`archive`] (what is kept),
//! [`live`] (who is connected), [`authorize`] (who may), [`outcome`] (what a handler decides); then the
//! handlers, one file for each extension.

pub mod account;
pub mod archive;
pub mod authorize;
pub mod bosh;
pub mod compliance;
pub mod component;
pub mod documents;
pub mod framer;
pub mod host;
pub mod live;
pub mod muc;
pub mod outcome;
pub mod s2s;
pub mod sasl;
pub mod services;
pub mod sm;
pub mod stanza;
pub mod stream;
pub mod watching;
pub mod xml;
