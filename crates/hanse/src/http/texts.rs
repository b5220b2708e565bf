//! How texts of the cores look in the document about the API. The cores do not know of it.

use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, schema::SchemaType};
use utoipa::{PartialSchema, ToSchema};

macro_rules! texts {
    ($($(#[$about:meta])* $name:ident = $pattern:expr, $length_max:expr;)+) => {$(
        $(#[$about])*
        #[derive(Debug)]
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(SchemaType::new(Type::String))
                    .min_length(Some(1))
                    .max_length(Some($length_max))
                    .pattern(Some($pattern))
                    .into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

texts! {
    /// `mez::ids::EntityId`.
    EntityIdText = "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$", 64;
    /// `mez::ids::PackItemId`.
    PackItemIdText = "^[a-z0-9][a-z0-9._-]{0,99}$", 100;
    /// `mez::ids::JurisdictionId`.
    JurisdictionIdText = "^[a-z]{2}(-[a-z0-9]+)*$", 100;
    /// `mez::compliance::Operation`.
    OperationText = "^(entity\\.formation|ownership\\.change|fiscal\\.account|fiscal\\.payment|identity\\.verification|consent\\.resolution|trade\\.flow)$", 30;
    /// `journal::StreamName`.
    StreamNameText = "^[a-z0-9._@+~-]+(/[a-z0-9._@+~-]+)*$", 200;
    /// A reason for people: a line without control characters.
    ReasonText = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$", 200;
}

#[cfg(test)]
mod tests {
    use mez::compliance::Operation;

    use super::*;

    #[test]
    fn every_operation_is_in_the_document() {
        let schema = serde_json::to_value(OperationText::schema()).unwrap();
        let pattern = schema["pattern"].as_str().unwrap();
        for operation in Operation::ALL {
            assert!(
                pattern.contains(&operation.as_str().replace('.', "\\.")),
                "{operation}"
            );
        }
        assert_eq!(pattern.matches('|').count() + 1, Operation::ALL.len());
    }
}
