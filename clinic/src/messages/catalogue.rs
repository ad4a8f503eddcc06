//! The texts, from `clinic/locales/`: one Fluent catalogue for each language, both compiled in.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

/// The languages. An unknown one reads French.
#[cfg(test)]
pub const LOCALES: [&str; 2] = ["fr", "en"];

static FRENCH: LazyLock<FluentBundle<FluentResource>> =
    LazyLock::new(|| bundle("fr", include_str!("../../locales/fr/messages.ftl")));
static ENGLISH: LazyLock<FluentBundle<FluentResource>> =
    LazyLock::new(|| bundle("en", include_str!("../../locales/en/messages.ftl")));

fn bundle(locale: &str, source: &str) -> FluentBundle<FluentResource> {
    let mut bundle =
        FluentBundle::new_concurrent(vec![locale.parse::<LanguageIdentifier>().unwrap_or_default()]);
    // Invisible marks around every value would not be GSM-7, and nothing here is written from right to left.
    bundle.set_use_isolating(false);
    // What cannot be read of a resource is missing; a test renders every text.
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
    let _ = bundle.add_resource(resource);
    bundle
}

/// A text: the value of `id`, or one of its attributes. `None` when there is none, or when it wants what `args` lacks.
pub fn text(locale: &str, id: &str, attribute: Option<&str>, args: &FluentArgs<'_>) -> Option<String> {
    let bundle = if locale == "en" { &*ENGLISH } else { &*FRENCH };
    let message = bundle.get_message(id)?;
    let pattern = match attribute {
        None => message.value()?,
        Some(name) => message.get_attribute(name)?.value(),
    };
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
    errors.is_empty().then_some(text)
}
