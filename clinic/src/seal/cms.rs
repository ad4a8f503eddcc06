//! Signatures as CMS SignedData (RFC 5652) with the attributes of CAdES B-B (ETSI EN 319 122-1): made for seals, checked for
//! seals and for the tokens of time stamp services.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::der::{self, OCTETS, Reader, SEQUENCE, SET, context, oid};
use super::key::SealKey;

fn attribute(id: &[u8], content: &[u8]) -> Vec<u8> {
    der::list(SEQUENCE, &[&der::object(id), &der::value(SET, content)])
}

/// A signature that can still take a time stamp.
pub struct Signed {
    attributes: Vec<u8>,
    /// What a time stamp is asked for.
    pub signature: Vec<u8>,
}

/// Signs the SHA-256 of a content that stays outside. `None` if the certificate cannot be read or the key refuses.
pub fn sign(key: &SealKey, content_digest: &[u8]) -> Option<Signed> {
    let certificate = key.certificate();
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let issuer = der::value(SEQUENCE, &der::value(context(4), parsed.issuer().as_raw()));
    let issuer_serial = der::list(SEQUENCE, &[&issuer, &der::value(der::INTEGER, parsed.raw_serial())]);
    let hash = der::value(OCTETS, digest::digest(&digest::SHA256, certificate).as_ref());
    // SHA-256 is the default and must be left out.
    let certificate_id = der::list(SEQUENCE, &[&hash, &issuer_serial]);
    let signing_certificate = der::value(SEQUENCE, &der::value(SEQUENCE, &certificate_id));
    let attributes = vec![
        attribute(oid::CONTENT_TYPE, &der::object(oid::DATA)),
        attribute(oid::MESSAGE_DIGEST, &der::value(OCTETS, content_digest)),
        attribute(oid::SIGNING_CERTIFICATE_V2, &signing_certificate),
    ];
    // Signed as a SET, sent as [0].
    let signature = key.sign(&der::set_of(SET, attributes.clone()))?;
    Some(Signed { attributes: der::set_of(context(0), attributes), signature })
}

/// The finished ContentInfo; `time_stamp` is a token over [`Signed::signature`].
pub fn finish(key: &SealKey, signed: &Signed, time_stamp: Option<&[u8]>) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(key.certificate()).ok()?;
    let signer =
        der::list(SEQUENCE, &[parsed.issuer().as_raw(), &der::value(der::INTEGER, parsed.raw_serial())]);
    let unsigned = time_stamp
        .map(|token| der::value(context(1), &attribute(oid::TIME_STAMP_TOKEN, token)))
        .unwrap_or_default();
    let info = der::list(
        SEQUENCE,
        &[
            &der::unsigned(&[1]),
            &signer,
            &der::algorithm(oid::SHA256),
            &signed.attributes,
            &key.signature_algorithm(),
            &der::value(OCTETS, &signed.signature),
            &unsigned,
        ],
    );
    let data = der::list(
        SEQUENCE,
        &[
            &der::unsigned(&[1]),
            &der::value(SET, &der::algorithm(oid::SHA256)),
            &der::list(SEQUENCE, &[&der::object(oid::DATA)]),
            &der::set_of(context(0), key.chain().to_vec()),
            &der::value(SET, &info),
        ],
    );
    Some(der::list(SEQUENCE, &[&der::object(oid::SIGNED_DATA), &der::value(context(0), &data)]))
}

/// What a SignedData says, with its one signature found right over its attributes.
#[derive(Debug)]
pub struct Checked<'a> {
    /// An object identifier: what kind of content is signed.
    pub content_type: &'a [u8],
    /// The signer's, in DER.
    pub certificate: &'a [u8],
    /// All that came along, the signer's among them.
    pub certificates: Vec<&'a [u8]>,
    pub message_digest: &'a [u8],
    pub digest_algorithm: &'static digest::Algorithm,
    /// Content that is carried inside.
    pub content: Option<&'a [u8]>,
    pub signature: &'a [u8],
    /// A time stamp token, unchecked.
    pub time_stamp: Option<&'a [u8]>,
}

fn digest_algorithm(id: &[u8]) -> Option<&'static digest::Algorithm> {
    [(oid::SHA256, &digest::SHA256), (oid::SHA384, &digest::SHA384), (oid::SHA512, &digest::SHA512)]
        .into_iter()
        .find(|(known, _)| *known == id)
        .map(|(_, algorithm)| algorithm)
}

fn verification(id: &[u8], hash: &digest::Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match id {
        oid::ECDSA_SHA256 => Some(&ECDSA_P256_SHA256_ASN1),
        oid::ECDSA_SHA384 => Some(&ECDSA_P384_SHA384_ASN1),
        oid::RSA_SHA256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        oid::RSA_SHA384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        oid::RSA_SHA512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        oid::RSA if *hash == digest::SHA256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        oid::RSA if *hash == digest::SHA384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        oid::RSA if *hash == digest::SHA512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        _ => None,
    }
}

/// The only value of the attribute `id`.
fn find<'a>(attributes: Reader<'a>, id: &[u8]) -> Option<der::Read<'a>> {
    attributes.all().into_iter().find_map(|attribute| {
        let mut parts = Reader::new(attribute.content);
        (parts.take(der::OID)?.content == id).then(|| parts.enter(SET)?.next())?
    })
}

/// Reads a SignedData with one signer whose certificate is inside, and checks the signature over its attributes. Whether the
/// digest is that of a content, and whom the certificate belongs to, is the caller's to ask.
pub fn check(bytes: &[u8]) -> Option<Checked<'_>> {
    let mut info = Reader::new(bytes).enter(SEQUENCE)?;
    info.take(der::OID).filter(|id| id.content == oid::SIGNED_DATA)?;
    let mut data = info.enter(context(0))?.enter(SEQUENCE)?;
    data.take(der::INTEGER)?;
    data.take(SET)?;
    let mut encapsulated = data.enter(SEQUENCE)?;
    let content_type = encapsulated.take(der::OID)?.content;
    let content = match encapsulated.enter(context(0)) {
        Some(mut inner) => Some(inner.take(OCTETS)?.content),
        None => None,
    };
    let certificates = data.enter(context(0))?.all();
    let _ = data.take(context(1));
    let mut signer = data.enter(SET)?.enter(SEQUENCE)?;
    signer.take(der::INTEGER)?;
    let mut issuer_serial = signer.enter(SEQUENCE)?;
    let (issuer, serial) = (issuer_serial.take(SEQUENCE)?.whole, issuer_serial.take(der::INTEGER)?.content);
    let hash = digest_algorithm(signer.enter(SEQUENCE)?.take(der::OID)?.content)?;
    let attributes = signer.take(context(0))?.content;
    let algorithm = signer.enter(SEQUENCE)?.take(der::OID)?.content;
    let signature = signer.take(OCTETS)?.content;
    let unsigned = signer.enter(context(1));

    let certificate = certificates.iter().find_map(|certificate| {
        let (_, parsed) = X509Certificate::from_der(certificate.whole).ok()?;
        (parsed.issuer().as_raw() == issuer && parsed.raw_serial() == serial).then_some(certificate.whole)
    })?;
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let key = UnparsedPublicKey::new(
        verification(algorithm, hash)?,
        parsed.public_key().subject_public_key.data.as_ref(),
    );
    key.verify(&der::value(SET, attributes), signature).ok()?;
    let attributes = Reader::new(attributes);
    find(attributes, oid::CONTENT_TYPE).filter(|id| id.content == content_type)?;
    // RFC 5035: the attribute names the certificate, so that no other with the same key can be put in its place.
    if content_type == oid::DATA {
        let named = find(attributes, oid::SIGNING_CERTIFICATE_V2)?;
        let mut id = Reader::new(named.content).enter(SEQUENCE)?.enter(SEQUENCE)?;
        let named = id.take(OCTETS)?.content;
        (named == digest::digest(&digest::SHA256, certificate).as_ref()).then_some(())?;
    }
    Some(Checked {
        content_type,
        certificate,
        certificates: certificates.iter().map(|certificate| certificate.whole).collect(),
        message_digest: find(attributes, oid::MESSAGE_DIGEST)?.content,
        digest_algorithm: hash,
        content,
        signature,
        time_stamp: unsigned
            .and_then(|attributes| find(attributes, oid::TIME_STAMP_TOKEN))
            .map(|read| read.whole),
    })
}
