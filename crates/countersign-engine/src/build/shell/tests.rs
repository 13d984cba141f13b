use super::*;

fn lookup(name: &str) -> Lookup {
    match name {
        "tag" => Lookup::Value("3.20".to_owned()),
        "base" => Lookup::Value("registry.example/team/app:1".to_owned()),
        "empty" => Lookup::Value(String::new()),
        "TARGETARCH" => Lookup::Unknown("is not known"),
        _ => Lookup::Unset,
    }
}

fn value(word: &str) -> Result<String, ShellError> {
    expand(word, '\\', &lookup)
}

#[test]
fn variables_expand_as_docker_expands_them() {
    for (word, expected) in [
        ("alpine:$tag", "alpine:3.20"),
        ("alpine:${tag}", "alpine:3.20"),
        ("a$none", "a"),
        ("a${none}", "a"),
        ("${none:-x}", "x"),
        ("${empty:-x}", "x"),
        ("${empty-x}", ""),
        ("${none-x}", "x"),
        ("${tag:+y}", "y"),
        ("${empty:+y}", ""),
        ("${empty+y}", "y"),
        ("${none+y}", ""),
        ("${none:-${tag}}", "3.20"),
        ("${none:-a${none:-b}c}", "abc"),
        ("${tag:?must}", "3.20"),
        ("${base#*/}", "team/app:1"),
        ("${base##*/}", "app:1"),
        ("${base%:*}", "registry.example/team/app"),
        ("${base%%/*}", "registry.example"),
        ("${base/team/crew}", "registry.example/crew/app:1"),
        ("${base//e/E}", "rEgistry.ExamplE/tEam/app:1"),
        ("\"alpine:$tag\"", "alpine:3.20"),
        ("'alpine:$tag'", "alpine:$tag"),
        ("\\$tag", "$tag"),
        ("al\\pine", "alpine"),
        ("\"a\\pb\\\"\"", "a\\pb\""),
        ("$", "$"),
        ("a$.b", "a$.b"),
    ] {
        assert_eq!(value(word).as_deref(), Ok(expected), "{word}");
    }
}

#[test]
fn what_has_no_value_is_an_error() {
    for word in
        ["${tag", "'a", "\"a", "${}", "${:-x}", "${{tag}}", "${tag:#x}", "${tag!x}", "${tag^}", "${base/x"]
    {
        assert!(value(word).is_err(), "{word}");
    }
    assert!(matches!(value("${none:?told}"), Err(ShellError::Required { message, .. }) if message == "told"));
    assert!(matches!(value("x-$TARGETARCH"), Err(ShellError::Variable { name, .. }) if name == "TARGETARCH"));
    assert!(matches!(value("${TARGETARCH:-x}"), Err(ShellError::Variable { .. })));
    assert!(matches!(value(&"${none:-".repeat(1000)), Err(ShellError::Large)));
}

#[test]
fn values_are_bounded() {
    let long = |_: &str| Lookup::Value("x".repeat(3000));
    assert!(expand("$a", '\\', &long).is_ok());
    assert!(matches!(expand(&"$a".repeat(20), '\\', &long), Err(ShellError::Large)));
}

#[test]
fn words_keep_or_lose_their_quotes() {
    let (words, modern) = raw_words(r#"RUN cat << "E F" 3<<-X $a a\ b ${q%x}"#).expect("words");
    assert_eq!(words, ["RUN", "cat", "<< \"E F\"", "3<<-X", "$a", "a\\ b", "${q}"]);
    assert!(modern);
    assert_eq!(plain_words("\"E F\" x").expect("words"), ["E F", "x"]);
    assert!(raw_words("it's <<EOF").is_err());
}
