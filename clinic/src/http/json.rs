//! Bodies: JSON, with refusals as problems.

use axum::extract::{FromRequest, Request};
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
