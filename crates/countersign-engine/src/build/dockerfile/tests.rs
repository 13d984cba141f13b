use super::*;

fn texts(source: &str) -> Vec<(usize, String)> {
    let dockerfile = Dockerfile::parse(source.as_bytes()).expect("a Dockerfile");
    dockerfile.instructions.iter().map(|found| (found.line, found.text.as_str().to_owned())).collect()
}

fn problem(source: &[u8]) -> DockerfileProblem {
    Dockerfile::parse(source).expect_err("it is refused").problem
}

#[test]
fn lines_are_put_together_as_docker_does() {
    let found = texts("# c\n\nFROM a \\\n  # inside\n\n  AS b\nRUN x \\\t\n && y\\\\\nUSER z\r\n");
    let expected = [(3, "FROM a   AS b"), (7, "RUN x  && y\\\\"), (9, "USER z")];
    assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
}

#[test]
fn escape_directive_changes_the_continuation() {
    let found = texts("# escape=`\nFROM a\nCOPY x C:\\\nRUN y `\n z\n");
    let expected = [(2, "FROM a"), (3, "COPY x C:\\"), (4, "RUN y  z")];
    assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
}

#[test]
fn heredocs_belong_to_run_copy_and_add_only() {
    let found =
        texts("FROM a\nRUN <<E <<-F\nFROM b\nE\n\tF\nCOPY <<E /x\ny\nE\nONBUILD RUN <<E\nz\nE\nUSER u\n");
    let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 2, 6, 9, 12]);
    assert!(
        matches!(problem(b"FROM a\nCMD <<E\nx\nE\n"), DockerfileProblem::Instruction(word) if word == "x")
    );
    assert_eq!(texts("FROM a\nRUN [\"cat\", \"<<E\"]\nUSER u").len(), 3);
}

#[test]
fn what_builders_read_in_different_ways_is_refused() {
    assert_eq!(problem(b"FROM a\n# \xe9\n"), DockerfileProblem::NotText);
    assert_eq!(problem(b"FROM a\n# \0\n"), DockerfileProblem::NotText);
    assert_eq!(problem(b""), DockerfileProblem::Empty);
    assert_eq!(problem(b"# nothing\n\n"), DockerfileProblem::Empty);
    assert!(matches!(problem(b"FROM a\nRUN <<E\nx\n"), DockerfileProblem::Unterminated(name) if name == "E"));
    assert!(matches!(problem(b"FROM a\nRUN it's <<E\nx\nE\n"), DockerfileProblem::Heredoc(_)));
    assert!(matches!(problem("FRÖM a\n".as_bytes()), DockerfileProblem::Instruction(_)));
    assert!(matches!(problem(b"FROM a\nCOPY --from=\"b c d\n"), DockerfileProblem::Flag { .. }));
}

#[test]
fn lengths_are_bounded_on_both_sides() {
    let line = |length: usize| format!("FROM a\nRUN {}\n", "x".repeat(length - 4));
    assert!(Dockerfile::parse(line(MAX_LINE_BYTES).as_bytes()).is_ok());
    assert_eq!(problem(line(MAX_LINE_BYTES + 1).as_bytes()), DockerfileProblem::LongLine);
    let file = |length: usize| format!("FROM a\n{}", "\n".repeat(length - 7));
    assert!(Dockerfile::parse(file(MAX_DOCKERFILE_BYTES).as_bytes()).is_ok());
    assert_eq!(problem(file(MAX_DOCKERFILE_BYTES + 1).as_bytes()), DockerfileProblem::Large);
}

#[test]
fn unicode_white_space_counts_as_docker_counts_it() {
    assert_eq!(texts("\u{3000}FROM a\n\u{a0}# comment\n").len(), 1);
}
