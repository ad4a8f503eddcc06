//! What is done for every request, whoever answers it.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::{HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use tower::ServiceExt;
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::Control;

/// The whole site as one value.
#[derive(Clone)]
pub(super) struct Service {
    control: Control,
    app: Router,
}

pub(super) fn wrap(control: Control, app: Router) -> Service {
    let body = axum::extract::DefaultBodyLimit::max(control.config().limits.body_bytes);
    Service { control, app: app.layer(body).layer(cors()) }
}

/// Calls come from pages of any origin: what protects is the token, and there are no cookies.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([
            Method::OPTIONS,
            Method::HEAD,
            Method::GET,
            Method::POST,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([http::header::LOCATION, http::header::ETAG])
        .max_age(Duration::from_secs(86_400))
}

impl Service {
    pub async fn call<B>(&self, request: Request<B>) -> Response
    where
        B: hyper::body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let started = Instant::now();
        let mut request = request.map(Body::new);
        collapse_leading_slashes(request.uri_mut());
        let method = request.method().clone();
        let mut response = match self.app.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        harden(&mut response);
        self.control.metrics().answered(&method, response.status(), started.elapsed().as_secs_f64());
        response
    }
}

/// `ws://host/` as a base makes clients ask for `//rtc`.
fn collapse_leading_slashes(uri: &mut Uri) {
    let Some(path) = uri.path_and_query().map(|path| path.as_str()) else { return };
    if !path.starts_with("//") {
        return;
    }
    let collapsed = format!("/{}", path.trim_start_matches('/'));
    if let Ok(new) = collapsed.parse::<Uri>() {
        *uri = new;
    }
}

/// Headers that any answer may carry.
fn harden(response: &mut Response) {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    let headers = response.headers_mut();
    let fixed = [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")];
    for (name, value) in fixed {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
}
