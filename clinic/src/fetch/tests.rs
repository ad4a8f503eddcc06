use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

#[test]
fn only_addresses_of_the_public_internet_are_public() {
    for public in
        ["1.1.1.1", "193.252.19.3", "2a01:cb00::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
    {
        assert!(is_public(public.parse().unwrap()), "{public}");
    }
    for special in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::1",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
    ] {
        assert!(!is_public(special.parse().unwrap()), "{special}");
    }
}

#[test]
fn a_target_is_refused_by_its_form_before_anything_is_sent() {
    for (url, refused) in [
        ("https://portail.example/hook", None),
        ("https://portail.example:8443/hook?a=b", None),
        ("http://portail.example/hook", Some(FetchError::NotAllowed)),
        ("https://127.0.0.1/", Some(FetchError::NotAllowed)),
        ("https://[::1]/", Some(FetchError::NotAllowed)),
        ("https://[::ffff:10.0.0.1]/", Some(FetchError::NotAllowed)),
        ("https://169.254.169.254/latest/meta-data", Some(FetchError::NotAllowed)),
        ("https://localhost/", Some(FetchError::NotAllowed)),
        ("https://db.internal./", Some(FetchError::NotAllowed)),
        ("https://intranet/", Some(FetchError::NotAllowed)),
        ("https://portail.example@10.0.0.1/", Some(FetchError::Url)),
        ("ftp://portail.example/", Some(FetchError::Url)),
        ("/hook", Some(FetchError::Url)),
    ] {
        assert_eq!(check_target(url, Reach::Public).err(), refused, "{url}");
    }
    assert_eq!(check_target("http://127.0.0.1:8080/hook", Reach::Any), Ok(()));
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

/// Answers one request with `answer` and gives what it was asked.
async fn server(answer: &'static [u8]) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).await.unwrap();
        stream.write_all(answer).await.unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    (format!("http://localhost:{port}/a?b=c"), asked)
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused_when_it_is_resolved() {
    let (url, _server) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let tls = url.replace("http://", "https://");
    let refused = Fetch::new(None).send(Reach::Public, get(&tls)).await;
    assert_eq!(refused.map(|_| ()), Err(FetchError::NotAllowed));
}

#[tokio::test]
async fn an_allowed_target_gets_the_request_and_a_redirect_is_not_followed() {
    let (url, asked) =
        server(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 2\r\n\r\nno")
            .await;
    let response = Fetch::new(None).send(Reach::Any, get(&url)).await.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_ref()), (302, b"no".as_slice()));
    let asked = asked.await.unwrap().to_ascii_lowercase();
    assert!(
        asked.starts_with("get /a?b=c http/1.1\r\n") && asked.contains("\r\nhost: localhost:"),
        "{asked}"
    );
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    static LONG: [u8; ANSWER_BYTES_MAX + 200] = {
        let mut long = [b' '; ANSWER_BYTES_MAX + 200];
        let head = b"HTTP/1.1 200 OK\r\nx: ";
        let mut at = 0;
        while at < head.len() {
            long[at] = head[at];
            at += 1;
        }
        long[100] = b'\r';
        long[101] = b'\n';
        long[102] = b'\r';
        long[103] = b'\n';
        long
    };
    let (url, _server) = server(&LONG).await;
    let refused = Fetch::new(None).send(Reach::Any, get(&url)).await;
    assert_eq!(refused.map(|_| ()), Err(FetchError::TooLarge));
}
