//! Endless and slow answers, one file at a time. What cannot be read is no answer that the cache may stand in for, and
//! nothing of it is kept.

use std::time::Duration;

use countersign_client::updater::UpdateError;
use countersign_core::digest::Digest;
use countersign_lab::fault::Fault;
use countersign_lab::proxy::At;

use super::table::variant_of;
use crate::bad_answers::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_and_slow_file_of_each_role_is_given_up_and_nothing_is_kept() {
    let scene = Scene::start().await;
    let drip = Fault::Slow { piece: 1, pause: Duration::from_millis(100) };
    let mut number = 0;
    for role in ["root", "timestamp", "snapshot", "targets"] {
        for fault in [Fault::Endless, drip.clone()] {
            scene.proxy.misbehave(At::Role(role.to_owned()), fault.clone());
            let stranger = scene.stranger(number);
            let error = scene.pull_as(&stranger).await.map(drop).expect_err("no file");
            let is_endless = matches!(fault, Fault::Endless);
            match &error {
                UpdateError::Fetch { file, .. } => assert_eq!(file.role.as_str(), role, "{fault:?}"),
                UpdateError::Unreachable { cached: None, .. } => {
                    assert!(!is_endless, "{role}: it did answer: {error:?}");
                }
                _ => panic!("{role}, {fault:?}: {} {error:?}", variant_of(&error)),
            }
            assert!(!error.is_untrusted(), "{error:?}");
            assert!(
                !scene.dir.path().join(format!("stranger{number}")).exists(),
                "{role}: something was kept"
            );
            scene.proxy.forward();
            assert_eq!(scene.pull_as(&stranger).await.expect("trusted").0, Digest::sha256(b"one"));
            number += 1;
        }
    }
}
