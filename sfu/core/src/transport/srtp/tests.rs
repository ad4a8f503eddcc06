use super::*;
use crate::wire::rtp::{ExtensionMap, OutHeader, write_header};
use proptest::collection::vec;
use proptest::prelude::*;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

const PROFILES: [SrtpProfile; 3] =
    [SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm, SrtpProfile::Aes128CmSha1_80];

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn header_of(packet: &[u8]) -> RtpHeader {
    RtpHeader::parse(packet, &ExtensionMap::default()).unwrap()
}

fn packet(ssrc: u32, sequence_number: u16, payload: &[u8]) -> (Vec<u8>, usize) {
    let fields = OutHeader {
        marker: false,
        payload_type: 96,
        sequence_number,
        timestamp: 7,
        ssrc,
        has_padding: false,
    };
    let mut out = vec![0; 100 + payload.len()];
    let header_len = write_header(&mut out, &fields, &[(1, b"0"), (3, &[1, 2])]).unwrap();
    out.truncate(header_len);
    out.extend_from_slice(payload);
    (out, header_len)
}

fn master(profile: SrtpProfile) -> (Vec<u8>, Vec<u8>) {
    ((1..=profile.key_len() as u8).collect(), (100..100 + profile.salt_len() as u8).collect())
}

fn pair(profile: SrtpProfile) -> (SrtpIn, SrtpOut) {
    let (key, salt) = master(profile);
    (SrtpIn::new(profile, &key, &salt).unwrap(), SrtpOut::new(profile, &key, &salt).unwrap())
}

fn oracle(profile: SrtpProfile) -> Context {
    let (key, salt) = master(profile);
    let theirs = match profile {
        SrtpProfile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        SrtpProfile::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let provider = rtc_stun::crypto::default_provider().unwrap();
    Context::new(&key, &salt, theirs, None, None, provider.crypto()).unwrap()
}

fn seal(srtp: &SrtpOut, ssrc: u32, extended: u64, payload: &[u8]) -> Vec<u8> {
    let (mut out, header_len) = packet(ssrc, extended as u16, payload);
    let len = out.len();
    out.resize(len + srtp.overhead(), 0);
    assert_eq!(srtp.seal_rtp_in_place(&mut out, header_len, len, ssrc, extended), Some(out.len()));
    out
}

fn open(srtp: &mut SrtpIn, sealed: &[u8]) -> Result<(u64, Vec<u8>), SrtpError> {
    let mut packet = sealed.to_vec();
    let header = header_of(&packet);
    let (extended, len) = srtp.open_rtp(&mut packet, &header)?;
    packet.truncate(len);
    Ok((extended, packet))
}

#[test]
fn rtp_is_sealed_and_opened_as_in_rfc_7714_16() {
    let plain = hex(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465
        73207472 6573",
    );
    let vectors = [
        (
            SrtpProfile::AeadAes128Gcm,
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b
             36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        ),
        (
            SrtpProfile::AeadAes256Gcm,
            "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f
             1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        ),
    ];
    for (profile, sealed) in vectors {
        let key: Vec<u8> = (0..profile.key_len() as u8).collect();
        let salt = hex("517569642070726f2071756f").try_into().unwrap();
        let cipher = Cipher::gcm_of_session_keys(profile, &key, salt);
        let mut out = plain.clone();
        out.resize(plain.len() + 16, 0);
        cipher.seal_rtp(&mut out, 12, plain.len(), 0x5501_a0b2, 0xf17b).unwrap();
        assert_eq!(out, hex(sealed));
        assert_eq!(cipher.open_rtp(&mut out, 12, 0x5501_a0b2, 0xf17b), Ok(plain.len()));
        assert_eq!(out[..plain.len()], plain);
    }
}

#[test]
fn rtcp_is_sealed_and_opened_as_in_rfc_7714_17() {
    let plain = hex(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef
        deadbeef deadbeef",
    );
    let vectors = [
        (
            SrtpProfile::AeadAes128Gcm,
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46
             86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        ),
        (
            SrtpProfile::AeadAes256Gcm,
            "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658
             c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
        ),
    ];
    for (profile, sealed) in vectors {
        let key: Vec<u8> = (0..profile.key_len() as u8).collect();
        let salt = hex("517569642070726f2071756f").try_into().unwrap();
        let cipher = Cipher::gcm_of_session_keys(profile, &key, salt);
        let mut out = plain.clone();
        out.resize(plain.len() + 20, 0);
        cipher.seal_rtcp(&mut out, plain.len(), 0x5d4).unwrap();
        assert_eq!(out, hex(sealed));
        assert_eq!(cipher.rtcp_index(&out), Ok((0x4d61_7273, 0x5d4)));
        assert_eq!(cipher.open_rtcp(&mut out, 0x4d61_7273, 0x5d4), Ok(plain.len()));
        assert_eq!(out[..plain.len()], plain);
    }
}

#[test]
fn what_we_seal_the_oracle_opens_over_a_rollover() {
    for profile in PROFILES {
        let (_, ours) = pair(profile);
        let mut theirs = oracle(profile);
        for extended in 65_000u64..66_000 {
            let payload = vec![extended as u8; (extended % 1200) as usize];
            let opened = theirs.decrypt_rtp(&seal(&ours, 5, extended, &payload)).unwrap();
            assert_eq!(opened[..], packet(5, extended as u16, &payload).0, "{profile:?} {extended}");
        }
    }
}

#[test]
fn what_the_oracle_seals_we_open_over_a_rollover() {
    for profile in PROFILES {
        let (mut ours, _) = pair(profile);
        let mut theirs = oracle(profile);
        for extended in 65_000u64..66_000 {
            let plain = packet(5, extended as u16, &vec![extended as u8; (extended % 1200) as usize]).0;
            let sealed = theirs.encrypt_rtp(&plain).unwrap();
            assert_eq!(open(&mut ours, &sealed), Ok((extended, plain)), "{profile:?}");
        }
    }
}

#[test]
fn rtcp_goes_to_the_oracle_and_back() {
    for profile in PROFILES {
        let (mut input, mut output) = pair(profile);
        let mut theirs = oracle(profile);
        for round in 0..50u32 {
            let mut plain = Vec::new();
            crate::wire::rtcp::write_nack(&mut plain, 9, round, &[1, 2, 700]);
            crate::wire::rtcp::write_pli(&mut plain, 9, round);
            let mut buf = vec![0xee; 3];
            buf.extend_from_slice(&plain);
            output.seal_rtcp(&mut buf, 3).unwrap();
            assert_eq!(buf[..3], [0xee; 3]);
            assert_eq!(buf.len(), 3 + plain.len() + profile.rtcp_overhead());
            assert_eq!(theirs.decrypt_rtcp(&buf[3..]).unwrap()[..], plain);

            let mut sealed = theirs.encrypt_rtcp(&plain).unwrap().to_vec();
            let again = sealed.clone();
            let len = input.open_rtcp(&mut sealed).unwrap();
            assert_eq!(sealed[..len], plain);
            assert_eq!(input.open_rtcp(&mut again.clone()), Err(SrtpError::Replayed));
        }
    }
}

#[test]
fn scattered_sealing_gives_the_same_packet() {
    for profile in PROFILES {
        let (_, srtp) = pair(profile);
        for (payload, trailer) in [(&[7u8; 900][..], &[0u8, 0, 3][..]), (&[7; 64], &[]), (&[], &[0, 2])] {
            let expected = seal(&srtp, 5, 99, &[payload, trailer].concat());
            let (mut out, header_len) = packet(5, 99, &[]);
            out.resize(expected.len(), 0xaa);
            let len = srtp.seal_rtp_scatter(&mut out, header_len, payload, trailer, 5, 99);
            assert_eq!(len, Some(expected.len()));
            assert_eq!(out, expected, "{profile:?}");
            out.pop();
            assert_eq!(srtp.seal_rtp_scatter(&mut out, header_len, payload, trailer, 5, 99), None);
        }
    }
}

#[test]
fn packets_out_of_order_around_the_wrap_are_opened_once() {
    for profile in PROFILES {
        let (mut input, output) = pair(profile);
        for extended in [65_530u64, 65_537, 65_535, 65_536, 65_534, 66_000, 65_538] {
            let sealed = seal(&output, 5, extended, b"payload");
            assert_eq!(open(&mut input, &sealed).map(|(extended, _)| extended), Ok(extended));
            assert_eq!(open(&mut input, &sealed), Err(SrtpError::Replayed));
        }
        let old = seal(&output, 5, 66_000 - 1024, b"payload");
        assert_eq!(open(&mut input, &old), Err(SrtpError::TooOld));
    }
}

#[test]
fn a_forged_packet_leaves_no_trace() {
    for profile in PROFILES {
        let (mut input, output) = pair(profile);
        let sealed = seal(&output, 5, 10, b"payload");
        for at in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 0x04;
            if let Ok(header) = RtpHeader::parse(&forged, &ExtensionMap::default()) {
                let result = input.open_rtp(&mut forged, &header);
                assert!(
                    matches!(result, Err(SrtpError::Forged | SrtpError::Short)),
                    "{profile:?} byte {at}: {result:?}"
                );
            }
        }
        assert_eq!(open(&mut input, &sealed).map(|(extended, _)| extended), Ok(10));
    }
}

#[test]
fn rtcp_in_the_clear_is_refused() {
    for profile in PROFILES {
        let (mut input, mut output) = pair(profile);
        let mut buf = Vec::new();
        crate::wire::rtcp::write_pli(&mut buf, 9, 1);
        output.seal_rtcp(&mut buf, 0).unwrap();
        let word = if profile == SrtpProfile::Aes128CmSha1_80 { buf.len() - 14 } else { buf.len() - 4 };
        buf[word] &= 0x7f;
        assert_eq!(input.open_rtcp(&mut buf), Err(SrtpError::Clear));
        for len in 0..24 {
            assert!(input.open_rtcp(&mut vec![0xff; len]).is_err());
        }
    }
}

#[test]
fn both_sides_of_a_handshake_understand_each_other() {
    for profile in PROFILES {
        let material: Vec<u8> = (0..profile.keying_material_len() as u8).collect();
        let (mut client_in, client_out) = contexts(profile, &material, DtlsRole::Client).unwrap();
        let (mut server_in, server_out) = contexts(profile, &material, DtlsRole::Server).unwrap();
        let sealed = seal(&client_out, 1, 1, b"up");
        assert_eq!(open(&mut server_in, &sealed).map(|(extended, _)| extended), Ok(1));
        assert_eq!(open(&mut client_in, &sealed), Err(SrtpError::Forged));
        assert!(open(&mut client_in, &seal(&server_out, 1, 1, b"down")).is_ok());
        assert!(contexts(profile, &material[1..], DtlsRole::Client).is_err());
    }
}

#[test]
fn sealing_needs_room_for_the_tag() {
    for profile in PROFILES {
        let (_, srtp) = pair(profile);
        let (mut out, header_len) = packet(5, 1, b"x");
        let len = out.len();
        assert_eq!(srtp.seal_rtp_in_place(&mut out, header_len, len, 5, 1), None);
        assert_eq!(srtp.seal_rtp_in_place(&mut out, len + 1, len, 5, 1), None);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_panic(bytes in vec(any::<u8>(), 0..100), profile in 0usize..3) {
        let (mut input, _) = pair(PROFILES[profile]);
        prop_assert!(input.open_rtcp(&mut bytes.clone()).is_err());
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() { *first = *first & 0x1f | 0x80; }
        if let Ok(header) = RtpHeader::parse(&bytes, &ExtensionMap::default()) {
            prop_assert!(input.open_rtp(&mut bytes, &header).is_err());
        }
    }

    #[test]
    fn any_payload_comes_back(payload in vec(any::<u8>(), 0..1400), ssrc: u32, extended in 0u64..65_536, profile in 0usize..3) {
        let (mut input, output) = pair(PROFILES[profile]);
        let sealed = seal(&output, ssrc, extended, &payload);
        prop_assert_eq!(open(&mut input, &sealed), Ok((extended, packet(ssrc, extended as u16, &payload).0)));
    }
}
