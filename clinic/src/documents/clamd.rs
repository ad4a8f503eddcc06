//! Asks clamd about a file: `INSTREAM` over TCP or a Unix socket.

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// For connection, sending and answer together: a scan of 10 MB takes a few seconds on a busy machine.
const TIME_MAX: Duration = Duration::from_secs(30);
const PIECE: usize = 64 << 10;
/// Longest answer, in bytes: a name of a virus.
const ANSWER_MAX: u64 = 1024;

/// Where clamd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClamdAddress {
    /// `host:port`.
    Tcp(String),
    Unix(PathBuf),
}

/// What clamd says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Clean,
    Infected,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("clamd: {0}")]
    Io(#[from] std::io::Error),
    #[error("clamd did not answer in time")]
    Slow,
    #[error("clamd gave no verdict")]
    NoVerdict,
}

/// Has a file looked at.
pub async fn scan(address: &ClamdAddress, bytes: &[u8]) -> Result<Verdict, ScanError> {
    let ask = async {
        match address {
            ClamdAddress::Tcp(address) => converse(TcpStream::connect(address).await?, bytes).await,
            ClamdAddress::Unix(path) => converse(UnixStream::connect(path).await?, bytes).await,
        }
    };
    tokio::time::timeout(TIME_MAX, ask).await.map_err(|_| ScanError::Slow)?
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    bytes: &[u8],
) -> Result<Verdict, ScanError> {
    stream.write_all(b"zINSTREAM\0").await?;
    for piece in bytes.chunks(PIECE) {
        let length = u32::try_from(piece.len()).unwrap_or_default();
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(piece).await?;
    }
    stream.write_all(&[0; 4]).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
    let answer = answer.strip_suffix(b"\0").unwrap_or(&answer);
    match answer {
        b"stream: OK" => Ok(Verdict::Clean),
        found if found.starts_with(b"stream: ") && found.ends_with(b" FOUND") => Ok(Verdict::Infected),
        _ => Err(ScanError::NoVerdict),
    }
}
