//! Whatever Dockerfile goes in, no image reference comes out that is not pinned.

use std::fs;

use countersign_engine::build::{BuildInputs, Builder, Dockerfile, plan};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::corpus::cases;
use super::pins;

const BUILDERS: [Builder; 3] = [Builder::BuildKit, Builder::Classic, Builder::Podman];

/// Rewrites `source` for every builder; whatever is not refused must be pinned, and must stay as it is from then on.
fn holds(source: &[u8]) -> Result<(), TestCaseError> {
    let Ok(dockerfile) = Dockerfile::parse(source) else { return Ok(()) };
    for builder in BUILDERS {
        let inputs = BuildInputs::new(builder);
        let Ok(first) = plan(&dockerfile, &inputs) else { continue };
        let Ok(text) = first.rewrite(&pins(&first)) else { continue };
        let again = Dockerfile::parse(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let second = plan(&again, &inputs).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(second.unresolved().is_empty(), "{:?} in {}", second.unresolved(), again.source());
        prop_assert_eq!(first.uses().len(), second.uses().len());
        let stable =
            second.rewrite(&pins(&second)).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(stable, text.clone());
        prop_assert!(naive_images(again.source()).is_empty(), "{}", again.source());
    }
    Ok(())
}

/// Images without a digest that a reader finds who knows nothing but `FROM IMAGE` on a line of its own.
///
/// It looks at files without here-documents, continuations, variables, stages and escapes, where nothing else can be meant.
fn naive_images(source: &str) -> Vec<&str> {
    if source.contains(['<', '\\', '`', '$']) || source.to_lowercase().contains(" as ") {
        return Vec::new();
    }
    let lines = source.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let images = lines.filter_map(|words| match words.as_slice() {
        [from, image] if from.eq_ignore_ascii_case("from") => Some(*image),
        _ => None,
    });
    images.filter(|image| *image != "scratch" && !image.contains('@') && !image.starts_with('"')).collect()
}

fn line() -> impl Strategy<Value = String> {
    let image = select(vec![
        "alpine",
        "alpine:3",
        "\"alpine\"",
        "$A",
        "${A:-alpine}",
        "${A%:*}",
        "scratch",
        "base",
        "Base",
        "b/c@sha256:00",
        "0",
        "alp\\\nine",
        "localhost:5000/x:1",
        "",
    ]);
    let shape = select(vec![
        "FROM {}",
        "from {} AS base",
        "FROM --platform=linux/arm64 {} AS Base",
        "FROM \\\n# c\n\n {}",
        "ARG A={}",
        "COPY --from={} a b",
        "COPY --chown=1 --from=\"{}\" a b",
        "RUN --mount=type=bind,from={},target=/x y",
        "ONBUILD COPY --from={} a b",
        "RUN <<EOF\nFROM {}\nEOF",
        "RUN <<#x\nFROM {}\n#x",
        "COPY <<a <<-b /x\n{}\na\n\tb",
        "# syntax={}",
        "# escape=`",
        "# escape=\\",
        "RUN x \\",
        "RUN x `",
        "LABEL a=\"{}",
        "",
        "EOF",
        "CMD [\"{}\"]",
        "RUN echo it's {} \\\\",
        "ENV A={}",
        "\u{feff}FROM {}",
    ]);
    (shape, image).prop_map(|(shape, image)| shape.replace("{}", image))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_dockerfiles_come_out_pinned_or_not_at_all(lines in prop::collection::vec(line(), 1..9), crlf: bool) {
        holds(lines.join(if crlf { "\r\n" } else { "\n" }).as_bytes())?;
    }

    #[test]
    fn arbitrary_text_comes_out_pinned_or_not_at_all(text in "(?s).{0,200}") {
        holds(text.as_bytes())?;
        holds(format!("FROM alpine\n{text}").as_bytes())?;
    }

    #[test]
    fn changed_files_of_the_corpus_come_out_pinned_or_not_at_all(
        case: Index,
        changes in prop::collection::vec((any::<Index>(), 0_u8..4, select(b"\n\r\\`'\" $<#=-:@,.{}AEFMORfmor0\t\xa0".to_vec())), 1..4),
    ) {
        let cases = cases();
        let mut source = fs::read(case.get(&cases).join("Dockerfile")).expect("a Dockerfile");
        for (place, kind, byte) in changes {
            if source.is_empty() {
                break;
            }
            let at = place.index(source.len());
            match kind {
                0 => source[at] = byte,
                1 => source.insert(at, byte),
                2 => drop(source.remove(at)),
                _ => source.truncate(at),
            }
        }
        holds(&source)?;
    }
}
