//! Header and payload of an outgoing packet, into the slot it is sealed in.

use crate::api::{Codec, Extension};
use crate::stream::ring::StoredPacket;
use crate::wire::codec::red;
use crate::wire::rtp::{ExtensionMap, FIXED_HEADER, OutHeader, fits_one_byte_form, write_header};

use super::{Egress, Forward, NO_PAYLOAD_TYPE, RTX_BURST, Resend, frame_number};

/// The header extension ids of a subscriber's transport; 0 where one was not agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionIds {
    mid: u8,
    audio_level: u8,
    transport_cc: u8,
    abs_send_time: u8,
    abs_capture_time: u8,
    playout_delay: u8,
    dependency_descriptor: u8,
    mixed: bool,
}

impl ExtensionIds {
    pub fn new(map: &ExtensionMap) -> Self {
        let id = |extension| {
            let id = map.id(extension).unwrap_or(0);
            // Larger ids need the two-byte form.
            if id > 14 && !map.mixed() { 0 } else { id }
        };
        ExtensionIds {
            mid: id(Extension::Mid),
            audio_level: id(Extension::AudioLevel),
            transport_cc: id(Extension::TransportCc),
            abs_send_time: id(Extension::AbsSendTime),
            abs_capture_time: id(Extension::AbsCaptureTime),
            playout_delay: id(Extension::PlayoutDelay),
            dependency_descriptor: id(Extension::DependencyDescriptor),
            mixed: map.mixed(),
        }
    }
}

/// A packet as written, ready to be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub header_len: usize,
    /// Header and payload.
    pub len: usize,
    pub ssrc: u32,
    /// Extended: the packet index for SRTP.
    pub sequence: u64,
}

/// The elements of an extension block being put together.
struct Elements<'a> {
    list: [(u8, &'a [u8]); 8],
    len: usize,
    mixed: bool,
}

impl<'a> Elements<'a> {
    fn new(mixed: bool) -> Self {
        Elements { list: [(0, &[]); 8], len: 0, mixed }
    }

    fn push(&mut self, id: u8, data: &'a [u8]) {
        if id == 0 || data.is_empty() || !(self.mixed || fits_one_byte_form(id, data.len())) {
            return;
        }
        if let Some(slot) = self.list.get_mut(self.len) {
            *slot = (id, data);
            self.len += 1;
        }
    }

    fn as_slice(&self) -> &[(u8, &'a [u8])] {
        self.list.get(..self.len).unwrap_or(&[])
    }
}

/// Room for the header with all elements of a template in the two-byte form, the mid with its 16 bytes.
const TEMPLATE: usize = 48;

/// The header of a usual packet, to be copied; the offsets of what is then written over it, 0 where there is no such
/// element. A usual packet carries nothing that only some packets have: no dependency descriptor, no capture time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Template {
    bytes: [u8; TEMPLATE],
    len: usize,
    transport_cc: usize,
    abs_send_time: usize,
    audio_level: usize,
}

impl Template {
    /// Without a mid if that is empty. `None` for a header that would be too long.
    pub fn new(ids: &ExtensionIds, mid: &[u8], with_level: bool, ssrc: u32) -> Option<Template> {
        let mut elements = Elements::new(ids.mixed);
        elements.push(ids.transport_cc, &[0; 2]);
        elements.push(ids.abs_send_time, &[0; 3]);
        let level_id = if with_level { ids.audio_level } else { 0 };
        elements.push(level_id, &[0]);
        elements.push(ids.mid, mid);
        let one_byte = elements.as_slice().iter().all(|(id, data)| fits_one_byte_form(*id, data.len()));

        let mut end = FIXED_HEADER + 4;
        let mut place = |id: u8, len: usize| {
            if id == 0 {
                return 0;
            }
            let at = end + if one_byte { 1 } else { 2 };
            end = at + len;
            at
        };
        let mut bytes = [0; TEMPLATE];
        let fields = OutHeader {
            marker: false,
            payload_type: 0,
            sequence_number: 0,
            timestamp: 0,
            ssrc,
            has_padding: false,
        };
        Some(Template {
            len: write_header(&mut bytes, &fields, elements.as_slice())?,
            bytes,
            transport_cc: place(ids.transport_cc, 2),
            abs_send_time: place(ids.abs_send_time, 3),
            audio_level: place(level_id, 1),
        })
    }

    /// Whether it fits a packet that is not a filler.
    fn suits(&self, packet: &StoredPacket<'_>) -> bool {
        packet.dependency_descriptor.is_empty()
            && packet.meta.abs_capture_time.is_none()
            && packet.meta.playout_delay.is_none()
            && (self.audio_level == 0 || packet.audio_level.is_some())
    }

    /// As long as `out` has room for the longest one. The SSRC is the template's.
    fn write(
        &self,
        packet: &StoredPacket<'_>,
        fields: &OutHeader,
        transport_cc: u16,
        abs_send_time: u32,
        out: &mut [u8],
    ) -> Option<usize> {
        let header = out.first_chunk_mut::<TEMPLATE>()?;
        *header = self.bytes;
        let [s0, s1] = fields.sequence_number.to_be_bytes();
        let [t0, t1, t2, t3] = fields.timestamp.to_be_bytes();
        *header.first_chunk_mut()? = [self.bytes[0], fields.second_byte(), s0, s1, t0, t1, t2, t3];
        if self.transport_cc != 0 {
            *header.get_mut(self.transport_cc..)?.first_chunk_mut()? = transport_cc.to_be_bytes();
        }
        if self.abs_send_time != 0 {
            let [_, time @ ..] = abs_send_time.to_be_bytes();
            *header.get_mut(self.abs_send_time..)?.first_chunk_mut()? = time;
        }
        if self.audio_level != 0 {
            *header.get_mut(self.audio_level)? = packet.audio_level?.to_byte();
        }
        Some(self.len)
    }
}

/// The longest dependency descriptor that is rewritten; longer ones are none.
const MAX_DESCRIPTOR: usize = 255;

/// The most that a packet can be padded.
const PROBE_PADDING: u8 = 255;

impl Egress {
    /// Writes the packet without SRTP. `transport_cc`: the next transport-wide number, which goes in if that was agreed;
    /// `abs_send_time`: 24 bits, 6.18 fixed point seconds. `None` when `out` is too small.
    pub fn write(
        &mut self,
        packet: &StoredPacket<'_>,
        forward: &Forward,
        transport_cc: u16,
        abs_send_time: u32,
        out: &mut [u8],
    ) -> Option<Written> {
        let payload_type = match packet.codec {
            Codec::Red if self.red_payload_type != NO_PAYLOAD_TYPE => self.red_payload_type,
            _ => self.payload_type,
        };
        let fields = OutHeader {
            marker: packet.marker && !forward.filler,
            payload_type,
            sequence_number: forward.sequence as u16,
            timestamp: packet.timestamp.wrapping_add(forward.timestamp_delta),
            ssrc: self.ssrc,
            has_padding: false,
        };
        let usual = self.template.as_ref().filter(|template| !forward.filler && template.suits(packet));
        let header_len = match usual {
            Some(template) => template.write(packet, &fields, transport_cc, abs_send_time, out)?,
            None => {
                let with_mid = self.announce;
                self.write_header(packet, forward, &fields, with_mid, transport_cc, abs_send_time, out)?
            }
        };
        let len = header_len + self.write_payload(packet, forward, out.get_mut(header_len..)?)?;
        self.packets += 1;
        self.octets += (len - header_len) as u64;
        // Retransmissions may be half of what is sent, and a burst.
        self.reports.rtx_budget = (self.reports.rtx_budget + len as u32 / 2).min(RTX_BURST);
        Some(Written { header_len, len, ssrc: self.ssrc, sequence: forward.sequence })
    }

    /// Writes an answer to a NACK, as a retransmission packet (RFC 4588 4): what was sent, behind its number. `None` when
    /// the rate is used up, or `out` is too small.
    pub fn write_rtx(
        &mut self,
        packet: &StoredPacket<'_>,
        resend: &Resend,
        transport_cc: u16,
        abs_send_time: u32,
        out: &mut [u8],
    ) -> Option<Written> {
        if self.rtx_payload_type == NO_PAYLOAD_TYPE {
            return None;
        }
        if packet.payload.len() as u32 > self.reports.rtx_budget {
            self.reports.rtx_refused += 1;
            return None;
        }
        let filler = resend.found.is_filler(packet) || !self.can_carry(packet);
        let forward = resend.found.interval.forward(resend.found.sequence, filler);
        let sequence = self.reports.rtx_next;
        let fields = OutHeader {
            marker: packet.marker && !filler,
            payload_type: self.rtx_payload_type,
            sequence_number: sequence as u16,
            timestamp: packet.timestamp.wrapping_add(forward.timestamp_delta),
            ssrc: self.rtx_ssrc,
            has_padding: false,
        };
        let header_len =
            self.write_header(packet, &forward, &fields, true, transport_cc, abs_send_time, out)?;
        let body = out.get_mut(header_len..)?;
        *body.first_chunk_mut::<2>()? = (forward.sequence as u16).to_be_bytes();
        let len = header_len + 2 + self.write_payload(packet, &forward, body.get_mut(2..)?)?;
        self.reports.rtx_next += 1;
        self.reports.rtx_packets += 1;
        self.reports.rtx_octets += (len - header_len) as u64;
        self.reports.rtx_budget = self.reports.rtx_budget.saturating_sub(len as u32);
        Some(Written { header_len, len, ssrc: self.rtx_ssrc, sequence })
    }

    /// Whether [`Egress::write_probe`] has something to write.
    pub fn can_probe(&self) -> bool {
        self.video && self.rtx_payload_type != NO_PAYLOAD_TYPE
    }

    /// Writes a packet of nothing but padding, on the retransmission stream: receivers count it and throw it away
    /// (RFC 3550 5.1; libwebrtc probes in this way too).
    pub fn write_probe(&mut self, transport_cc: u16, abs_send_time: u32, out: &mut [u8]) -> Option<Written> {
        if !self.can_probe() {
            return None;
        }
        let sequence = self.reports.rtx_next;
        let fields = OutHeader {
            marker: false,
            payload_type: self.rtx_payload_type,
            sequence_number: sequence as u16,
            timestamp: self.last_timestamp,
            ssrc: self.rtx_ssrc,
            has_padding: true,
        };
        let ids = &self.extensions;
        let number = transport_cc.to_be_bytes();
        let [_, send_time @ ..] = abs_send_time.to_be_bytes();
        let mut elements = Elements::new(ids.mixed);
        elements.push(ids.mid, self.mid.as_bytes());
        elements.push(ids.transport_cc, &number);
        elements.push(ids.abs_send_time, &send_time);
        let header_len = write_header(out, &fields, elements.as_slice())?;
        let len = header_len + usize::from(PROBE_PADDING);
        let padding = out.get_mut(header_len..len)?;
        padding.fill(0);
        *padding.last_mut()? = PROBE_PADDING;
        self.reports.rtx_next += 1;
        Some(Written { header_len, len, ssrc: self.rtx_ssrc, sequence })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the two callers have it all in hand, and it is the hot path"
    )]
    fn write_header(
        &self,
        packet: &StoredPacket<'_>,
        forward: &Forward,
        fields: &OutHeader,
        with_mid: bool,
        transport_cc: u16,
        abs_send_time: u32,
        out: &mut [u8],
    ) -> Option<usize> {
        let ids = &self.extensions;
        let level = packet.audio_level.map(|level| [level.to_byte()]);
        let number = transport_cc.to_be_bytes();
        let [_, send_time @ ..] = abs_send_time.to_be_bytes();
        let mut descriptor;
        let mut elements = Elements::new(ids.mixed);
        if with_mid {
            elements.push(ids.mid, self.mid.as_bytes());
        }
        elements.push(ids.transport_cc, &number);
        elements.push(ids.abs_send_time, &send_time);
        if !forward.filler {
            if let Some(level) = &level {
                elements.push(ids.audio_level, level);
            }
            if let Some(time) = &packet.meta.abs_capture_time {
                elements.push(ids.abs_capture_time, time.as_bytes());
            }
            if let Some(delay) = &packet.meta.playout_delay {
                elements.push(ids.playout_delay, delay);
            }
            if !packet.dependency_descriptor.is_empty() && ids.dependency_descriptor != 0 {
                descriptor = [0; MAX_DESCRIPTOR];
                elements.push(ids.dependency_descriptor, renumbered(packet, forward, &mut descriptor)?);
            }
        }
        write_header(out, fields, elements.as_slice())
    }

    /// Gives the bytes written.
    fn write_payload(&self, packet: &StoredPacket<'_>, forward: &Forward, out: &mut [u8]) -> Option<usize> {
        if forward.filler {
            return Some(0);
        }
        let payload = if packet.codec == Codec::Red && self.red_payload_type == NO_PAYLOAD_TYPE {
            packet.payload.get(red::primary(packet.payload)?)?
        } else {
            packet.payload
        };
        let copy = out.get_mut(..payload.len())?;
        copy.copy_from_slice(payload);
        if let Some(vp8) = &packet.meta.inspection.vp8 {
            let picture_id = vp8.picture_id.unwrap_or(0).wrapping_add(forward.picture_id_delta);
            let tl0 = vp8.tl0_pic_idx.unwrap_or(0).wrapping_add(forward.tl0_delta);
            vp8.rewrite(copy, picture_id & 0x7fff, tl0);
        }
        Some(payload.len())
    }
}

/// The dependency descriptor with the frame number that continues ours. Frame numbers only change by a constant: the
/// differences between frames, which is what the descriptor tells, stay.
fn renumbered<'a>(
    packet: &StoredPacket<'a>,
    forward: &Forward,
    space: &'a mut [u8; MAX_DESCRIPTOR],
) -> Option<&'a [u8]> {
    let descriptor = packet.dependency_descriptor;
    if forward.frame_number_delta == 0 {
        return Some(descriptor);
    }
    let number = frame_number(descriptor)?.wrapping_add(forward.frame_number_delta);
    let copy = space.get_mut(..descriptor.len())?;
    copy.copy_from_slice(descriptor);
    copy.get_mut(1..3)?.copy_from_slice(&number.to_be_bytes());
    Some(copy)
}

/// Adds RTP padding (RFC 3550 5.1) to a packet that was written and not sealed yet, so that it becomes as long as its
/// neighbours: a kernel's segmentation wants equal sizes. Gives the new length; `None` when the packet is padded already,
/// `padding` is 0 or above 255, or `packet` is too short for it.
pub fn pad(packet: &mut [u8], len: usize, padding: usize) -> Option<usize> {
    let count = u8::try_from(padding).ok().filter(|&count| count > 0)?;
    let end = len.checked_add(padding)?;
    if packet.first()? & 0x20 != 0 {
        return None;
    }
    let space = packet.get_mut(len..end)?;
    space.fill(0);
    *space.last_mut()? = count;
    *packet.first_mut()? |= 0x20;
    Some(end)
}
