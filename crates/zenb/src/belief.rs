//! What the person seems to do, told from observables alone.
