//! A virus scanner that speaks like clamd: `INSTREAM` only, and the only virus it knows is EICAR's test file.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const COMMAND: &[u8] = b"zINSTREAM\0";
/// As in clamd's own settings.
const STREAM_MAX: usize = 25 << 20;
/// In two parts, so that no scanner takes this program for the test file.
const EICAR: [&[u8]; 2] = [b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$", b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];

/// Answers until the task ends.
pub async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            // Whoever hangs up in the middle gets no answer.
            let _ = answer(stream).await;
        });
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut command = [0; COMMAND.len()];
    stream.read_exact(&mut command).await?;
    if command != *COMMAND {
        return stream.write_all(b"UNKNOWN COMMAND\0").await;
    }
    let mut bytes = Vec::new();
    loop {
        let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
        if length == 0 {
            break;
        }
        if bytes.len().saturating_add(length) > STREAM_MAX {
            return stream.write_all(b"INSTREAM size limit exceeded. ERROR\0").await;
        }
        let before = bytes.len();
        bytes.resize(before + length, 0);
        stream.read_exact(bytes.get_mut(before..).unwrap_or_default()).await?;
    }
    let eicar = EICAR.concat();
    let found = bytes.windows(eicar.len()).any(|window| window == eicar);
    let text: &[u8] = if found { b"stream: Eicar-Test-Signature FOUND\0" } else { b"stream: OK\0" };
    stream.write_all(text).await?;
    stream.shutdown().await
}
