//! Keys on disk: ours, and those of other programs.

mod files;
mod manage;
mod notary;
mod openssl;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use countersign_client::keystore_dir::DirKeyStore;
use countersign_client::passphrase::{PassphraseVariables, Passphrases, Tries};
use countersign_client::prompt::{Nobody, Prompt};
use zeroize::Zeroizing;

/// What opens every key of these tests.
const PASSPHRASE: &str = "randompass";
const GUN: &str = "localhost:5000/alice/app";

/// Answers every question with the next of its answers, and counts the questions.
struct Script(Mutex<(VecDeque<String>, u32)>);

impl Script {
    fn of(answers: &[&str]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        Arc::new(Self(Mutex::new((answers, 0))))
    }

    fn questions(&self) -> u32 {
        self.0.lock().expect("no test panicked here").1
    }
}

impl Prompt for Script {
    fn say(&self, _line: &str) {}

    fn ask_hidden(&self, _text: &str) -> Option<Zeroizing<String>> {
        let mut script = self.0.lock().expect("no test panicked here");
        script.1 += 1;
        script.0.pop_front().map(Zeroizing::new)
    }
}

/// A store whose every passphrase is in the environment.
fn store(trust_dir: &Path) -> DirKeyStore {
    let variables = PassphraseVariables::from_lookup(|name| {
        matches!(name, "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE" | "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE")
            .then(|| PASSPHRASE.into())
    })
    .expect("UTF-8");
    DirKeyStore::new(trust_dir, Arc::new(Passphrases::new(variables, Arc::new(Nobody), Tries::default())))
}

fn asking(trust_dir: &Path, script: &Arc<Script>) -> DirKeyStore {
    let prompt = Arc::clone(script) as Arc<dyn Prompt>;
    DirKeyStore::new(
        trust_dir,
        Arc::new(Passphrases::new(PassphraseVariables::none(), prompt, Tries::default())),
    )
}
