//! A mail relay that delivers to nobody (RFC 5321, with AUTH and STARTTLS).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mailparse::{MailHeaderMap, ParsedMail};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::state::{Mail, State};

/// Largest mail that is taken, in bytes.
const MAIL_BYTES_MAX: usize = 8 << 20;
const LINE_BYTES_MAX: usize = 64 << 10;

#[derive(Clone)]
pub(crate) enum Security {
    Plain,
    StartTls(TlsAcceptor),
    Implicit(TlsAcceptor),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A certificate for `localhost` and 127.0.0.1, and itself as the authority.
pub(crate) fn certificate() -> Result<(TlsAcceptor, String), Box<dyn std::error::Error + Send + Sync>> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    Ok((TlsAcceptor::from(Arc::new(config)), made.cert.pem()))
}

pub(crate) async fn serve(listener: TcpListener, state: State, security: Security) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (state, security) = (state.clone(), security.clone());
        tokio::spawn(async move {
            let mut session = Session { state, user: None, tls: false, greeted: false };
            // A client that goes away in the middle is no concern of the relay.
            let _ = match security {
                Security::Plain => session.run(Box::new(stream), None, false).await,
                Security::StartTls(acceptor) => session.run(Box::new(stream), Some(acceptor), true).await,
                Security::Implicit(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => {
                        session.tls = true;
                        session.run(Box::new(stream), None, false).await
                    }
                    Err(error) => Err(error),
                },
            };
        });
    }
}

struct Session {
    state: State,
    user: Option<String>,
    tls: bool,
    greeted: bool,
}

#[derive(Default)]
struct Envelope {
    from: Option<String>,
    to: Vec<String>,
}

impl Session {
    /// `login`: nobody sends without.
    async fn run(
        &mut self,
        stream: Box<dyn Stream>,
        mut upgrade: Option<TlsAcceptor>,
        login: bool,
    ) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut envelope = Envelope::default();
        if !self.greeted {
            reply(&mut stream, "220 localhost emulated relay").await?;
            self.greeted = true;
        }
        while let Some(line) = read_line(&mut stream).await? {
            let (verb, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" | "HELO" => {
                    let mut lines = vec!["250-localhost", "250-8BITMIME"];
                    if upgrade.is_some() {
                        lines.push("250-STARTTLS");
                    } else {
                        lines.push("250-AUTH PLAIN LOGIN");
                    }
                    lines.push("250 SIZE 8388608");
                    reply(&mut stream, &lines.join("\r\n")).await?;
                }
                "STARTTLS" if upgrade.is_some() => {
                    reply(&mut stream, "220 go on").await?;
                    if let Some(acceptor) = upgrade.take() {
                        let secure = acceptor.accept(stream.into_inner()).await?;
                        self.tls = true;
                        return Box::pin(self.run(Box::new(secure), None, login)).await;
                    }
                    return Ok(());
                }
                "AUTH" => self.login(&mut stream, rest).await?,
                "MAIL" if login && self.user.is_none() => {
                    reply(&mut stream, "530 5.7.0 Authentication required").await?;
                }
                "MAIL" => {
                    envelope = Envelope { from: Some(address(rest)), to: Vec::new() };
                    reply(&mut stream, "250 2.1.0 ok").await?;
                }
                "RCPT" if envelope.from.is_none() => reply(&mut stream, "503 5.5.1 MAIL first").await?,
                "RCPT" => match self.state.with(|world| world.script.mail.pop_front()) {
                    Some(refusal) => reply(&mut stream, &refusal).await?,
                    None => {
                        envelope.to.push(address(rest));
                        reply(&mut stream, "250 2.1.5 ok").await?;
                    }
                },
                "DATA" if envelope.to.is_empty() => reply(&mut stream, "503 5.5.1 RCPT first").await?,
                "DATA" => {
                    reply(&mut stream, "354 end with a dot").await?;
                    let Some(raw) = read_data(&mut stream).await? else { return Ok(()) };
                    self.keep(std::mem::take(&mut envelope), raw);
                    reply(&mut stream, "250 2.0.0 taken").await?;
                }
                "RSET" => {
                    envelope = Envelope::default();
                    reply(&mut stream, "250 2.0.0 ok").await?;
                }
                "NOOP" => reply(&mut stream, "250 2.0.0 ok").await?,
                "QUIT" => {
                    reply(&mut stream, "221 2.0.0 bye").await?;
                    return Ok(());
                }
                _ => reply(&mut stream, "502 5.5.2 not here").await?,
            }
        }
        Ok(())
    }

    async fn login(&mut self, stream: &mut BufReader<Box<dyn Stream>>, rest: &str) -> std::io::Result<()> {
        let decode = |text: &str| STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let pair = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let text = if initial.is_empty() {
                    reply(stream, "334 ").await?;
                    read_line(stream).await?.unwrap_or_default()
                } else {
                    initial.to_owned()
                };
                decode(&text).and_then(|text| {
                    let mut parts = text.split('\0').skip(1).map(str::to_owned);
                    Some((parts.next()?, parts.next()?))
                })
            }
            "LOGIN" => {
                let user =
                    if initial.is_empty() { ask(stream, "Username:").await? } else { initial.to_owned() };
                let password = ask(stream, "Password:").await?;
                decode(&user).zip(decode(&password))
            }
            _ => None,
        };
        let secrets = &self.state.secrets;
        match pair.filter(|(user, password)| *user == secrets.user && *password == secrets.password) {
            Some((user, _)) => {
                self.user = Some(user);
                reply(stream, "235 2.7.0 welcome").await
            }
            None => reply(stream, "535 5.7.8 wrong").await,
        }
    }

    fn keep(&self, envelope: Envelope, raw: Vec<u8>) {
        let mut mail = Mail {
            number: 0,
            at: 0,
            from: envelope.from.unwrap_or_default(),
            to: envelope.to,
            subject: String::new(),
            message_id: String::new(),
            text: String::new(),
            html: String::new(),
            calendar: None,
            calendar_method: None,
            user: self.user.clone(),
            tls: self.tls,
            raw: Vec::new(),
        };
        if let Ok(parsed) = mailparse::parse_mail(&raw) {
            mail.subject = parsed.headers.get_first_value("Subject").unwrap_or_default();
            mail.message_id = parsed.headers.get_first_value("Message-ID").unwrap_or_default();
            read_parts(&parsed, &mut mail);
        }
        mail.raw = raw;
        self.state.keep_mail(mail);
    }
}

fn read_parts(part: &ParsedMail<'_>, mail: &mut Mail) {
    for inner in &part.subparts {
        read_parts(inner, mail);
    }
    let body = || part.get_body().unwrap_or_default();
    match part.ctype.mimetype.as_str() {
        "text/plain" if mail.text.is_empty() => mail.text = body(),
        "text/html" if mail.html.is_empty() => mail.html = body(),
        "text/calendar" if mail.calendar.is_none() => {
            mail.calendar = Some(body());
            mail.calendar_method = part.ctype.params.get("method").cloned();
        }
        _ => {}
    }
}

/// `FROM:<a@b> SIZE=3` is `a@b`.
fn address(rest: &str) -> String {
    let inner =
        rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(rest, |(inner, _)| inner);
    inner.to_owned()
}

async fn ask(stream: &mut BufReader<Box<dyn Stream>>, prompt: &str) -> std::io::Result<String> {
    reply(stream, &format!("334 {}", STANDARD.encode(prompt))).await?;
    Ok(read_line(stream).await?.unwrap_or_default())
}

async fn reply(stream: &mut BufReader<Box<dyn Stream>>, text: &str) -> std::io::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    stream.flush().await
}

/// `None` at the end. A line that is too long ends the session.
async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<String>> {
    let line = read_bytes(stream).await?;
    Ok(line.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned()))
}

async fn read_bytes(stream: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let chunk = stream.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(None);
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(chunk.len(), |end| end + 1);
        line.extend_from_slice(chunk.get(..taken).unwrap_or_default());
        stream.consume(taken);
        if end.is_some() {
            return Ok(Some(line));
        }
        if line.len() > LINE_BYTES_MAX {
            return Ok(None);
        }
    }
}

/// Up to the line with a dot alone, which is not part of it.
async fn read_data(stream: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let mut data = Vec::new();
    while let Some(line) = read_bytes(stream).await? {
        if line == b".\r\n" {
            return Ok(Some(data));
        }
        data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        if data.len() > MAIL_BYTES_MAX {
            return Ok(None);
        }
    }
    Ok(None)
}
