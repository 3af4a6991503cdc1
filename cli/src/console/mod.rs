//! The console: the operators' page, built into the program. It is served on the operators' listener to everybody, and
//! holds nothing by itself: what it shows, it asks for with a token that its user enters.

use axum::{
    Router,
    extract::Path,
    response::{Redirect, Response},
    routing::get,
};
use rust_embed::Embed;

use crate::pages::{self, INDEX, Rest};

/// The output of the client's build.
#[derive(Embed)]
#[folder = "../client/console/dist/"]
#[allow_missing = true]
struct Built;

/// Only this server's files and routes, and no style in the page's own text: what Stripe's customers wrote is shown
/// here. No other page may frame it.
const POLICY: Rest = "default-src 'none'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html><html lang=en><title>tierlift console</title>\
    <h1>The console is not built</h1><p>Run <code>make demo</code>, which needs Node.js, and build the program \
    again. The commands do all that the console does: <code>tierlift help</code>.";

/// The routes of the page.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/", get(async || Redirect::to("/console")))
        .route("/console", get(async || page()))
        .route("/console/", get(async || Redirect::to("/console")))
        .route("/console/assets/{file}", get(asset))
}

fn page() -> Response {
    if Built::get(INDEX).is_none() {
        return pages::page(NOT_BUILT, POLICY);
    }
    pages::file::<Built>(INDEX, POLICY)
}

async fn asset(Path(file): Path<String>) -> Response {
    pages::file::<Built>(&format!("assets/{file}"), POLICY)
}
