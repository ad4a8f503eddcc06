//! The little of DER (X.690) that signatures need: values are written inside out, and read one after the other.

pub const INTEGER: u8 = 0x02;
pub const OCTETS: u8 = 0x04;
pub const OID: u8 = 0x06;
pub const GENERALIZED_TIME: u8 = 0x18;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// Context-specific and constructed, as `[n]` in ASN.1.
pub const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// Encoded object identifiers, without tag and length.
pub mod oid {
    pub const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
    pub const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    pub const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
    pub const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
    /// id-aa-signingCertificateV2 (RFC 5035).
    pub const SIGNING_CERTIFICATE_V2: &[u8] =
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
    /// id-aa-timeStampToken (RFC 3161, appendix A).
    pub const TIME_STAMP_TOKEN: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0e];
    /// id-ct-TSTInfo (RFC 3161).
    pub const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
    pub const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    pub const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
    pub const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
    pub const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    pub const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
    pub const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    pub const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
    pub const RSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];
    pub const RSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];
}

/// One value.
pub fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.push(short);
    } else {
        let bytes = length.to_be_bytes();
        let used: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
        // At most eight: the length of a length.
        out.push(0x80 | u8::try_from(used.len()).unwrap_or(8));
        out.extend(used);
    }
    out.extend_from_slice(content);
    out
}

/// A value that holds `parts` in this order.
pub fn list(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    value(tag, &parts.concat())
}

/// `SET OF`, in the order that DER wants.
pub fn set_of(tag: u8, mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    value(tag, &parts.concat())
}

pub fn object(id: &[u8]) -> Vec<u8> {
    value(OID, id)
}

/// A positive integer from its big-endian bytes.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    if digits.first().is_none_or(|first| *first & 0x80 != 0) {
        digits.insert(0, 0);
    }
    value(INTEGER, &digits)
}

/// An algorithm without parameters.
pub fn algorithm(id: &[u8]) -> Vec<u8> {
    list(SEQUENCE, &[&object(id)])
}

/// A value that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read<'a> {
    pub tag: u8,
    pub content: &'a [u8],
    /// With tag and length.
    pub whole: &'a [u8],
}

/// Reads values one after the other. Every method answers `None` for what is not DER, or not what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    pub fn next(&mut self) -> Option<Read<'a>> {
        let all = self.0;
        let (&tag, rest) = all.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let digits = usize::from(first & 0x7f);
            if !(1..=4).contains(&digits) {
                return None;
            }
            let (digits, rest) = rest.split_at_checked(digits)?;
            (digits.iter().fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = all.get(..all.len().checked_sub(rest.len())?)?;
        self.0 = rest;
        Some(Read { tag, content, whole })
    }

    /// The next value, if it has this tag; it is left where it is otherwise.
    pub fn take(&mut self, tag: u8) -> Option<Read<'a>> {
        let mut ahead = *self;
        let read = ahead.next().filter(|read| read.tag == tag)?;
        *self = ahead;
        Some(read)
    }

    /// Goes into the next value.
    pub fn enter(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.take(tag).map(|read| Reader(read.content))
    }

    pub fn all(mut self) -> Vec<Read<'a>> {
        std::iter::from_fn(move || self.next()).collect()
    }
}
