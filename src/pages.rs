//! The pages of `web/`, embedded in the program and compressed once at the start.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, IF_NONE_MATCH, VARY,
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
const PAGES: [&str; 11] = [
    "",
    "/join",
    "/call",
    "/c",
    "/test",
    "/aide",
    "/accessibilite",
    "/confidentialite",
    "/mentions-legales",
    "/exploitation",
    "/support",
];
/// The same for whole areas: the path itself and everything below it.
const AREAS: [&str; 5] = ["/connexion", "/inscription", "/mes-teleconsultations", "/compte", "/admin"];
/// What all of them are.
const INDEX: &str = "/index.html";
/// Before the id of the client in whose frames the page is shown.
const FRAMED: &str = "/integration/";

/// Vite puts a hash of the content into the names under `assets/`: such a file never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Asked for again each time, answered with 304 while it is the same.
const CHECKED: &str = "no-cache";

/// Nothing but our own files and no inline script. `blob:` is how received files and previews are shown.
const POLICY: &str = "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; \
     base-uri 'none'; form-action 'none'";
/// For programs that ask for something that is not there; people get a page that says so.
const MISSING: &str = r#"{"type":"about:blank","title":"Not Found","status":404,"code":"not_found","detail":"nothing is at this address"}"#;
/// Ends the policy of whatever may not stand in a frame.
const UNFRAMED: &str = "frame-ancestors 'none'";

const HARDENING: [(&str, &str); 4] = [
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

/// The pages, for every path that nothing else answers. `ancestors` gives the `frame-ancestors` of a client by its id, or
/// `None` where nobody may put the page into a frame.
pub fn router(ancestors: impl Fn(&str) -> Option<String> + Clone + Send + Sync + 'static) -> Router {
    let pages = Arc::new(load());
    Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap| {
        let (pages, ancestors) = (pages.clone(), ancestors.clone());
        async move { answer(&pages, &method, uri.path(), &headers, &ancestors) }
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

fn answer(
    pages: &HashMap<String, Page>,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    ancestors: &impl Fn(&str) -> Option<String>,
) -> Response {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let below =
        |area: &str| bare.strip_prefix(area).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let client = bare.strip_prefix(FRAMED).filter(|id| !id.is_empty() && !id.contains('/'));
    let single = PAGES.contains(&bare) || AREAS.into_iter().any(below) || client.is_some();
    let reads = method == Method::GET || method == Method::HEAD;
    let found = pages.get(if single { INDEX } else { path });
    // The application says what is wrong, in the language of whoever asks.
    let people = reads && !path.starts_with("/api") && wants_page(headers);
    let shown = found.or_else(|| pages.get(INDEX).filter(|_| people));
    let Some(page) = shown else {
        return (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "application/problem+json")], MISSING)
            .into_response();
    };
    if !reads {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
    }
    let mut response = Response::new(Body::empty());
    if found.is_none() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    let out = response.headers_mut();
    out.insert(ETAG, page.tag.clone());
    out.insert(CACHE_CONTROL, HeaderValue::from_static(page.cache));
    out.insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
    for (name, value) in HARDENING {
        out.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    out.insert(CONTENT_SECURITY_POLICY, policy(client.and_then(ancestors).as_deref()));
    let known = found.is_some()
        && headers.get_all(IF_NONE_MATCH).iter().any(|tags| {
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

fn policy(ancestors: Option<&str>) -> HeaderValue {
    let unframed = || HeaderValue::from_str(&format!("{POLICY}; {UNFRAMED}")).ok();
    let framed =
        ancestors.and_then(|ancestors| HeaderValue::from_str(&format!("{POLICY}; {ancestors}")).ok());
    // Origins are checked when they are set; whatever could still be no header value frames nothing.
    framed.or_else(unframed).unwrap_or(HeaderValue::from_static(UNFRAMED))
}

/// A browser that goes to an address, and not a script that fetches one.
fn wants_page(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|value| value.to_str().is_ok_and(|value| value.contains("text/html")))
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
        answer(&load(), &Method::GET, path, &headers, &portal)
    }

    /// One client may be framed, by one origin.
    fn portal(client: &str) -> Option<String> {
        (client == "cl_1").then(|| "frame-ancestors https://portail.example".to_owned())
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
            "/aide",
            "/exploitation/",
            "/integration/cl_1",
            "/index.html",
        ] {
            let response = get(path, &[]);
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
            assert_eq!(response.headers()[CACHE_CONTROL], CHECKED);
        }
    }

    #[test]
    fn only_the_portal_of_a_client_may_frame_the_page_of_its_frames() {
        let framed_by = |path: &str| {
            let policy = get(path, &[]).headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
            assert!(policy.starts_with(POLICY), "{path}");
            policy.rsplit_once("; ").unwrap().1.to_owned()
        };
        assert_eq!(framed_by("/integration/cl_1"), "frame-ancestors https://portail.example");
        for path in ["/", "/call", "/mes-teleconsultations", "/integration/cl_2", "/index.html"] {
            assert_eq!(framed_by(path), UNFRAMED, "{path}");
        }
    }

    #[test]
    fn anything_else_is_not_found_with_a_page_for_people_and_a_problem_for_programs() {
        for path in [
            "/joined",
            "/connexions",
            "/c/x",
            "/integration",
            "/integration/a/b",
            "/rtc/v9",
            "/../Cargo.toml",
            "//",
            "/assets/none.js",
        ] {
            let problem = get(path, &[(ACCEPT, "*/*")]);
            assert_eq!(problem.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(problem.headers()[CONTENT_TYPE], "application/problem+json", "{path}");
            let page =
                get(path, &[(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8"), (IF_NONE_MATCH, "*")]);
            assert_eq!(page.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
            assert!(page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().ends_with(UNFRAMED), "{path}");
        }
    }

    #[test]
    fn the_api_answers_browsers_too_with_a_problem() {
        let response = get("/api/v9/me", &[(ACCEPT, "text/html")]);
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn nothing_can_be_posted_to_a_page() {
        let response = answer(&load(), &Method::POST, "/", &HeaderMap::new(), &portal);
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn a_page_the_browser_has_is_not_sent_again() {
        let tag = get("/", &[]).headers()[ETAG].clone();
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, tag);
        assert_eq!(answer(&load(), &Method::GET, "/", &headers, &portal).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(get("/", &[(IF_NONE_MATCH, "W/\"other\"")]).status(), StatusCode::OK);
    }

    #[test]
    fn gzip_is_used_only_where_it_is_accepted() {
        assert!(accepts_gzip("gzip") && accepts_gzip("br, gzip;q=0.5"));
        assert!(!accepts_gzip("br") && !accepts_gzip("gzip;q=0") && !accepts_gzip("gzip; q=0.0"));
    }
}
