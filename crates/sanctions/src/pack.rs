//! Sanctions lists as packs: `pack.yaml` beside the publisher's files, and the digest that the
//! files must import to.

use evidence::digest::Digest;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    List, ListHeader,
    import::{self, ImportError},
};

/// What `pack.yaml` of a sanctions list says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListManifest {
    /// Always `hanse.sanctions-list/v1`.
    pub format: ListFormat,
    /// The list's name, by which policies require it.
    pub id: String,
    /// The publisher's version.
    pub version: String,
    /// The day it was published.
    pub published: Date,
    /// The form of the files.
    pub form: ListForm,
    /// For people.
    pub title: String,
    /// Who publishes it.
    pub source: String,
    /// Where.
    pub url: String,
    /// Under which terms.
    pub licence: String,
    /// What a user must know.
    pub notice: String,
    /// The digest of the imported list.
    pub digest: Digest,
}

/// The dialect of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListFormat {
    /// The only one.
    #[serde(rename = "hanse.sanctions-list/v1")]
    V1,
}

/// The form of a publisher's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListForm {
    /// `sdn.csv`, `alt.csv`, `add.csv`.
    OfacCsv,
    /// `consolidated.xml`.
    UnXml,
    /// `entities.ftm.json`, one entity a line.
    FtmJsonLines,
}

/// Why a pack is not a list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListPackError {
    /// A file is missing.
    #[error("the pack has no `{path}`")]
    Missing {
        /// Its path.
        path: &'static str,
    },
    /// The files are not a list.
    #[error("the files are not a list")]
    Import(#[source] ImportError),
    /// The files are a list, but not the one the manifest commits to.
    #[error("the list has the digest {actual}, the manifest says {expected}")]
    Digest {
        /// What the manifest says.
        expected: Digest,
        /// What the files import to.
        actual: Digest,
    },
}

/// Reads the list that `manifest` describes from the files beside it, and compares the digests.
///
/// `files` gives the bytes under a path of the pack. The manifest comes as a value: who opens the
/// pack reads its YAML.
///
/// # Errors
/// A file is missing, the files cannot be read, or the digests differ.
pub fn load<'a>(
    manifest: &ListManifest,
    files: impl Fn(&'static str) -> Option<&'a [u8]>,
) -> Result<List, ListPackError> {
    let file = |path| files(path).ok_or(ListPackError::Missing { path });
    let header = ListHeader {
        name: manifest.id.clone(),
        version: manifest.version.clone(),
        published: manifest.published,
    };
    let list = match manifest.form {
        ListForm::OfacCsv => {
            let (sdn, alt, add) = (file("sdn.csv")?, file("alt.csv")?, file("add.csv")?);
            import::ofac::import(import::ofac::OfacFiles { sdn, alt, add }, header)
        }
        ListForm::UnXml => import::un::import(file("consolidated.xml")?, &manifest.id),
        ListForm::FtmJsonLines => import::opensanctions::import(file("entities.ftm.json")?, header),
    };
    let list = list.map_err(ListPackError::Import)?;
    if list.digest() != manifest.digest {
        return Err(ListPackError::Digest {
            expected: manifest.digest,
            actual: list.digest(),
        });
    }
    Ok(list)
}
