use countersign_lab::image::Image;
use countersign_lab::registry::{Access, Account, Options, Registry};
use countersign_testkit::peers::present_or_skip;
use serde_json::Value;

use crate::{answer, curl};

async fn start(access: Access) -> Option<Registry> {
    if !present_or_skip(&["curl"]) {
        return None;
    }
    let options = Options { access, ..Options::default() };
    Some(Registry::with(options).await.expect("a loopback port is free"))
}

fn token(registry: &Registry, credentials: &[&str], query: &str) -> Option<String> {
    let url = format!("{}/token?service=lab&{query}", registry.url());
    let (status, body) = answer(&curl(&[credentials, &[&url]].concat()));
    let body: Value = serde_json::from_str(&body).expect("a token comes as JSON");
    (status == "200").then(|| body["token"].as_str().expect("there is a token").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_access_wants_the_account() {
    let Some(registry) = start(Access::Basic(Account::new("alice", "secret"))).await else { return };
    let url = format!("{}/v2/", registry.url());
    let refused = curl(&["-i", &url]);
    assert_eq!(answer(&refused).0, "401");
    assert!(refused.stdout.contains("www-authenticate: Basic realm="), "{}", refused.stdout);
    assert_eq!(answer(&curl(&["-u", "alice:wrong", &url])).0, "401");
    assert_eq!(answer(&curl(&["-u", "alice:secret", &url])).0, "200");
    assert_eq!(registry.requests()[0].authorization, None);
    assert_eq!(registry.requests()[2].authorization.as_deref(), Some("Basic YWxpY2U6c2VjcmV0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn token_allows_what_was_asked_for_and_no_more() {
    let account = Account::new("alice", "secret");
    let Some(registry) = start(Access::Token { account, anonymous_pull: true }).await else { return };
    registry.put_image("team/app", "1", &Image::of_text("hello").expect("an image can be made"));
    let url = format!("{}/v2/team/app/manifests/1", registry.url());
    let refused = curl(&["-i", &url]);
    assert_eq!(answer(&refused).0, "401");
    let challenge = format!(
        "www-authenticate: Bearer realm=\"{}/token\",service=\"lab\",scope=\"repository:team/app:pull\"",
        registry.url()
    );
    assert!(refused.stdout.contains(&challenge), "{}", refused.stdout);

    let with = |token: &str, more: &[&str]| {
        let header = format!("Authorization: Bearer {token}");
        answer(&curl(&[&["-H", &header], more].concat())).0
    };
    let both = "scope=repository:team/app:pull,push";
    let upload = format!("{}/v2/team/app/blobs/uploads/", registry.url());
    let anybody = token(&registry, &[], both).expect("anybody may pull");
    assert_eq!(with(&anybody, &[&url]), "200");
    assert_eq!(with(&anybody, &["-X", "POST", &upload]), "401");
    assert_eq!(token(&registry, &["-u", "alice:wrong"], both), None);
    let alice = token(&registry, &["-u", "alice:secret"], both).expect("alice may push");
    assert_eq!(with(&alice, &["-X", "POST", &upload]), "202");
    let elsewhere = upload.replace("team/app", "team/other");
    assert_eq!(with(&alice, &["-X", "POST", &elsewhere]), "401");
    assert_eq!(with("made-up", &[&url]), "401");
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_token_stands_for_the_password() {
    let account = Account::new("alice", "secret");
    let Some(registry) = start(Access::Token { account, anonymous_pull: false }).await else { return };
    let url = format!("{}/token", registry.url());
    let first = curl(&["-u", "alice:secret", &format!("{url}?service=lab&offline_token=true")]);
    let first: Value = serde_json::from_str(&answer(&first).1).expect("a token comes as JSON");
    let refresh = first["refresh_token"].as_str().expect("an offline token was asked for");
    let ask = |refresh: &str| {
        let form = format!("grant_type=refresh_token&service=lab&refresh_token={refresh}");
        answer(&curl(&["-d", &form, &url])).0
    };
    assert_eq!(ask(refresh), "200");
    assert_eq!(ask("made-up"), "401");
}
