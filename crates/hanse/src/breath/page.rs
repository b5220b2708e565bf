//! The page at `/breathe`: static, from the binary, and with no way to load or send anything elsewhere.

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use zenb::screen::{Grade, Question};

use crate::state::Node;
use platform::declined::Declined;

/// Nothing but the node's own files runs, and nothing is sent but to the node.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
}

macro_rules! asset {
    ($name:literal, $media_type:literal) => {
        Asset {
            name: $name,
            media_type: $media_type,
            text: include_str!(concat!("../../assets/breathe/", $name)),
        }
    };
}

const INDEX: Asset = asset!("index.html", "text/html; charset=utf-8");

const ASSETS: [Asset; 10] = [
    asset!("app.js", "text/javascript; charset=utf-8"),
    asset!("charts.js", "text/javascript; charset=utf-8"),
    asset!("engine.js", "text/javascript; charset=utf-8"),
    asset!("pacer.js", "text/javascript; charset=utf-8"),
    asset!("sources.js", "text/javascript; charset=utf-8"),
    asset!("style.css", "text/css; charset=utf-8"),
    asset!("icon.svg", "image/svg+xml"),
    asset!("recordings/NOTICE", "text/plain; charset=utf-8"),
    asset!("recordings/follower.json", "application/json"),
    asset!("recordings/rest.json", "application/json"),
];

/// The routes of the page. They are no part of the API and need no token: there is nothing personal in them.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .route("/breathe", get(|| async { INDEX.into_response() }))
        .route(
            "/breathe/",
            get(|| async { Redirect::permanent("/breathe") }),
        )
        .route("/breathe/screen.json", get(screen))
        .route("/breathe/{*name}", get(asset))
}

async fn asset(Path(name): Path<String>) -> Result<Response, Declined> {
    let found = ASSETS.into_iter().find(|asset| asset.name == name);
    found
        .map(IntoResponse::into_response)
        .ok_or_else(|| Declined::not_found("file"))
}

impl IntoResponse for Asset {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, self.media_type),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-cache"),
            (
                HeaderName::from_static("permissions-policy"),
                "bluetooth=(self), camera=(), geolocation=(), microphone=()",
            ),
        ];
        (headers, self.text).into_response()
    }
}

/// The questions that come before a session.
#[derive(Serialize)]
struct Screen {
    questions: Vec<Asked>,
}

#[derive(Serialize)]
struct Asked {
    question: Question,
    text: &'static str,
    grade: Grade,
}

async fn screen() -> Json<Screen> {
    let asked = |question: Question| Asked {
        question,
        text: question.text(),
        grade: question.grade(),
    };
    Json(Screen {
        questions: Question::ALL.into_iter().map(asked).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_nothing_that_is_elsewhere_and_runs_nothing_inline() {
        for asset in ASSETS.iter().chain([&INDEX]) {
            let outside = ["http://", "https://", "//cdn", "eval(", "innerHTML"];
            for word in outside {
                let allowed = asset.name == "icon.svg" && word == "http://";
                assert!(
                    allowed || !asset.text.contains(word),
                    "{}: {word}",
                    asset.name
                );
            }
        }
        let inline = INDEX.text.matches("<script").count();
        assert_eq!(
            inline,
            INDEX.text.matches("<script type=\"module\" src=").count()
        );
        assert!(!INDEX.text.contains("style=") && !INDEX.text.contains("onclick"));
    }

    #[test]
    fn every_file_that_the_page_names_is_there() {
        let names = |text: &'static str| {
            text.split(['"', '\''])
                .filter_map(|part| part.strip_prefix("/breathe/").or(part.strip_prefix("./")))
        };
        for asset in ASSETS.iter().chain([&INDEX]) {
            for name in names(asset.text) {
                let known = ASSETS.iter().any(|asset| asset.name == name) || name == "screen.json";
                assert!(known, "{} names {name}", asset.name);
            }
        }
    }
}
