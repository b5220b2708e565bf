//! Accounts on the wire.

use api::accounts::{AccountAddress, AccountStanding, AccountView};
use iris::account::{Account, Standing};

/// How a stored account looks.
pub fn account_view(jid: AccountAddress, account: &Account) -> AccountView {
    AccountView {
        jid,
        standing: standing(account.standing),
        has_password: account.credentials.is_some(),
        principal: account.principal.clone(),
        created_ms: account.created_ms,
    }
}

const fn standing(standing: Standing) -> AccountStanding {
    match standing {
        Standing::Enabled => AccountStanding::Enabled,
        Standing::Disabled => AccountStanding::Disabled,
        Standing::Removed => AccountStanding::Removed,
    }
}
