use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::*;

#[test]
fn the_first_start_makes_a_key_that_only_the_user_can_read_and_the_next_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data/clinic.key");
    let made = InstanceKey::open(&path, true).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let found = InstanceKey::open(&path, false).unwrap();
    assert_eq!(made.derive("x").as_bytes(), found.derive("x").as_bytes());
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clinic.key");
    InstanceKey::open(&path, true).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o610] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let refused = InstanceKey::open(&path, true);
        assert!(matches!(refused, Err(KeyFileError::Exposed { .. })), "{mode:o}: {refused:?}");
    }
}

#[test]
fn a_lost_key_is_not_replaced_by_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clinic.key");
    assert!(matches!(InstanceKey::open(&path, false), Err(KeyFileError::Missing { .. })));
    assert!(!path.exists());
    std::fs::write(&path, "chevet-clinic-key-1 c2hvcnQ\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(InstanceKey::open(&path, true), Err(KeyFileError::Malformed { .. })));
}

#[test]
fn a_destroyed_data_key_leaves_no_byte_of_itself_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyring");
    let wrapping = Key::random();
    let ring = Keyring::open(&path, wrapping.clone()).unwrap();
    let (kept, purged) = (DataKeyId::new("cs_kept"), DataKeyId::new("cs_purged"));
    ring.create(&kept).unwrap();
    ring.create(&purged).unwrap();
    ring.sync().unwrap();
    let key = ring.key(&kept).unwrap();
    let wrapped = ring.export().unwrap().into_iter().find(|key| key.id == purged).unwrap().wrapped;
    assert!(ring.destroy(&purged).unwrap());
    ring.sync().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(16).any(|window| wrapped.windows(16).any(|part| part == window)));
    assert!(ring.key(&purged).is_none());

    let again = Keyring::open(&path, wrapping).unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(again.key(&kept).unwrap().as_bytes(), key.as_bytes());
    // The freed slot is used again instead of letting the file grow.
    again.create(&DataKeyId::new("cs_next")).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 256);
}

#[test]
fn a_keyring_of_another_instance_key_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyring");
    Keyring::open(&path, Key::random()).unwrap().create(&DataKeyId::new("cs_1")).unwrap();
    assert!(matches!(Keyring::open(&path, Key::random()), Err(keyring::KeyringError::Foreign)));
}

#[test]
fn a_slot_torn_by_a_crash_counts_as_free() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keyring");
    let wrapping = Key::random();
    Keyring::open(&path, wrapping.clone()).unwrap().create(&DataKeyId::new("cs_1")).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[90] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(Keyring::open(&path, wrapping).unwrap().is_empty());
}

#[test]
fn a_password_is_checked_for_length_and_guesses_and_verified_by_its_hash() {
    assert_eq!(password::check("court", &[]), Err(password::Weakness::TooShort));
    assert_eq!(password::check(&"a".repeat(300), &[]), Err(password::Weakness::TooLong));
    assert_eq!(
        password::check("motdepasse123456", &[]).err(),
        password::check("motdepasse123456", &[]).err()
    );
    assert_eq!(password::check("passwordpassword", &[]), Err(password::Weakness::Guessable));
    assert_eq!(
        password::check("jeanne.martin@cabinet.example", &["jeanne.martin@cabinet.example"]),
        Err(password::Weakness::Guessable)
    );
    assert_eq!(password::check("sept tortues grises au marché", &[]), Ok(()));
    let phc = password::hash("sept tortues grises au marché");
    assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
    assert!(password::verify(Some(&phc), "sept tortues grises au marché"));
    assert!(!password::verify(Some(&phc), "sept tortues grises au marche"));
    assert!(!password::verify(None, "nobody's password at all"));
    assert!(!password::verify(Some("not a hash"), "x"));
}

#[test]
fn secrets_and_keys_do_not_show_themselves() {
    let secret = Secret::link();
    assert_eq!(secret.expose().len(), 22);
    assert!(!format!("{secret:?} {:?}", Key::random()).contains(secret.expose()));
}

#[test]
fn one_text_has_unrelated_hashes_for_each_purpose_and_instance() {
    let (one, two) = (InstanceKey::random(), InstanceKey::random());
    let hash = |key: &InstanceKey, purpose| LookupKey::new(key).hash(purpose, "+33612345678");
    assert_eq!(hash(&one, Purpose::Phone), hash(&one, Purpose::Phone));
    assert_ne!(hash(&one, Purpose::Phone), hash(&one, Purpose::Email));
    assert_ne!(hash(&one, Purpose::Phone), hash(&two, Purpose::Phone));
}

proptest! {
    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_its_associated_data(
        plain in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), bit in 0..8u8,
    ) {
        let key = Key::random();
        let sealed = aead::seal(&key, b"cs|1", &plain);
        prop_assert_eq!(sealed.len(), plain.len() + aead::OVERHEAD);
        prop_assert_eq!(aead::open(&key, b"cs|1", &sealed).unwrap().to_vec(), plain);
        prop_assert!(aead::open(&key, b"cs|2", &sealed).is_err());
        prop_assert!(aead::open(&Key::random(), b"cs|1", &sealed).is_err());
        let mut changed = sealed.clone();
        let at = at.index(changed.len());
        changed[at] ^= 1 << bit;
        prop_assert!(aead::open(&key, b"cs|1", &changed).is_err());
    }

    #[test]
    fn derived_keys_depend_on_how_the_parts_are_cut(a in "[a-z]{0,4}", b in "[a-z]{1,4}") {
        let key = Key::new([7; 32]);
        let joined = [a.as_bytes(), b.as_bytes()].concat();
        prop_assert_ne!(
            *key.derive("p", &[a.as_bytes(), b.as_bytes()]).as_bytes(),
            *key.derive("p", &[&joined]).as_bytes()
        );
    }
}
