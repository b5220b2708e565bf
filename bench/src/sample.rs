//! Made input, the same on every run.

use serde_json::{Value, json};

/// A small generator of reproducible numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn digest(&mut self) -> String {
        (0..4).map(|_| format!("{:016x}", self.next())).collect()
    }
}

/// A corridor receipt of about 640 canonical bytes: digests, names, an amount, members not in canonical order.
pub fn receipt(numbers: &mut Numbers) -> Value {
    let sequence = numbers.below(1_000_000);
    json!({
        "type": "CorridorReceipt",
        "corridor_id": "mez/corridor/pk-ae/trade",
        "sequence": sequence,
        "timestamp": "2026-03-15T09:26:53Z",
        "prev_root": numbers.digest(),
        "next_root": numbers.digest(),
        "packs": [numbers.digest(), numbers.digest()],
        "transition": {
            "kind": "invoice.settled",
            "invoice": format!("INV-2026-{sequence:06}"),
            "amount": { "currency": "PKR", "minor": numbers.below(10_000_000_000) },
            "exporter": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
            "importer": "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw",
            "note": "Lahore → Dubai, 40 ft",
        },
    })
}

/// A statement of about 64 KiB: a hundred receipts in one document.
pub fn statement(numbers: &mut Numbers) -> Value {
    json!({ "entries": (0..100).map(|_| receipt(numbers)).collect::<Vec<_>>() })
}

/// About 64 KiB of doubles of all magnitudes, the dearest thing to write canonically.
pub fn measurements(numbers: &mut Numbers) -> Value {
    let mut finite = || loop {
        let value = f64::from_bits(numbers.next());
        // Integral doubles beyond 2^53 are refused by the strict form, so the set keeps below them.
        if value.is_finite() && value.abs() < 9e15 {
            return value;
        }
    };
    json!({ "samples": (0..3_000).map(|_| finite()).collect::<Vec<_>>() })
}
