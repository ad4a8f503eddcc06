//! `ETag` and `If-Match`: the version of a record, so that two people do not overwrite each other.

use axum::extract::FromRequestParts;
use http::HeaderValue;
use http::header::{ETAG, IF_MATCH};
use http::request::Parts;

use super::problem::{Code, Problem};
use crate::store::Versioned;

/// `"v7"`.
pub fn etag(version: u64) -> (http::HeaderName, HeaderValue) {
    (ETAG, HeaderValue::from_str(&format!("\"v{version}\"")).unwrap_or(HeaderValue::from_static("\"v0\"")))
}

/// The header `If-Match`, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    Absent,
    Any,
    Versions(Vec<u64>),
}

impl IfMatch {
    pub fn parse(header: Option<&str>) -> IfMatch {
        match header.map(str::trim) {
            None => IfMatch::Absent,
            Some("*") => IfMatch::Any,
            Some(tags) => {
                let version = |tag: &str| tag.trim().strip_prefix("\"v")?.strip_suffix('"')?.parse().ok();
                IfMatch::Versions(tags.split(',').filter_map(version).collect())
            }
        }
    }

    /// 428 without the header, 412 when the record is not of that version.
    pub fn require<R>(&self, record: &Versioned<R>) -> Result<(), Problem> {
        match self {
            IfMatch::Absent => Err(Problem::new(Code::PreconditionRequired)),
            IfMatch::Any => Ok(()),
            IfMatch::Versions(versions) if versions.contains(&record.version) => Ok(()),
            IfMatch::Versions(_) => Err(Problem::new(Code::VersionConflict)),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch, Problem> {
        Ok(IfMatch::parse(parts.headers.get(IF_MATCH).and_then(|value| value.to_str().ok())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_needs_the_version_that_was_read() {
        let record = Versioned { version: 7, value: () };
        let check = |header| IfMatch::parse(header).require(&record).map_err(|problem| problem.code);
        assert_eq!(check(Some("\"v7\"")), Ok(()));
        assert_eq!(check(Some("\"v6\", \"v7\"")), Ok(()));
        assert_eq!(check(Some("*")), Ok(()));
        assert_eq!(check(None), Err(Code::PreconditionRequired));
        for wrong in ["\"v6\"", "v7", "W/\"v7\"", ""] {
            assert_eq!(check(Some(wrong)), Err(Code::VersionConflict), "{wrong}");
        }
        assert_eq!(etag(7).1, "\"v7\"");
    }
}
