use countersign_testkit::command::Invocation;
use countersign_testkit::terminal::Terminal;

fn shell(script: &str) -> Terminal {
    Terminal::run(Invocation::of("sh").args(["-c", script]))
}

#[test]
fn program_has_a_controlling_terminal() {
    let mut terminal =
        shell("printf 'Secret: ' >/dev/tty; read line </dev/tty; echo \"got $line\"; test -t 0");
    terminal.expect("Secret: ");
    terminal.answer("x y");
    terminal.expect("got x y");
    assert_eq!(terminal.finish().code, Some(0));
}

#[test]
fn answer_without_echo_is_not_on_the_screen() {
    let mut terminal = shell("stty -echo; printf 'Secret: '; read line; stty echo; test \"$line\" = hidden");
    terminal.expect("Secret: ");
    terminal.answer_hidden("hidden");
    let session = terminal.finish();
    assert_eq!((session.code, session.screen.as_str()), (Some(0), "Secret: "));
}

#[test]
fn control_c_interrupts() {
    let mut terminal =
        shell("trap 'echo interrupted; exit 130' INT; echo ready; while :; do read line; done");
    terminal.expect("ready");
    terminal.type_keys("\u{3}");
    terminal.expect("interrupted");
    assert_eq!(terminal.finish().code, Some(130));
}

#[test]
#[should_panic(expected = "ended without `never`")]
fn text_that_never_comes_ends_the_test() {
    shell("echo something").expect("never");
}
