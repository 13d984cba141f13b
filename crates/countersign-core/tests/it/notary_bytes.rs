//! Files as Notary's serialiser writes them, spelt out.

use std::slice::from_ref;

use countersign_core::author::encode;
use countersign_core::key::PublicKey;
use countersign_core::metadata::{Delegation, FileMeta, Root, Snapshot, Targets, Timestamp};
use countersign_core::number::Threshold;
use countersign_core::signature::Signature;

use crate::simulator::{name, role, version};

/// T15b, B7: an old server hashes what its own serialiser makes of a file, so each byte is what that would write.
#[test]
fn t15b_files_are_written_as_notarys_serialiser_writes_them() {
    let at = "2029-11-23T00:27:22.039452750Z".parse().expect("a time");
    let of = |text: &str| FileMeta::of(text.as_bytes());
    let described = |meta: &FileMeta| {
        serde_json::to_string(&serde_json::json!({
            "hashes": meta.hashes, "length": meta.length
        }))
        .expect("JSON")
    };

    let mut targets = Targets::new(version(2), at);
    assert_eq!(
        encode(&targets, &[]),
        r#"{"signed":{"_type":"Targets","delegations":{"keys":{},"roles":[]},"expires":"2029-11-23T00:27:22.03945275Z","targets":{},"version":2},"signatures":[]}"#
    );
    let mut noted = of("y");
    noted.custom = Some(serde_json::json!({"z": "<\u{2028}\"\\", "a": [null, true, -1, {}]}));
    targets.targets.insert(name("b<&>"), noted.clone());
    targets.targets.insert(name("a"), of("x"));
    let ed25519: PublicKey = serde_json::from_str(
        r#"{"keytype":"ed25519","keyval":{"public":"qBJzthZPw6pOwbLO4gqKCPlv+irDmv5oifm9zx0BrEQ="}}"#,
    )
    .expect("a captured key");
    let mut delegation = Delegation::new(role("targets/rel"), Threshold::ONE);
    delegation.keyids.push(ed25519.id());
    delegation.paths = vec!["a/".to_owned(), "b<".to_owned(), String::new()];
    targets.delegations.keys.insert(ed25519.id(), ed25519);
    targets.delegations.roles = vec![delegation, Delegation::new(role("targets/mute"), Threshold::ONE)];
    let id = "9286ddfa60e56c8cd862787557283a292a38f395ea8d522969ce3c94c9de7ffb";
    let noted =
        described(&noted).replacen('{', r#"{"custom":{"a":[null,true,-1,{}],"z":"\u003c\u2028\"\\"},"#, 1);
    let signature = Signature { keyid: id.to_owned(), method: "eddsa".to_owned(), sig: vec![7; 3] };
    assert_eq!(
        encode(&targets, from_ref(&signature)),
        [
            r#"{"signed":{"_type":"Targets","delegations":{"keys":{""#,
            id,
            r#"":{"keytype":"ed25519","keyval":{"private":null,"public":"qBJzthZPw6pOwbLO4gqKCPlv+irDmv5oifm9zx0BrEQ="}}},"roles":[{"keyids":[""#,
            id,
            r#""],"name":"targets/rel","paths":["a/","b\u003c",""],"threshold":1},{"keyids":[],"name":"targets/mute","threshold":1}]},"expires":"2029-11-23T00:27:22.03945275Z","targets":{"a":"#,
            &described(&of("x")),
            r#","b\u003c\u0026\u003e":"#,
            &noted,
            r#"},"version":2},"signatures":[{"keyid":""#,
            id,
            r#"","method":"eddsa","sig":"BwcH"}]}"#,
        ]
        .concat()
    );

    let mut snapshot = Snapshot::new(version(3), at);
    for of_role in ["targets/rel", "root", "targets"] {
        snapshot.meta.insert(of_role.to_owned(), of("x"));
    }
    let meta = described(&of("x"));
    assert_eq!(
        encode(&snapshot, &[]),
        format!(
            r#"{{"signed":{{"_type":"Snapshot","expires":"2029-11-23T00:27:22.03945275Z","meta":{{"root":{meta},"targets":{meta},"targets/rel":{meta}}},"version":3}},"signatures":[]}}"#
        )
    );
    assert_eq!(
        encode(&Timestamp::new(version(4), at, of("x")), &[]),
        format!(
            r#"{{"signed":{{"_type":"Timestamp","expires":"2029-11-23T00:27:22.03945275Z","meta":{{"snapshot":{meta}}},"version":4}},"signatures":[]}}"#
        )
    );
    assert_eq!(
        encode(&Root::new(version(1), at), &[]),
        r#"{"signed":{"_type":"Root","consistent_snapshot":false,"expires":"2029-11-23T00:27:22.03945275Z","keys":{},"roles":{},"version":1},"signatures":[]}"#
    );
}
