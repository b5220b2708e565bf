//! The document about the API, generated from the handlers.
//!
//! What every operation has in common is added here once, so that a handler documents only what is its own.

use api::problem::{CONTENT_TYPE, FieldError, ProblemBody};
use axum::Router;
use axum::http::header;
use axum::routing::get;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    Response, ResponseBuilder,
};

/// The name of the one security scheme.
pub const BEARER: &str = "bearer";

/// The document before any route is in it.
pub fn frame() -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0 OR MIT").build();
    let info = InfoBuilder::new()
        .title("Hanse node")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "What is accepted is first durable, then visible, can be replayed bit for bit, and can be proven to someone \
             who does not trust the operator. Every write needs an `Idempotency-Key` and answers with a receipt.",
        ))
        .license(Some(license));
    OpenApiBuilder::new().info(info.build()).build()
}

/// Adds what all operations share: problems, the idempotency key, the security scheme.
pub fn complete(mut document: OpenApi) -> OpenApi {
    let components = document
        .components
        .take()
        .unwrap_or_else(|| ComponentsBuilder::new().build());
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    let mut components = components;
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    add_schema::<ProblemBody>(&mut components);
    add_schema::<FieldError>(&mut components);
    for (status, description) in COMMON {
        components
            .responses
            .insert(response_name(status), problem_response(description).into());
    }
    components.schemas.values_mut().for_each(close_tagged);
    document.components = Some(components);
    for (path, item) in &mut document.paths.paths {
        let has_parameters = path.contains('{');
        for (method, operation) in operations(item) {
            complete_operation(operation, &method, has_parameters);
        }
    }
    document
}

/// Serves the document.
pub fn document_route(document: &OpenApi) -> Router {
    let text = document
        .to_pretty_json()
        .expect("the document has string keys only");
    Router::new().route(
        "/openapi.json",
        get(move || {
            let text = text.clone();
            async move { ([(header::CONTENT_TYPE, "application/json")], text) }
        }),
    )
}

/// Every operation of a path with its method.
pub fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Delete, &mut item.delete),
        (HttpMethod::Patch, &mut item.patch),
        (HttpMethod::Head, &mut item.head),
        (HttpMethod::Options, &mut item.options),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

/// The answers that layers and extractors give, by status.
const COMMON: [(&str, &str); 16] = [
    (
        "400",
        "A parameter, header or the syntax of the body is not valid.",
    ),
    (
        "401",
        "The token is missing, not valid, expired or revoked.",
    ),
    (
        "403",
        "The token does not have the scope, or the caller may not do this.",
    ),
    (
        "404",
        "There is no such resource, or the caller may not know.",
    ),
    (
        "406",
        "The `Accept` header excludes every form the node can answer with.",
    ),
    ("408", "The body did not arrive in time."),
    ("409", "The request does not fit the present state."),
    ("410", "The content was erased."),
    ("412", "`If-Match` names another version."),
    ("413", "The body is too large."),
    ("415", "The body is not `application/json`."),
    (
        "422",
        "The body has another shape than documented, or a rule refuses the request.",
    ),
    ("428", "The request needs `If-Match`."),
    ("429", "The caller sent more than its share of requests."),
    ("500", "The node made a mistake."),
    ("503", "The node is busy, or its journal cannot write."),
];

/// Marks an operation that takes a body and changes nothing, so that it needs no idempotency key.
const CHANGES_NOTHING: &str = "x-changes-nothing";

fn complete_operation(operation: &mut Operation, method: &HttpMethod, has_parameters: bool) {
    let writes = !matches!(
        method,
        HttpMethod::Get | HttpMethod::Head | HttpMethod::Options
    );
    let changes_nothing = operation
        .extensions
        .as_ref()
        .is_some_and(|marks| marks.contains_key(CHANGES_NOTHING));
    let secured = operation
        .security
        .as_ref()
        .is_some_and(|needs| !needs.is_empty());
    let mut statuses = vec!["400", "406", "429", "500", "503"];
    // A write without a token is one by which a token is got: it proves itself in its body.
    if secured || writes {
        statuses.push("401");
    }
    if secured {
        statuses.push("403");
    }
    if takes_parameter(operation, "If-Match") {
        statuses.extend(["412", "428"]);
    }
    if has_parameters {
        statuses.push("404");
    }
    if writes {
        statuses.extend(["408", "413", "415", "422"]);
    }
    if writes && !changes_nothing {
        // Whatever a write names may have been erased, up to its commit.
        statuses.extend(["409", "410"]);
        let parameters = operation.parameters.get_or_insert_default();
        parameters.push(idempotency_parameter().into());
    }
    for status in statuses {
        let common = RefOr::Ref(Ref::from_response_name(response_name(status)));
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert(common);
    }
}

fn takes_parameter(operation: &Operation, name: &str) -> bool {
    operation
        .parameters
        .iter()
        .flatten()
        .any(|parameter| match parameter {
            RefOr::T(parameter) => parameter.name == name,
            RefOr::Ref(_) => false,
        })
}

fn idempotency_parameter() -> utoipa::openapi::path::Parameter {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(128));
    let text = text.pattern(Some("^[!-~]+$"));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(
            "Makes the write happen once; repeat it with the same key when an answer is lost.",
        ))
        .schema(Some(text.build()))
        .build()
}

/// Objects that are told apart by a tag take no members beside those of their own kind.
fn close_tagged(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::OneOf(choices)) = schema else {
        return;
    };
    for choice in &mut choices.items {
        if let RefOr::T(Schema::Object(object)) = choice
            && object.properties.contains_key("kind")
        {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    }
}

fn response_name(status: &str) -> String {
    format!("Problem{status}")
}

fn problem_response(description: &str) -> Response {
    let schema = Ref::from_schema_name("Problem");
    ResponseBuilder::new()
        .description(description)
        .content(
            CONTENT_TYPE,
            ContentBuilder::new().schema(Some(schema)).build(),
        )
        .build()
}

fn add_schema<T: utoipa::ToSchema>(components: &mut utoipa::openapi::Components) {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    components.schemas.extend(schemas);
}
