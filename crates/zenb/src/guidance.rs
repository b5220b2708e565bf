//! How the pace leads: slowly, and only while it is followed.
