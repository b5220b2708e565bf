//! Routes whose documented scope is the one their handler asks for.
//!
//! Invariants (guard):
//! 1. the scope in the document is the scope that is checked       (both come from the type of the handler's first argument)
//! 2. a handler that asks for none is open on purpose              (`routes!` without `open:` does not take it)

use utoipa::openapi::SecurityRequirement;
use utoipa_axum::router::UtoipaMethodRouter;

use super::extract::Caller;
use super::openapi::{BEARER, operations};
use crate::auth::{Action, Asks};

/// A handler's first argument, when it lets only those pass who may do one action.
pub trait Guard {
    /// What they may do.
    const ACTION: Action;
}

impl<A: Asks> Guard for Caller<A> {
    const ACTION: Action = A::ACTION;
}

/// A handler whose first argument is a [`Guard`]. `Arguments` is the tuple of all of them.
#[diagnostic::on_unimplemented(
    message = "the first argument of this handler is no guard",
    note = "take a `Caller<can::Something>` first, or say that the route is for everybody: `routes!(open: handler)`"
)]
pub trait Guarded<Arguments> {
    /// What its callers may do.
    const ACTION: Action;
}

macro_rules! guarded {
    ($($argument:ident)*) => {
        impl<F, Answer, G, $($argument,)*> Guarded<(G, $($argument,)*)> for F
        where
            F: Fn(G, $($argument,)*) -> Answer,
            G: Guard,
        {
            const ACTION: Action = G::ACTION;
        }
    };
}

guarded!();
guarded!(B);
guarded!(B C);
guarded!(B C D);
guarded!(B C D E);
guarded!(B C D E H);
guarded!(B C D E H I);
guarded!(B C D E H I J);

/// Collects handlers of one path, as [`utoipa_axum::routes`] does, and documents the scope that each asks for by the
/// [`Guard`] it takes. Handlers for everyone have no guard, and are named as such: `routes!(open: read_liveness)`.
#[macro_export]
macro_rules! routes {
    (open: $($handler:path),+ $(,)?) => {
        $crate::http::guard::join([$(utoipa_axum::routes!($handler)),+])
    };
    ($($handler:path),+ $(,)?) => {
        $crate::http::guard::join([$(
            $crate::http::guard::secure(&$handler, utoipa_axum::routes!($handler))
        ),+])
    };
}

/// Documents that the route of `_handler` needs the scope of its guard.
pub fn secure<Arguments, H: Guarded<Arguments>, S>(
    _handler: &H,
    (schemas, mut paths, router): UtoipaMethodRouter<S>,
) -> UtoipaMethodRouter<S> {
    let needs = SecurityRequirement::new(BEARER, [H::ACTION.scope().as_str()]);
    for (_, operation) in paths.paths.values_mut().flat_map(operations) {
        operation.security = Some(vec![needs.clone()]);
    }
    (schemas, paths, router)
}

/// The routes of one path as one.
pub fn join<S: Clone + Send + Sync + 'static, const N: usize>(
    all: [UtoipaMethodRouter<S>; N],
) -> UtoipaMethodRouter<S> {
    let mut joined: UtoipaMethodRouter<S> = Default::default();
    for (schemas, paths, router) in all {
        joined.0.extend(schemas);
        for (path, item) in paths.paths {
            joined
                .1
                .paths
                .entry(path)
                .or_default()
                .merge_operations(item);
        }
        joined.2 = joined.2.merge(router);
    }
    joined
}

#[cfg(test)]
mod tests {
    use axum::extract::State;
    use serde_json::json;
    use utoipa_axum::router::OpenApiRouter;

    use super::*;
    use crate::auth::can;
    use std::sync::Arc;

    use crate::http::Platform;

    #[utoipa::path(get, path = "/things")]
    async fn list_things(_caller: Caller<can::SeeTokens>) {}

    #[utoipa::path(post, path = "/things")]
    async fn add_thing(
        _caller: Caller<can::ManagePrincipals>,
        State(_node): State<Arc<Platform>>,
        _body: String,
    ) {
    }

    #[utoipa::path(get, path = "/hours")]
    async fn read_hours() {}

    #[test]
    fn each_operation_of_a_path_needs_the_scope_of_its_own_handler() {
        let document = OpenApiRouter::<Arc<Platform>>::default()
            .routes(routes!(list_things, add_thing))
            .routes(routes!(open: read_hours))
            .into_openapi();
        let document = serde_json::to_value(document).unwrap();
        let security = |pointer: &str| document.pointer(&format!("/paths/{pointer}/security"));
        let needs = |scope: &str| json!([{ BEARER: [scope] }]);
        assert_eq!(security("~1things/get"), Some(&needs("admin:tokens")));
        assert_eq!(security("~1things/post"), Some(&needs("admin:principals")));
        assert!(document.pointer("/paths/~1hours/get").is_some());
        assert_eq!(security("~1hours/get"), None);
    }
}
