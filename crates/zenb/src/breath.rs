//! Breathing rate told from heart beats, or an honest refusal.
