//! Templates of the form: data, versioned. A form keeps the version that it was begun with.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::Language;
use crate::model::identifier::ActFamily;

/// Longest text of one field, in characters.
pub const TEXT_CHARS_MAX: usize = 20_000;
const LINE_CHARS_MAX: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Label {
    pub fr: String,
    pub en: String,
}

impl Label {
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::Fr => &self.fr,
            Language::En => &self.en,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    Line,
    Text,
    Choice,
    YesNo,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Choice {
    pub id: String,
    pub label: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Field {
    pub id: String,
    pub kind: FieldKind,
    pub label: Label,
    /// To validate; a draft may lack it.
    #[serde(default)]
    pub required: bool,
    /// For the billing sheet only: not in the report.
    #[serde(default)]
    pub billing: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Template {
    pub id: String,
    pub version: u32,
    pub families: Vec<ActFamily>,
    pub label: Label,
    pub fields: Vec<Field>,
}

/// Every version that was ever in use.
pub static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    [
        include_str!("templates/consultation-1.json"),
        include_str!("templates/telesoin-1.json"),
        include_str!("templates/accompagnement-1.json"),
    ]
    .iter()
    .filter_map(|text| serde_json::from_str(text).ok())
    .collect()
});

/// The newest of a kind of act.
pub fn template_for(family: ActFamily) -> Option<&'static Template> {
    TEMPLATES
        .iter()
        .filter(|template| template.families.contains(&family))
        .max_by_key(|template| template.version)
}

pub fn template(id: &str, version: u32) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.id == id && template.version == version)
}

impl Template {
    /// What is wrong with the answers: field and stable word. `complete`: to validate, so that required fields count.
    pub fn check(&self, answers: &Map<String, Value>, complete: bool) -> Vec<(String, &'static str)> {
        let mut wrong = Vec::new();
        for key in answers.keys().filter(|key| !self.fields.iter().any(|field| field.id == **key)) {
            // Named by its length only: what was typed may be anything.
            wrong.push((if key.len() <= 40 { key.clone() } else { String::new() }, "unknown"));
        }
        for field in &self.fields {
            let answer = answers.get(&field.id);
            let code = match (field.kind, answer) {
                (_, None | Some(Value::Null)) => (complete && field.required).then_some("required"),
                (FieldKind::Line | FieldKind::Text, Some(Value::String(text))) => {
                    let most = if field.kind == FieldKind::Line { LINE_CHARS_MAX } else { TEXT_CHARS_MAX };
                    if text.chars().count() > most {
                        Some("too-long")
                    } else {
                        (complete && field.required && text.trim().is_empty()).then_some("required")
                    }
                }
                (FieldKind::Choice, Some(Value::String(id))) => (!id.is_empty()
                    && !field.choices.iter().any(|choice| choice.id == *id))
                .then_some("unknown"),
                (FieldKind::YesNo, Some(Value::Bool(_))) => None,
                _ => Some("invalid"),
            };
            wrong.extend(code.map(|code| (field.id.clone(), code)));
        }
        wrong
    }
}

impl Field {
    /// The answer as people read it; `None` when there is none.
    pub fn answer(&self, answers: &Map<String, Value>, language: Language) -> Option<String> {
        match (answers.get(&self.id)?, language) {
            (Value::Bool(true), Language::Fr) => Some("Oui".to_owned()),
            (Value::Bool(true), Language::En) => Some("Yes".to_owned()),
            (Value::Bool(false), Language::Fr) => Some("Non".to_owned()),
            (Value::Bool(false), Language::En) => Some("No".to_owned()),
            (Value::String(text), _) if self.kind == FieldKind::Choice => {
                let choice = self.choices.iter().find(|choice| choice.id == *text)?;
                Some(choice.label.text(language).to_owned())
            }
            (Value::String(text), _) => (!text.trim().is_empty()).then(|| text.trim().to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_reads_and_each_kind_of_act_has_one() {
        assert_eq!(TEMPLATES.len(), 3);
        for family in [ActFamily::Teleconsultation, ActFamily::Telesoin, ActFamily::Accompagnement] {
            let found = template_for(family).unwrap();
            assert_eq!(template(&found.id, found.version), Some(found));
            assert!(found.fields.iter().any(|field| field.required));
        }
    }

    #[test]
    fn a_draft_may_lack_what_the_validation_asks_for() {
        let template = template_for(ActFamily::Teleconsultation).unwrap();
        let answers = |value: serde_json::Value| value.as_object().unwrap().clone();
        let draft = answers(serde_json::json!({"reason": " ", "ald": true, "pathway": "attending"}));
        assert_eq!(template.check(&draft, false), []);
        let missing = [("reason".to_owned(), "required"), ("conclusion".to_owned(), "required")];
        assert_eq!(template.check(&draft, true), missing);
        let wrong = answers(serde_json::json!({"ald": "yes", "pathway": "nowhere", "extra": 1}));
        let codes: Vec<&str> = template.check(&wrong, false).into_iter().map(|(_, code)| code).collect();
        assert_eq!(codes, ["unknown", "unknown", "invalid"]);
    }
}
