//! The contraindication screen: the answers without which nothing starts.
