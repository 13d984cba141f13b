use super::*;

fn verdict(config: &str) -> Result<(), OnbuildError> {
    verify_config("base", config.as_bytes(), &["tools".to_owned()])
}

#[test]
fn triggers_that_bring_in_an_image_are_refused_with_their_text() {
    for trigger in [
        "COPY --from=evil /a /a",
        "copy --link --from=0 /a /a",
        "RUN --mount=type=bind,FROM=evil,target=/x y",
        "RUN --mount=$M y",
        "COPY --new=evil a b",
        "FROM evil",
        "not an instruction",
        "COPY --from=\\\nevil a b",
        "RUN <<#end\nCOPY --from=evil a b\n#end",
    ] {
        let config = serde_json::json!({ "config": { "OnBuild": [trigger] } }).to_string();
        let error = verdict(&config).expect_err(trigger);
        assert!(matches!(&error, OnbuildError::Refused(refusal) if refusal.text == trigger), "{trigger}");
    }
}

#[test]
fn other_triggers_pass() {
    for trigger in [
        "RUN make",
        "COPY . /src",
        "COPY --from=tools /a /a",
        "ADD https://example.test/x /x",
        "RUN <<E\nls\nE",
    ] {
        let config = serde_json::json!({ "config": { "OnBuild": [trigger] } }).to_string();
        assert!(verdict(&config).is_ok(), "{trigger}");
    }
    assert!(verdict("{}").is_ok());
    assert!(verdict(r#"{"config":null}"#).is_ok());
    assert!(verdict(r#"{"config":{"OnBuild":null}}"#).is_ok());
}

#[test]
fn fields_are_found_as_go_finds_them() {
    assert!(verdict(r#"{"Config":{"onbuild":["COPY --from=evil a b"]}}"#).is_err());
    assert!(verdict(r#"{"config":{"OnBuild":["COPY --from=evil a b"]},"config":{}}"#).is_err());
    assert!(matches!(verdict("[]"), Err(OnbuildError::Config { .. })));
    assert!(matches!(verdict(r#"{"config":{"OnBuild":[1]}}"#), Err(OnbuildError::Config { .. })));
}
