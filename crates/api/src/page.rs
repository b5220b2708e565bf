//! Pages of a collection.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

/// Most items in one page.
pub const PAGE_ITEMS_MAX: u16 = 200;
/// Items in a page when the caller does not say.
pub const PAGE_ITEMS_DEFAULT: u16 = 50;

/// Where a page starts and how long it is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// The `next` of the page before. Opaque.
    pub cursor: Option<Cursor>,
    /// How many items at most, 1 to 200.
    #[cfg_attr(feature = "openapi", param(inline))]
    pub limit: Option<PageLimit>,
}

/// 1 to [`PAGE_ITEMS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = u16, minimum = 1, maximum = 200))]
#[serde(try_from = "u16")]
pub struct PageLimit(u16);

/// The key of the last item of a page, in a form that nobody is tempted to build by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
#[serde(try_from = "String", into = "String")]
pub struct Cursor(String);

/// One page of a collection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The items, in the order of their ids.
    pub items: Vec<T>,
    /// Send it as `cursor` for the page after; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

impl PageQuery {
    /// How many items to return.
    pub fn limit(&self) -> usize {
        self.limit
            .map_or(PAGE_ITEMS_DEFAULT, |limit| limit.0)
            .into()
    }

    /// The key of the last item of the page before.
    pub fn after(&self) -> Option<&str> {
        self.cursor.as_ref().map(|cursor| cursor.0.as_str())
    }
}

impl TryFrom<u16> for PageLimit {
    type Error = String;

    fn try_from(limit: u16) -> Result<Self, String> {
        if (1..=PAGE_ITEMS_MAX).contains(&limit) {
            Ok(Self(limit))
        } else {
            Err(format!("limit is 1 to {PAGE_ITEMS_MAX}"))
        }
    }
}

impl Cursor {
    /// A cursor that continues after the item with this key.
    pub fn after(key: impl Into<String>) -> Self {
        Self(key.into())
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let refusal = "a cursor is the `next` of a page, unchanged";
        let bytes = BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| refusal)?;
        String::from_utf8(bytes).map(Self).map_err(|_| refusal)
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        BASE64URL_NOPAD.encode(cursor.0.as_bytes())
    }
}

impl<T> Page<T> {
    /// A page from up to `limit + 1` items: the extra one says that there is more.
    pub fn cut(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more {
            items.last().map(|item| Cursor::after(key(item)))
        } else {
            None
        };
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_round_trip(key in ".*") {
            let text = String::from(Cursor::after(key.clone()));
            prop_assert_eq!(Cursor::try_from(text).unwrap(), Cursor(key));
        }

        #[test]
        fn paging_through_yields_everything_once_in_order(count in 0_usize..50, limit in 1_usize..10) {
            let all: Vec<_> = (0..count).map(|n| format!("{n:03}")).collect();
            let (mut seen, mut after) = (Vec::new(), None::<Cursor>);
            loop {
                let rest = all.iter().filter(|k| after.as_ref().is_none_or(|a| **k > a.0));
                let page = Page::cut(rest.take(limit + 1).cloned().collect(), limit, String::clone);
                prop_assert!(page.items.len() <= limit);
                seen.extend(page.items);
                after = page.next;
                if after.is_none() { break; }
            }
            prop_assert_eq!(seen, all);
        }
    }

    #[test]
    fn limits_outside_1_to_200_are_refused() {
        for limit in [0, 201, u16::MAX] {
            assert!(PageLimit::try_from(limit).is_err());
        }
    }
}
