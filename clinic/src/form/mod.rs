//! The form of a consultation: templates as data, a draft that saves itself, and the validation that makes the report.

mod routes;
pub mod template;

pub(crate) use routes::form_of;
pub use routes::{Api, router};
pub use template::{Field, FieldKind, TEMPLATES, Template, template, template_for};
