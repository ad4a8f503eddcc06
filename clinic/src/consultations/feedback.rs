//! What guests say after a call: three marks and perhaps a sentence, for the professional. Sealed with the consultation's
//! key, and gone with it.

use axum::extract::{Path, State};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::guard::{Read, consultation_for};
use super::guest;
use crate::Clinic;
use crate::crypto::DataKeyId;
use crate::http::authorize::Standing;
use crate::http::problem::ProblemBody;
use crate::http::{Action, Caller, Code, Guest, Json, Problem};
use crate::ids::{ConsultationId, ParticipantId};
use crate::model::{ParticipantRole, ParticipantState};
use crate::store::{IndexKey, Indexes, Record, Sealing};

const COMMENT_CHARS_MAX: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Feedback {
    participant: ParticipantId,
    consultation: ConsultationId,
    role: ParticipantRole,
    at: Timestamp,
    marks: Marks,
    #[serde(default)]
    comment: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marks {
    ease: Option<u8>,
    quality: Option<u8>,
    satisfaction: Option<u8>,
}

impl Record for Feedback {
    const COLLECTION: &'static str = "feedback";

    fn id(&self) -> String {
        self.participant.to_string()
    }

    fn sealing(&self) -> Sealing {
        Sealing::Data(DataKeyId::new(self.consultation.as_str()))
    }

    fn index(&self, indexes: &mut Indexes) {
        indexes.add("consultation", IndexKey::new().text(self.consultation.as_str()).time(self.at));
    }
}

/// All of it is optional, some of it has to be there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Opinion {
    /// Was it easy to join? 1 (no) to 5 (yes).
    #[serde(default)]
    #[schema(minimum = 1, maximum = 5)]
    ease: Option<u8>,
    /// Could you see and hear? 1 to 5.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 5)]
    quality: Option<u8>,
    /// Are you content? 1 to 5.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 5)]
    satisfaction: Option<u8>,
    /// At most 500 characters.
    #[serde(default)]
    comment: Option<String>,
}

impl Opinion {
    fn check(self) -> Result<(Marks, Option<String>), Problem> {
        let mut wrong = Problem::new(Code::ValidationFailed);
        let marks = [("ease", self.ease), ("quality", self.quality), ("satisfaction", self.satisfaction)];
        for (name, mark) in marks {
            if mark.is_some_and(|mark| !(1..=5).contains(&mark)) {
                wrong.push_bounds(&format!("/{name}"), 1, 5);
            }
        }
        let comment = self.comment.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if comment.as_ref().is_some_and(|text| text.chars().count() > COMMENT_CHARS_MAX) {
            wrong.push_field("/comment", "too-long");
        }
        if marks.iter().all(|(_, mark)| mark.is_none()) && comment.is_none() {
            wrong.push_field("", "empty");
        }
        let marks = Marks { ease: self.ease, quality: self.quality, satisfaction: self.satisfaction };
        if wrong.fields().is_empty() { Ok((marks, comment)) } else { Err(wrong) }
    }
}

/// Says how it was, once somebody has been in the call. Said again, it replaces.
#[utoipa::path(post, path = "/p/v1/feedback", tag = "guest", request_body = Opinion, security(("guest" = [])), responses(
    (status = 204, description = "Kept"),
    (status = 401, description = "No session", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "Not before the call", body = ProblemBody, content_type = "application/problem+json"),
    (status = 410, description = "Sent out", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "Nothing said, or a mark out of bounds", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn give(
    State(clinic): State<Clinic>,
    guest: Guest,
    Json(opinion): Json<Opinion>,
) -> Result<StatusCode, Problem> {
    let (marks, comment) = opinion.check()?;
    let at = clinic.clock().now();
    clinic
        .store()
        .write(|tx| {
            let (consultation, seat) = guest::load(tx, &guest)?;
            if seat.state == ParticipantState::Removed {
                return Err(Problem::new(Code::LinkRevoked));
            }
            if seat.admitted_at.is_none() && seat.joined_at.is_empty() {
                return Err(Problem::new(Code::InvalidTransition));
            }
            tx.put(&Feedback {
                participant: seat.id.clone(),
                consultation: consultation.id.clone(),
                role: seat.role,
                at,
                marks,
                comment,
            })?;
            Ok::<_, Problem>(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Serialize, ToSchema)]
pub struct FeedbackBody {
    role: ParticipantRole,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    ease: Option<u8>,
    quality: Option<u8>,
    satisfaction: Option<u8>,
    comment: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Feedbacks {
    items: Vec<FeedbackBody>,
}

/// What the guests said of it, for its professional.
#[utoipa::path(get, path = "/api/v1/consultations/{id}/feedback", tag = "consultations",
    params(("id" = String, Path, description = "The consultation")), security(("session" = [])), responses(
    (status = 200, description = "One for each guest who said something", body = Feedbacks),
    (status = 401, description = "Not logged in", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "Not its professional", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "None of the caller's", body = ProblemBody, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(clinic): State<Clinic>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Feedbacks>, Problem> {
    let now = clinic.clock().now();
    let access = consultation_for(clinic.store(), now, &caller.actor(now), &id, Action::SeeConsultation)?;
    if access.role != Standing::Owner {
        return Err(Problem::new(Code::Forbidden));
    }
    let all = clinic.store().all::<Feedback>("consultation", access.consultation.id.as_str())?;
    let items = all.into_iter().map(|one| FeedbackBody {
        role: one.role,
        at: one.at,
        ease: one.marks.ease,
        quality: one.marks.quality,
        satisfaction: one.marks.satisfaction,
        comment: one.value.comment,
    });
    Ok(axum::Json(Feedbacks { items: items.collect() }))
}
