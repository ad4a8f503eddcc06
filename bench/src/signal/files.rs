//! Files as LiveKit byte streams: a header, chunks, a trailer, all on `_reliable`.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{Context, SHA256, digest};
use bytes::Bytes;
use livekit_protocol as proto;
use prost::Message;
use proto::data_packet::Value;
use proto::data_stream::header::ContentHeader;
use proto::data_stream::{ByteHeader, Chunk, Header, Trailer};

use crate::target::FileReceived;

/// Bytes of a chunk, as all SDKs cut them.
const CHUNK: usize = 15_000;
const TOPIC: &str = "bench";
/// The attribute that the sender's digest travels in.
const DIGEST: &str = "sha256";

/// A file on its way out.
#[derive(Debug)]
pub struct Upload {
    stream: String,
    name: String,
    content: Bytes,
    to: Vec<String>,
    next: Part,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Header,
    Chunk(u64),
    Trailer,
    Done,
}

impl Upload {
    pub fn new(name: &str, content: Bytes, to: &[String]) -> Upload {
        let stream = format!("{:032x}", rand::random::<u128>());
        Upload { stream, name: name.to_owned(), content, to: to.to_vec(), next: Part::Header }
    }

    pub fn len(&self) -> u64 {
        self.content.len() as u64
    }

    /// The next packet with this number (from 1, rising by 1 over all that the sender says reliably); None at the end.
    pub fn packet(&mut self, sequence: u32) -> Option<Bytes> {
        let stream_id = self.stream.clone();
        let value = match self.next {
            Part::Header => {
                self.next = if self.content.is_empty() { Part::Trailer } else { Part::Chunk(0) };
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Value::StreamHeader(Header {
                    stream_id,
                    timestamp: now.as_millis() as i64,
                    topic: TOPIC.to_owned(),
                    mime_type: "application/octet-stream".to_owned(),
                    total_length: Some(self.len()),
                    attributes: HashMap::from([(
                        DIGEST.to_owned(),
                        hex(digest(&SHA256, &self.content).as_ref()),
                    )]),
                    content_header: Some(ContentHeader::ByteHeader(ByteHeader { name: self.name.clone() })),
                    ..Header::default()
                })
            }
            Part::Chunk(chunk_index) => {
                let begin = chunk_index as usize * CHUNK;
                let end = (begin + CHUNK).min(self.content.len());
                let last = end == self.content.len();
                self.next = if last { Part::Trailer } else { Part::Chunk(chunk_index + 1) };
                let content = self.content.get(begin..end).unwrap_or_default().to_vec();
                Value::StreamChunk(Chunk { stream_id, chunk_index, content, ..Chunk::default() })
            }
            Part::Trailer => {
                self.next = Part::Done;
                Value::StreamTrailer(Trailer { stream_id, ..Trailer::default() })
            }
            Part::Done => return None,
        };
        let packet = proto::DataPacket {
            destination_identities: self.to.clone(),
            sequence,
            value: Some(value),
            ..proto::DataPacket::default()
        };
        Some(Bytes::from(packet.encode_to_vec()))
    }
}

/// The files that are coming in.
#[derive(Default)]
pub struct Downloads {
    open: HashMap<String, Download>,
}

struct Download {
    name: String,
    total: Option<u64>,
    expected: Option<String>,
    digest: Context,
    bytes: u64,
    chunks: u64,
    /// The first thing that was wrong.
    why: Option<String>,
    began: Instant,
}

/// What a packet did.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of files in it.
    pub bytes: u64,
    pub finished: Option<FileReceived>,
}

impl Downloads {
    /// A packet of `_reliable`. What is no part of a byte stream is passed over.
    pub fn packet(&mut self, bytes: &[u8], now: Instant) -> Progress {
        let mut progress = Progress::default();
        let Ok(packet) = proto::DataPacket::decode(bytes) else {
            return progress;
        };
        match packet.value {
            Some(Value::StreamHeader(header)) => {
                let name = match header.content_header {
                    Some(ContentHeader::ByteHeader(header)) => header.name,
                    _ => return progress,
                };
                let download = Download {
                    name,
                    total: header.total_length,
                    expected: header.attributes.get(DIGEST).cloned(),
                    digest: Context::new(&SHA256),
                    bytes: 0,
                    chunks: 0,
                    why: None,
                    began: now,
                };
                self.open.insert(header.stream_id, download);
            }
            Some(Value::StreamChunk(chunk)) => {
                let Some(download) = self.open.get_mut(&chunk.stream_id) else {
                    return progress;
                };
                if chunk.chunk_index != download.chunks {
                    let (got, wanted) = (chunk.chunk_index, download.chunks);
                    download.why.get_or_insert_with(|| format!("chunk {got} where {wanted} was due"));
                }
                download.chunks = chunk.chunk_index + 1;
                download.digest.update(&chunk.content);
                progress.bytes = chunk.content.len() as u64;
                download.bytes += progress.bytes;
            }
            Some(Value::StreamTrailer(trailer)) => {
                if let Some(download) = self.open.remove(&trailer.stream_id) {
                    let took = now.duration_since(download.began);
                    progress.finished =
                        Some(download.finish(packet.participant_identity, &trailer.reason, took));
                }
            }
            _ => {}
        }
        progress
    }
}

impl Download {
    fn finish(self, from: String, reason: &str, took: Duration) -> FileReceived {
        let why = if !reason.is_empty() {
            Some(format!("the stream was ended: {reason}"))
        } else if let Some(why) = self.why {
            Some(why)
        } else if self.total.is_some_and(|total| total != self.bytes) {
            Some(format!("{} bytes instead of {}", self.bytes, self.total.unwrap_or(0)))
        } else if self.expected != Some(hex(self.digest.finish().as_ref())) {
            Some("the bytes are not those that were sent".to_owned())
        } else {
            None
        };
        FileReceived { name: self.name, from, bytes: self.bytes, intact: why.is_none(), why, took }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(size: usize) -> Vec<Bytes> {
        let content: Vec<u8> = (0..size).map(|at| (at * 7 / 3) as u8).collect();
        let mut upload = Upload::new("scan.bin", content.into(), &["alice".to_owned()]);
        (1..).map_while(|sequence| upload.packet(sequence)).collect()
    }

    fn receive(packets: &[Bytes]) -> Option<FileReceived> {
        let mut downloads = Downloads::default();
        packets.iter().find_map(|packet| downloads.packet(packet, Instant::now()).finished)
    }

    #[test]
    fn a_file_arrives_as_it_was_sent_whatever_its_size() {
        for size in [0, 1, CHUNK, CHUNK + 1, 300_000] {
            let packets = packets(size);
            assert_eq!(packets.len(), 2 + size.div_ceil(CHUNK));
            let file = receive(&packets).expect("it ends");
            assert!(file.intact && file.bytes == size as u64 && file.name == "scan.bin", "{file:?}");
        }
    }

    #[test]
    fn a_lost_a_changed_and_a_cut_off_file_are_told() {
        let mut lost = packets(100_000);
        lost.remove(3);
        let file = receive(&lost).expect("it ends");
        assert_eq!(file.why.as_deref(), Some("chunk 3 where 2 was due"));

        let mut changed: Vec<Vec<u8>> = packets(100_000).iter().map(|packet| packet.to_vec()).collect();
        changed[2][7_000] ^= 1;
        let changed: Vec<Bytes> = changed.into_iter().map(Bytes::from).collect();
        let file = receive(&changed).expect("it ends");
        assert_eq!(file.why.as_deref(), Some("the bytes are not those that were sent"));

        let trailer = proto::DataPacket::decode(&packets(10)[2][..]).expect("ours");
        let Some(Value::StreamTrailer(trailer)) = trailer.value else { panic!("the last is the trailer") };
        let mut cut = packets(100_000);
        let Some(Value::StreamHeader(header)) = proto::DataPacket::decode(&cut[0][..]).expect("ours").value
        else {
            panic!("the first is the header")
        };
        cut.truncate(3);
        let trailer = Trailer { stream_id: header.stream_id, reason: "too slow".into(), ..trailer };
        let packet = proto::DataPacket { value: Some(Value::StreamTrailer(trailer)), ..Default::default() };
        cut.push(packet.encode_to_vec().into());
        let file = receive(&cut).expect("it ends");
        assert_eq!(file.why.as_deref(), Some("the stream was ended: too slow"));
        assert!(!file.intact);
    }
}
