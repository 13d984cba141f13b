//! Dockerfiles and what becomes of them: `tests/corpus/dockerfiles/<case>/`.
//!
//! `expect.Dockerfile` is the result; or `refusal.txt` has parts of the refusal, one a line. `args.toml` holds what the
//! build is told besides.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use countersign_engine::build::{BuildInputs, BuildRefusal, Builder, Dockerfile, NamedContexts, plan};
use countersign_registry::descriptor::Platform;
use serde::Deserialize;

use super::pins;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Which builders it is for; Docker's two unless it says otherwise.
    builders: Option<Vec<String>>,
    #[serde(default)]
    platforms: Vec<String>,
    #[serde(default)]
    build_contexts: Vec<String>,
    #[serde(default, rename = "build_args")]
    variables: BTreeMap<String, String>,
}

/// The directories of all cases.
pub(super) fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/dockerfiles");
    let mut cases: Vec<_> =
        fs::read_dir(&root).expect("the corpus").map(|entry| entry.expect("an entry").path()).collect();
    cases.sort();
    cases
}

#[test]
fn every_dockerfile_is_pinned_or_refused_as_the_corpus_says() {
    let cases = cases();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        for (builder, inputs) in inputs(case) {
            if let Err(problem) = check(case, &inputs) {
                let name = case.file_name().expect("a name").display();
                wrong.push(format!("{name} ({builder}): {problem}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn inputs(case: &Path) -> Vec<(String, BuildInputs)> {
    let args: Args = match fs::read_to_string(case.join("args.toml")) {
        Ok(text) => toml::from_str(&text).expect("args.toml"),
        Err(_) => Args::default(),
    };
    let builders = args.builders.clone().unwrap_or_else(|| vec!["buildkit".to_owned(), "classic".to_owned()]);
    let inputs = |name: String| {
        let all =
            [("buildkit", Builder::BuildKit), ("classic", Builder::Classic), ("podman", Builder::Podman)];
        let (_, builder) = *all.iter().find(|(found, _)| *found == name).expect("a builder");
        let mut inputs = BuildInputs::new(builder);
        inputs.platforms = args.platforms.iter().map(|text| platform(text)).collect();
        inputs.contexts = NamedContexts::parse(&args.build_contexts, builder, None).expect("contexts");
        inputs.build_args.clone_from(&args.variables);
        (name, inputs)
    };
    builders.into_iter().map(inputs).collect()
}

fn platform(text: &str) -> Platform {
    let (os, architecture) = text.split_once('/').expect("os/architecture");
    Platform::new(os, architecture, None)
}

fn rewrite(source: &[u8], inputs: &BuildInputs) -> Result<Vec<u8>, BuildRefusal> {
    let plan = plan(&Dockerfile::parse(source)?, inputs)?;
    plan.rewrite(&pins(&plan))
}

fn check(case: &Path, inputs: &BuildInputs) -> Result<(), String> {
    let source = fs::read(case.join("Dockerfile")).expect("a Dockerfile");
    let result = rewrite(&source, inputs);
    match (fs::read(case.join("expect.Dockerfile")), fs::read_to_string(case.join("refusal.txt"))) {
        (Ok(expected), Err(_)) => {
            let found = result.map_err(|refusal| refusal.to_string())?;
            if found != expected {
                return Err(format!("found\n{}", String::from_utf8_lossy(&found)));
            }
            let again = rewrite(&found, inputs).map_err(|refusal| format!("again: {refusal}"))?;
            if again == found { Ok(()) } else { Err("it changes when it is rewritten again".to_owned()) }
        }
        (Err(_), Ok(expected)) => match result {
            Ok(found) => Err(format!("it was not refused:\n{}", String::from_utf8_lossy(&found))),
            Err(refusal) => {
                let text = refusal.to_string();
                match expected.lines().find(|part| !text.contains(*part)) {
                    Some(part) => Err(format!("`{text}` does not say `{part}`")),
                    None => Ok(()),
                }
            }
        },
        _ => Err("it has both or neither of expect.Dockerfile and refusal.txt".to_owned()),
    }
}
