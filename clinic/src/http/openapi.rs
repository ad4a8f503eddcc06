//! The description of the API, put together from the modules' fragments.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Chevet clinic",
        description = "Teleconsultations on a Chevet server: accounts, consultations, documents, payments, reports. \
            Errors are `application/problem+json` with a stable `code`. Every POST that sends a message, charges money or \
            creates a consultation carries an `Idempotency-Key`; changes of what others may change carry `If-Match`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Security)
)]
struct Root;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let cookie = |name: &str, about: &str| {
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(name, about)))
        };
        components.add_security_scheme(
            "session",
            cookie(
                "__Host-chevet",
                "A professional's session; requests that change something carry X-CSRF-Token too.",
            ),
        );
        components.add_security_scheme(
            "guest",
            cookie("__Host-chevet-guest", "Whoever came by an invitation link."),
        );
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A portal's secret or token."))
            .build();
        components.add_security_scheme("portal", SecurityScheme::Http(bearer));
    }
}

/// OpenAPI 3.1 as JSON; `docs/openapi-clinic.json` holds the same text.
pub fn openapi() -> String {
    let mut all = Root::openapi();
    let parts = [
        super::Api::openapi(),
        crate::admin::Api::openapi(),
        crate::support::Api::openapi(),
        crate::clients::Api::openapi(),
        crate::consultations::Api::openapi(),
        crate::documents::Api::openapi(),
        crate::export::Api::openapi(),
        crate::fhir::facade::Api::openapi(),
        crate::form::Api::openapi(),
        crate::hooks::Api::openapi(),
        crate::messages::Api::openapi(),
        crate::payment::Api::openapi(),
        crate::report::Api::openapi(),
        crate::seal::Api::openapi(),
    ];
    for part in parts.into_iter().chain(crate::accounts::descriptions()) {
        all.merge(part);
    }
    let mut text = all.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
