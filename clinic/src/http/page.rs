//! Pages of listings: `?limit&cursor`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use crate::store::{Cursor, Query};

/// Items on a page unless the caller says less or more, and the most.
pub const LIMIT_DEFAULT: usize = 50;
pub const LIMIT_MAX: usize = 200;

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items on the page, 1 to 200; 50 unless given.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// `query` with this page's bounds.
    pub fn apply(&self, query: Query) -> Result<Query, Problem> {
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Problem::field("/limit", "out-of-bounds"));
        }
        let cursor = match self.cursor.as_deref() {
            None => None,
            Some(text) => Some(Cursor::decode(text).ok_or_else(|| Problem::field("/cursor", "invalid"))?),
        };
        Ok(query.limit(limit).after(cursor))
    }
}

/// A page as it is answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PageBody<T> {
    pub items: Vec<T>,
    /// For `cursor` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> PageBody<T> {
    pub fn new(items: Vec<T>, next: Option<&Cursor>) -> PageBody<T> {
        PageBody { items, next: next.map(Cursor::encode) }
    }
}
