//! Signed notes, checkpoints, verifier keys and tile paths: each has one spelling.
#![no_main]

use evidence::checkpoint::Checkpoint;
use evidence::key::SigningKey;
use evidence::note::NoteSigner;
use evidence::note::NoteVerifier;
use evidence::note::SignedNote;
use evidence::tile;
use evidence::tile::Tile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if SignedNote::parse(text).is_ok() {
        let signer = NoteSigner::new("fuzz", SigningKey::from_seed([1; 32])).expect("plain name");
        if let Ok(note) = signer.cosign(text) {
            signer
                .verifier()
                .open(&note)
                .expect("a note opens with the key that signed it");
        }
    }
    if let Ok(checkpoint) = Checkpoint::from_text(text) {
        assert!(text.starts_with(&checkpoint.to_text()));
    }
    if let Ok(verifier) = text.parse::<NoteVerifier>() {
        assert_eq!(verifier.to_string(), text);
    }
    if let Ok(tile) = Tile::from_path(text) {
        assert_eq!(tile.path(), text);
    }
    if let Ok((index, width)) = tile::parse_entries_path(text) {
        assert_eq!(tile::entries_path(index, width).as_deref(), Ok(text));
    }
});
