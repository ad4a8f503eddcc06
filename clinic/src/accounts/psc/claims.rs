//! Userinfo of Pro Santé Connect, as far as it is used. Fields that are missing or of another shape than known are skipped,
//! except for the identifier: without it nobody is logged in.

use serde::Deserialize;
use serde_json::Value;

use super::token::Distrust;
use crate::accounts::identity::{Exercise, Proven, Sso, is_id_nat};
use crate::model::LoginMethod;

/// Longest name taken over, in characters.
const NAME_CHARS_MAX: usize = 100;
/// Exercises that are looked at.
const EXERCISES_MAX: usize = 20;

#[derive(Deserialize)]
struct Userinfo {
    sub: String,
    #[serde(rename = "SubjectNameID")]
    id_nat: String,
    #[serde(default)]
    given_name: Option<Value>,
    #[serde(default)]
    family_name: Option<Value>,
    /// `10^1.2.250.1.213.1.1.5.5`: profession and the OID of its list.
    #[serde(default, rename = "SubjectRole")]
    role: Option<Value>,
    #[serde(default, rename = "SubjectRefPro")]
    professional: Option<Value>,
}

fn text(value: Option<&Value>) -> String {
    let text = value.and_then(Value::as_str).unwrap_or_default().trim();
    text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

fn list<'a>(value: Option<&'a Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    value.and_then(|value| value.get(name)).and_then(Value::as_array).into_iter().flatten()
}

fn code(value: Option<&Value>) -> Option<String> {
    let code = text(value);
    ((1..=20).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(code)
}

fn exercise(value: &Value) -> Option<Exercise> {
    // Skills of the kind `S` are the specialities.
    let speciality = list(Some(value), "expertises")
        .filter(|expertise| expertise.get("codeTypeSavoirFaire").and_then(Value::as_str) == Some("S"))
        .find_map(|expertise| code(expertise.get("codeSavoirFaire")));
    let mut modes: Vec<String> = list(Some(value), "activities")
        .filter_map(|activity| code(activity.get("codeModeExercice")))
        .collect();
    modes.sort();
    modes.dedup();
    modes.truncate(10);
    Some(Exercise {
        profession_code: code(value.get("codeProfession"))?,
        category: code(value.get("codeCategorieProfessionnelle")).unwrap_or_default(),
        speciality_code: speciality,
        first_name: text(value.get("prenomDexercice")),
        exercise_name: text(value.get("nomDexercice")),
        modes,
    })
}

/// Who it is. `subject`: of the ID token, which has to be the same person's (OpenID Connect Core, 5.3.2).
pub fn proven(
    userinfo: Value,
    subject: &str,
    session: Option<String>,
    id_token: String,
) -> Result<Proven, Distrust> {
    let userinfo: Userinfo = serde_json::from_value(userinfo).map_err(|_| Distrust::Identity)?;
    if userinfo.sub != subject {
        return Err(Distrust::Subject);
    }
    if !is_id_nat(&userinfo.id_nat) {
        return Err(Distrust::Identity);
    }
    let (first_name, family_name) = (text(userinfo.given_name.as_ref()), text(userinfo.family_name.as_ref()));
    let mut exercises: Vec<Exercise> =
        list(userinfo.professional.as_ref(), "exercices").filter_map(exercise).take(EXERCISES_MAX).collect();
    if exercises.is_empty() {
        let roles = userinfo.role.as_ref().and_then(Value::as_array).into_iter().flatten();
        let professions = roles.filter_map(Value::as_str).filter_map(|role| role.split('^').next());
        exercises.extend(professions.take(EXERCISES_MAX).filter_map(|profession| {
            Some(Exercise {
                profession_code: code(Some(&Value::from(profession)))?,
                first_name: first_name.clone(),
                exercise_name: family_name.clone(),
                ..Exercise::default()
            })
        }));
    }
    Ok(Proven {
        method: LoginMethod::Psc,
        id_nat: userinfo.id_nat,
        first_name,
        family_name,
        exercises,
        sso: Some(Sso { id_token, subject: subject.to_owned(), session }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn several_exercises_are_told_apart_with_their_specialities() {
        let info = json!({
            "sub": "f:1:899700218896", "SubjectNameID": "899700218896", "given_name": "KIT", "family_name": "NOM",
            "SubjectRefPro": {"exercices": [
                {"codeProfession": "10", "codeCategorieProfessionnelle": "C", "nomDexercice": "NOM", "prenomDexercice": "KIT",
                 "expertises": [{"codeTypeSavoirFaire": "S", "codeSavoirFaire": "SM26"}],
                 "activities": [{"codeModeExercice": "L"}, {"codeModeExercice": "S"}, {"codeModeExercice": "L"}]},
                {"codeProfession": "50", "nomDexercice": "AUTRE", "prenomDexercice": "KIT"},
                {"nomDexercice": "sans profession"},
            ]},
        });
        let proven = proven(info, "f:1:899700218896", None, String::new()).unwrap();
        let professions: Vec<&str> = proven.exercises.iter().map(|e| e.profession_code.as_str()).collect();
        assert_eq!(professions, ["10", "50"]);
        assert_eq!(proven.exercises[0].speciality_code.as_deref(), Some("SM26"));
        assert_eq!(proven.exercises[0].modes, ["L", "S"]);
    }

    #[test]
    fn without_exercises_the_roles_name_the_profession() {
        let info = json!({
            "sub": "s", "SubjectNameID": "899700218896", "given_name": "KIT", "family_name": "NOM",
            "SubjectRole": ["60^1.2.250.1.213.1.1.5.5"], "SubjectRefPro": {"exercices": "odd"},
        });
        let proven = proven(info, "s", None, String::new()).unwrap();
        assert_eq!((proven.exercises.len(), proven.exercises[0].profession_code.as_str()), (1, "60"));
    }

    #[test]
    fn nobody_is_taken_for_somebody_else_or_for_nobody() {
        let refused = |info: Value| proven(info, "s", None, String::new()).unwrap_err();
        assert_eq!(refused(json!({"sub": "t", "SubjectNameID": "899700218896"})), Distrust::Subject);
        assert_eq!(refused(json!({"sub": "s"})), Distrust::Identity);
        assert_eq!(refused(json!({"sub": "s", "SubjectNameID": ""})), Distrust::Identity);
        assert_eq!(refused(json!({"sub": "s", "SubjectNameID": ["899700218896"]})), Distrust::Identity);
    }
}
