//! The pages of `web/`, embedded in the program and compressed once at the start.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

/// The folder is chosen by build.rs.
#[derive(RustEmbed)]
#[folder = "$CHEVET_PAGES"]
struct Embedded;

/// Paths of the single-page application, without the slash that may follow: all of them are index.html.
const PAGES: [&str; 5] = ["", "/join", "/call", "/c", "/test"];
/// The same for whole areas: the path itself and everything below it.
const AREAS: [&str; 5] = ["/connexion", "/inscription", "/mes-teleconsultations", "/compte", "/admin"];

/// Vite puts a hash of the content into the names under `assets/`: such a file never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Asked for again each time, answered with 304 while it is the same.
const CHECKED: &str = "no-cache";

/// Nothing but our own files, no inline script, no frame around us. `blob:` is how received files and previews are shown.
const POLICY: &str = "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HARDENING: [(&str, &str); 5] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    (
        "permissions-policy",
        "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=()",
    ),
    ("cross-origin-opener-policy", "same-origin"),
];

/// What is smaller than this fits one packet anyway, in bytes.
const COMPRESSED_FROM: usize = 1024;

struct Page {
    plain: Bytes,
    gzip: Option<Bytes>,
    kind: HeaderValue,
    tag: HeaderValue,
    cache: &'static str,
}

/// The pages, for every path that nothing else answers.
pub fn router() -> Router {
    let pages = Arc::new(load());
    Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap| {
        let pages = pages.clone();
        async move { answer(&pages, &method, uri.path(), &headers) }
    })
}

fn load() -> HashMap<String, Page> {
    Embedded::iter()
        .filter_map(|name| {
            let file = Embedded::get(&name)?;
            let plain = Bytes::from(file.data.into_owned());
            let hash: String =
                file.metadata.sha256_hash().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
            let guess = mime_guess::from_path(&*name).first_or_octet_stream();
            let text =
                guess.type_() == "text" || ["javascript", "json", "svg"].contains(&guess.subtype().as_str());
            let kind =
                if guess.type_() == "text" { format!("{guess}; charset=utf-8") } else { guess.to_string() };
            let page = Page {
                gzip: (text && plain.len() >= COMPRESSED_FROM).then(|| compress(&plain)).flatten(),
                kind: HeaderValue::from_str(&kind).ok()?,
                // Weak: the same page compressed has other bytes.
                tag: HeaderValue::from_str(&format!("W/\"{hash}\"")).ok()?,
                cache: if name.starts_with("assets/") { FOREVER } else { CHECKED },
                plain,
            };
            Some((format!("/{name}"), page))
        })
        .collect()
}

fn compress(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

fn answer(pages: &HashMap<String, Page>, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let below =
        |area: &str| bare.strip_prefix(area).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let single = PAGES.contains(&bare) || AREAS.into_iter().any(below);
    let Some(page) = pages.get(if single { "/index.html" } else { path }) else {
        return (StatusCode::NOT_FOUND, "not found\n").into_response();
    };
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
    }
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    out.insert(ETAG, page.tag.clone());
    out.insert(CACHE_CONTROL, HeaderValue::from_static(page.cache));
    out.insert(VARY, HeaderValue::from_static("accept-encoding"));
    for (name, value) in HARDENING {
        out.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let known = headers.get_all(IF_NONE_MATCH).iter().any(|tags| {
        tags.to_str()
            .is_ok_and(|tags| tags.split(',').any(|tag| tag.trim().as_bytes() == page.tag.as_bytes()))
    });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    out.insert(CONTENT_TYPE, page.kind.clone());
    let accepted =
        headers.get_all(ACCEPT_ENCODING).iter().any(|value| value.to_str().is_ok_and(accepts_gzip));
    let body = match &page.gzip {
        Some(gzip) if accepted => {
            out.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            gzip
        }
        _ => &page.plain,
    };
    // For HEAD hyper sends the length and leaves the body out.
    *response.body_mut() = Body::from(body.clone());
    response
}

fn accepts_gzip(value: &str) -> bool {
    value.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip")
            && !parts.any(|part| part.replace(' ', "").trim_end_matches(['0', '.']) == "q=")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, headers: &[(HeaderName, &'static str)]) -> Response {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        answer(&load(), &Method::GET, path, &headers)
    }

    #[test]
    fn every_path_of_the_application_is_the_page() {
        for path in [
            "/",
            "/join",
            "/join/",
            "/call",
            "/c",
            "/inscription/confirmer",
            "/connexion",
            "/compte/",
            "/index.html",
        ] {
            let response = get(path, &[]);
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
            assert_eq!(response.headers()[CACHE_CONTROL], CHECKED);
            assert_eq!(response.headers()["content-security-policy"], POLICY);
        }
    }

    #[test]
    fn anything_else_is_not_found() {
        for path in ["/joined", "/connexions", "/c/x", "/rtc/v9", "/../Cargo.toml", "//", "/assets/none.js"] {
            assert_eq!(get(path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn nothing_can_be_posted_to_a_page() {
        let response = answer(&load(), &Method::POST, "/", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn a_page_the_browser_has_is_not_sent_again() {
        let tag = get("/", &[]).headers()[ETAG].clone();
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, tag);
        assert_eq!(answer(&load(), &Method::GET, "/", &headers).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(get("/", &[(IF_NONE_MATCH, "W/\"other\"")]).status(), StatusCode::OK);
    }

    #[test]
    fn gzip_is_used_only_where_it_is_accepted() {
        assert!(accepts_gzip("gzip") && accepts_gzip("br, gzip;q=0.5"));
        assert!(!accepts_gzip("br") && !accepts_gzip("gzip;q=0") && !accepts_gzip("gzip; q=0.0"));
    }
}
