//! PLAIN (RFC 4616).

use zeroize::Zeroizing;

use super::Failure;
use super::credentials::{Credentials, Hash, Keys};

/// A password that waits to be compared.
#[derive(Clone)]
pub(super) struct Password(Zeroizing<String>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}

impl Password {
    /// Whether it is the account's. For an account that does not exist the same work is done.
    pub(super) fn fits(&self, found: Option<&Credentials>, secret: &[u8; 32]) -> bool {
        match found {
            Some(credentials) => credentials.fits(&self.0),
            None => {
                let keys = || Keys::fake(secret, "", Hash::Sha256);
                let nobody = Credentials {
                    sha1: keys(),
                    sha256: keys(),
                };
                let _same_work = nobody.fits(&self.0);
                false
            }
        }
    }
}

/// `[authzid] NUL authcid NUL password`
pub(super) fn parse(data: &[u8]) -> Result<(Option<String>, String, Password), Failure> {
    let text = std::str::from_utf8(data).map_err(|_| Failure::MalformedRequest)?;
    let mut parts = text.split('\0');
    let (Some(authzid), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Failure::MalformedRequest);
    };
    if user.is_empty() || password.is_empty() {
        return Err(Failure::MalformedRequest);
    }
    let authzid = (!authzid.is_empty()).then(|| authzid.to_owned());
    Ok((
        authzid,
        user.to_owned(),
        Password(Zeroizing::new(password.to_owned())),
    ))
}
