//! Bodies, queries and paths, with refusals as problems.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::{Code, Problem};

/// A body of `T`. Its refusal names the field where it can and repeats no value.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Json<T>, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Json(value)),
            Err(rejection) => Err(refusal(rejection)),
        }
    }
}

/// A query string of `T`; 400 as a problem.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>, Problem> {
        let axum::extract::Query(value) = axum::extract::Query::<T>::from_request_parts(parts, state).await?;
        Ok(Query(value))
    }
}

/// The parts of a path. What cannot be an id or a word of ours names nothing: 404.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Path(value)),
            Err(_) => Err(Problem::new(Code::NotFound)),
        }
    }
}

fn refusal(rejection: axum::extract::rejection::JsonRejection) -> Problem {
    // axum writes `Failed to deserialize ...: path.to.field: reason`; only a path of names of ours is kept.
    let text = rejection.body_text();
    let problem = Problem::from(rejection);
    if problem.code != Code::ValidationFailed {
        return problem;
    }
    let path = text.split(": ").nth(1).unwrap_or_default();
    let names = path
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.[]".contains(&byte));
    if path.is_empty() || !names || path.len() > 100 {
        return problem.and_field("", "invalid");
    }
    let pointer: String =
        path.split(['.', '[', ']']).filter(|part| !part.is_empty()).map(|part| format!("/{part}")).collect();
    problem.and_field(&pointer, "invalid")
}
