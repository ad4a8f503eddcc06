use jiff::Timestamp;

use super::*;
use crate::crypto::{InstanceKey, LookupKey, Purpose};
use crate::ids::{AccountId, ConsultationId};
use crate::model::identifier::ActFamily;
use crate::model::machine::{Kind, Status};
use crate::store::{IndexKey, Query, Store};

fn consultation(start: Timestamp, owner: &AccountId) -> Consultation {
    Consultation {
        id: ConsultationId::new(start),
        kind: Kind::Dossier,
        act_family: ActFamily::Teleconsultation,
        owner: owner.clone(),
        created_by: owner.to_string(),
        created_at: start,
        patient_id: None,
        facility_id: None,
        slot_start: start,
        slot_end: start + jiff::SignedDuration::from_mins(20),
        time_zone: "Europe/Paris".into(),
        early_minutes: 10,
        late_minutes: 15,
        status: Status::Scheduled,
        status_since: start,
        room: None,
        cancel_reason: None,
        started_at: None,
        ended_at: None,
        end_reason: None,
        no_show_by: None,
        video_seconds: 0,
        audio_only_seconds: 0,
        e2ee: false,
        sas_confirmed: false,
        professional_came: false,
        locked: false,
        retention_until: None,
        last_export_at: None,
        warnings_sent: 0,
        validated_at: None,
        external_ref: None,
        external_ref_hash: None,
        api_client: None,
        replaces: None,
        sequence: 0,
        identity_check: IdentityCheck::None,
        lost_since: None,
        counting: None,
        consent_proof: None,
    }
}

#[tokio::test]
async fn the_consultations_of_one_professional_are_listed_by_start_among_five_thousand_in_little_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &InstanceKey::random()).unwrap();
    let base: Timestamp = "2026-12-03T08:00:00Z".parse().unwrap();
    let owners: Vec<AccountId> = (0..50).map(|_| AccountId::new(base)).collect();
    for chunk in 0..50_i64 {
        store
            .write_unflushed(|tx| {
                for n in 0..100_i64 {
                    let start = base + jiff::SignedDuration::from_mins(chunk * 100 + n);
                    let owner = &owners[usize::try_from(n).unwrap() % 50];
                    tx.insert(&consultation(start, owner))?;
                }
                Ok::<_, crate::store::StoreError>(())
            })
            .unwrap();
    }
    let started = std::time::Instant::now();
    let query = Query::new("owner", IndexKey::new().text(owners[7].as_str())).limit(50);
    let page = store.list::<Consultation>(&query).unwrap();
    let took = started.elapsed();
    assert_eq!(page.items.len(), 50);
    assert!(page.items.windows(2).all(|pair| pair[0].slot_start < pair[1].slot_start));
    assert!(page.items.iter().all(|found| found.owner == owners[7]));
    assert!(took < std::time::Duration::from_millis(50), "{took:?}");
}

#[test]
fn a_consultation_without_the_later_fields_reads_with_their_defaults() {
    let start: Timestamp = "2026-12-03T13:30:00Z".parse().unwrap();
    let whole = consultation(start, &AccountId::new(start));
    let mut json = serde_json::to_value(&whole).unwrap();
    let object = json.as_object_mut().unwrap();
    object.retain(|_, value| !value.is_null() && *value != 0 && *value != false);
    object.insert("of_a_newer_program".into(), true.into());
    assert_eq!(serde_json::from_value::<Consultation>(json).unwrap(), whole);
    assert_eq!((whole.opens_at() < whole.slot_start, whole.closes_at() > whole.slot_end), (true, true));
}

#[tokio::test]
async fn two_accounts_cannot_share_an_address_whatever_its_case() {
    let clinic = crate::testing::TestClinic::start().await;
    let one = crate::testing::account(&clinic, "Jeanne@cabinet.example");
    let two = crate::testing::account(&clinic, "jeanne@cabinet.example");
    clinic.store().write(|tx| tx.insert(&one)).await.unwrap();
    let refused = clinic.store().write(|tx| tx.insert(&two)).await;
    assert_eq!(refused, Err(crate::store::StoreError::Taken("email")));
}

#[test]
fn hashes_of_addresses_are_not_the_addresses() {
    let hash = LookupKey::new(&InstanceKey::random()).hash(Purpose::Email, "jeanne@cabinet.example");
    assert!(!hash.as_str().contains("jeanne"));
}
