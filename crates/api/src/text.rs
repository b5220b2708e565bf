//! How texts of the cores look in the document about the API. Only the document needs these types.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! texts {
    ($($(#[$about:meta])* $name:ident = $schema:expr;)+) => {$(
        $(#[$about])*
        #[derive(Debug)]
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

texts! {
    /// `journal::StreamName`.
    StreamNameText = text().max_length(Some(200)).pattern(Some("^[a-z0-9._@+~-]+(/[a-z0-9._@+~-]+)*$"));
    /// `evidence::did::DidKey` of an Ed25519 key.
    DidKeyText = text().pattern(Some("^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$"));

    /// A line for people, without control characters.
    LineText = text().max_length(Some(200)).pattern(Some("^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$"));
}
