//! Browsers that are new, and one's own sessions.

use super::*;

/// A browser that was not seen before.
impl World {
    async fn logs_in(&self, secret: &str, agent: &str, device: Option<&str>) -> (Browser, Option<String>) {
        self.clinic.clock().advance(SignedDuration::from_secs(30));
        let mut browser = Browser::default();
        self.password(&mut browser, EMAIL, PASSWORD).await;
        let code = totp::code(secret, self.clinic.clock().now());
        let mut cookie = browser.cookie.clone().unwrap();
        if let Some(device) = device {
            cookie = format!("{cookie}; {device}");
        }
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/auth/mfa")
            .header("content-type", "application/json")
            .header("cookie", cookie)
            .header("x-csrf-token", browser.csrf.clone().unwrap())
            .header("user-agent", agent)
            .body(Body::from(json!({ "code": code }).to_string()))
            .unwrap();
        let response = self.clinic.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let cookies = response.headers().get_all("set-cookie").iter();
        let cookies: Vec<String> =
            cookies.map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned()).collect();
        let device = cookies.iter().find(|cookie| cookie.starts_with("chevet-device=")).cloned();
        browser.cookie = cookies.into_iter().find(|cookie| cookie.starts_with("chevet="));
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        browser.csrf = body["csrf_token"].as_str().map(str::to_owned);
        (browser, device)
    }

    /// The mails of this template that were sent, once nothing is on its way any more.
    async fn alerts(&self) -> usize {
        self.clinic.outbox().wake();
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.templates(EMAIL).iter().filter(|name| *name == "login-alert").count()
    }
}

const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0";

#[tokio::test]
async fn a_login_from_a_browser_that_was_not_seen_before_is_told_by_mail() {
    let world = World::new(Approval::Auto).await;
    let (_, secret, _) = world.enrolled(EMAIL).await;
    assert_eq!(world.alerts().await, 0, "the very first login is no surprise");
    let (_, device) = world.logs_in(&secret, FIREFOX, None).await;
    world.mail(EMAIL, "login-alert").await;
    let device = device.unwrap();
    let (_, again) = world.logs_in(&secret, FIREFOX, Some(&device)).await;
    assert_eq!(
        (again.as_ref(), world.alerts().await),
        (Some(&device), 1),
        "a browser that is known is no news"
    );
    // A cookie that this server never made is of no use.
    world.logs_in(&secret, FIREFOX, Some("chevet-device=guessed")).await;
    let told = async { while world.alerts().await < 2 {} };
    tokio::time::timeout(Duration::from_secs(10), told).await.unwrap();
}

#[tokio::test]
async fn one_sees_ones_own_sessions_and_ends_them() {
    let world = World::new(Approval::Auto).await;
    let (mut first, secret, _) = world.enrolled(EMAIL).await;
    let (mut second, _) = world.logs_in(&secret, FIREFOX, None).await;
    let (mut third, _) = world.logs_in(&secret, "", None).await;
    let (_, list) = world.get(&mut second.clone(), "/api/v1/me/sessions").await;
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    let current: Vec<&Value> = items.iter().filter(|one| one["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!((&current[0]["browser"], &current[0]["os"]), (&json!("firefox"), &json!("windows")));
    assert_eq!(current[0]["method"], "password");
    let of = |browser: &str| items.iter().find(|one| one["browser"] == browser);
    assert!(of("other").is_some());
    assert!(!list.to_string().contains("secret"));

    // Somebody else's session is no session of one's own.
    let (mut stranger, _, _) = world.enrolled("paul@cabinet.example").await;
    let own = items[0]["id"].as_str().unwrap();
    let path = format!("/api/v1/me/sessions/{own}");
    let (status, _) = world.call(&mut stranger, Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&mut third, "/api/v1/me").await.0, StatusCode::OK);
    let (status, _) = world.call(&mut second, Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&mut third, "/api/v1/me").await.0, StatusCode::UNAUTHORIZED);
    let (status, _) = world.call(&mut second, Method::DELETE, "/api/v1/me/sessions", Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&mut first, "/api/v1/me").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get(&mut second, "/api/v1/me").await.0, StatusCode::OK);
    let mut forged = Browser { csrf: None, ..second };
    let (status, _) = world.call(&mut forged, Method::DELETE, "/api/v1/me/sessions", Value::Null).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(world.actions().contains(&"account.sessions_ended"));
}
