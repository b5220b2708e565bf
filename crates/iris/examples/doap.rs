//! Writes `docs/iris/compliance.md` and `docs/iris/doap.xml` from the table in `iris::compliance`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/iris");
    std::fs::create_dir_all(&docs)?;
    std::fs::write(docs.join("compliance.md"), iris::compliance::markdown())?;
    std::fs::write(docs.join("doap.xml"), iris::compliance::doap())
}
