//! `[clinic.mail]` and `[clinic.sms]`: sections in a section, secrets that stay secret.

use std::path::Path;

use chevet_config::{Credential, Loaded, MailTls, SmsGateway, Sources, effective};

fn load(text: &str) -> Result<Loaded, String> {
    Sources::default().load_text(Some((Path::new("chevet.toml"), text))).map_err(|error| error.to_string())
}

#[test]
fn mail_and_gateway_are_read_from_the_file_and_the_environment() {
    let text = "[clinic]\norganisation = \"Cabinet\"\n[clinic.mail]\nserver = \"smtp.example.org\"\nport = 465\n\
        tls = \"implicit\"\nuser = \"u\"\npassword = { file = \"/etc/chevet/smtp\" }\nfrom = \"C <rdv@example.org>\"\n";
    let sources = Sources {
        environment: vec![
            ("CHEVET_CLINIC__SMS__GATEWAY".into(), "twilio".into()),
            ("CHEVET_CLINIC__SMS__ACCOUNT".into(), "AC1".into()),
            ("CHEVET_CLINIC__SMS__SENDER".into(), "+33700000000".into()),
            ("CHEVET_CLINIC__SMS__SECRET".into(), "42".into()),
        ],
        ..Sources::default()
    };
    let loaded = sources.load_text(Some((Path::new("a.toml"), text))).unwrap();
    let (mail, sms) = (&loaded.config.clinic.mail, &loaded.config.clinic.sms);
    assert_eq!((mail.server.as_str(), mail.port, mail.tls), ("smtp.example.org", 465, MailTls::Implicit));
    assert_eq!(mail.password, Credential::File("/etc/chevet/smtp".into()));
    assert_eq!((sms.gateway, sms.account.as_str()), (SmsGateway::Twilio, "AC1"));
    assert_eq!(sms.secret.load().unwrap().expose(), "42");
    let printed = effective(&loaded);
    assert!(
        printed.contains("[clinic.sms]\n") && printed.contains("secret = \"*** (2 characters)\""),
        "{printed}"
    );
}

#[test]
fn a_secret_comes_from_a_file_without_the_white_space_around_it() {
    let path = std::env::temp_dir().join(format!("chevet-credential-{}", std::process::id()));
    std::fs::write(&path, "s3cret\n").unwrap();
    let secret = Credential::File(path.clone()).load().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(secret.expose(), "s3cret");
    assert!(Credential::File(path).load().is_err());
}

#[test]
fn misspelt_keys_and_sections_in_a_section_are_refused_by_name() {
    let error = load("[clinic.mail]\nservr = \"x\"\n").unwrap_err();
    assert!(
        error.contains("line 2: clinic.mail.servr: there is no such key; did you mean \"server\"?"),
        "{error}"
    );
    let error = load("[clinic.mial]\nserver = \"x\"\n").unwrap_err();
    assert!(error.contains("clinic.mial: there is no such key; did you mean \"mail\"?"), "{error}");
    let error = load("[clinic]\nmail = 1\n").unwrap_err();
    assert!(error.contains("clinic.mail: is 1, but this is a section"), "{error}");
}

#[test]
fn what_a_gateway_needs_is_asked_for_and_secrets_are_never_repeated() {
    let error = load("[clinic.sms]\ngateway = \"http\"\n").unwrap_err();
    assert!(error.contains("clinic.sms.url: is empty"), "{error}");
    let error =
        load("[clinic.sms]\ngateway = \"ovh\"\naccount = \"sms-1\"\nsecret = \"hunter2\"\n").unwrap_err();
    assert!(error.contains("application_key") && error.contains("consumer_key"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let error = load("[clinic.sms]\nsecret = [\"hunter2\"]\n").unwrap_err();
    assert!(error.contains("clinic.sms.secret") && !error.contains("hunter2"), "{error}");
    let error = load("[clinic.mail]\nserver = \"smtp.example.org\"\n").unwrap_err();
    assert!(error.contains("clinic.mail.from: is no address to send from"), "{error}");
    let text =
        "[clinic.mail]\nserver = \"smtp.example.org\"\nfrom = \"a@b.example\"\nuser = \"u\"\ntls = \"off\"\n";
    assert!(load(text).unwrap_err().contains("would send the password readable"));
}
