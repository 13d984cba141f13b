use std::collections::VecDeque;

use zeroize::Zeroizing;

use super::*;

const RIGHT: &str = "the right one";

/// Answers from a list, and notes all that was said and asked. At the list's end its input has ended.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<String>>,
    heard: Mutex<Vec<String>>,
}

impl Script {
    fn of(answers: &[&str]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        Arc::new(Self { answers: Mutex::new(answers), ..Self::default() })
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().expect("no test panicked here"))
    }
}

impl Prompt for Script {
    fn say(&self, line: &str) {
        self.heard.lock().expect("no test panicked here").push(line.to_owned());
    }

    fn ask_hidden(&self, text: &str) -> Option<Zeroizing<String>> {
        self.say(text);
        self.answers.lock().expect("no test panicked here").pop_front().map(Zeroizing::new)
    }
}

fn key(role: &str) -> KeyInQuestion<'_> {
    KeyInQuestion { id: "cc420ca".repeat(10)[..64].parse().expect("an id"), role }
}

fn asking(script: &Arc<Script>, tries: Tries) -> Passphrases {
    Passphrases::new(PassphraseVariables::none(), Arc::clone(script) as Arc<dyn Prompt>, tries)
}

fn with_variable(name: &'static str, value: &'static str, script: &Arc<Script>) -> Passphrases {
    let name = format!("DOCKER_CONTENT_TRUST_{name}_PASSPHRASE");
    let variables =
        PassphraseVariables::from_lookup(|asked| (asked == name).then(|| value.into())).expect("UTF-8");
    Passphrases::new(variables, Arc::clone(script) as Arc<dyn Prompt>, Tries::default())
}

/// Opens with [`RIGHT`] alone.
fn open(passphrase: &Passphrase) -> Result<(), KeyFileError> {
    if *passphrase == Passphrase::new(RIGHT.to_owned()) { Ok(()) } else { Err(KeyFileError::WrongPassphrase) }
}

#[test]
fn new_root_key_is_asked_for_in_dockers_words() {
    let script = Script::of(&[" long enough \r", "long enough"]);
    let passphrase = asking(&script, Tries::default()).for_new(key("root"));
    assert_eq!(passphrase, Ok(Passphrase::new("long enough".to_owned())));
    let heard = script.heard();
    assert_eq!(heard[..6], ROOT_WARNING);
    assert_eq!(
        heard[6..],
        [
            "Enter passphrase for new root key with ID cc420ca: ",
            "Repeat passphrase for new root key with ID cc420ca: "
        ]
    );
}

#[test]
fn new_pair_shares_one_prompt_and_opens_without_another() {
    let script = Script::of(&[RIGHT, RIGHT]);
    let passphrases = asking(&script, Tries::default());
    let targets = passphrases.for_new(key("targets")).expect("answered");
    assert_eq!(
        script.heard(),
        [
            "Enter passphrase for new repository key with ID cc420ca: ",
            "Repeat passphrase for new repository key with ID cc420ca: "
        ]
    );
    assert_eq!(passphrases.for_new(key("snapshot")), Ok(targets));
    assert_eq!(passphrases.for_existing(key("targets"), open), Ok(()));
    assert_eq!(script.heard(), [""; 0]);
}

#[test]
fn new_key_is_asked_again_when_short_or_different_up_to_twelve_times() {
    let script = Script::of(&["short", "long enough", "long  enough", "good enough", "good enough"]);
    assert!(asking(&script, Tries::default()).for_new(key("bob")).is_ok());
    let (enter, repeat) = (
        "Enter passphrase for new bob key with ID cc420ca: ",
        "Repeat passphrase for new bob key with ID cc420ca: ",
    );
    assert_eq!(script.heard(), [enter, TOO_SHORT, enter, repeat, DIFFERENT, enter, repeat]);

    let script = Script::of(&["short"; 13]);
    let exhausted = asking(&script, Tries::default()).for_new(key("bob"));
    assert!(matches!(exhausted, Err(PassphraseError::Exhausted { .. })));
    assert_eq!(script.heard().len(), 24);
    assert_eq!(script.answers.lock().expect("not poisoned").len(), 1);
}

#[test]
fn new_key_with_seven_bytes_is_short_and_with_eight_is_not() {
    for (answer, fits) in [("1234567", false), ("12345678", true), ("  1234567  ", false)] {
        let script = Script::of(&[answer, answer]);
        assert_eq!(
            asking(&script, Tries { new: 1, ..Tries::default() }).for_new(key("bob")).is_ok(),
            fits,
            "{answer}"
        );
    }
}

#[test]
fn end_of_input_ends_the_asking_or_uses_up_the_tries() {
    let script = Script::of(&[]);
    let ended = asking(&script, Tries::default()).for_new(key("bob"));
    assert!(matches!(ended, Err(PassphraseError::EndOfInput { .. })));
    assert_eq!(script.heard().len(), 1);

    let exhausted = asking(&script, Tries::docker()).for_new(key("bob"));
    assert!(matches!(exhausted, Err(PassphraseError::Exhausted { .. })));
    assert_eq!(script.heard().len(), 12);

    for tries in [Tries::default(), Tries::docker()] {
        let ended = asking(&script, tries).for_existing(key("root"), open);
        assert!(matches!(ended, Err(OpenError::Passphrase(PassphraseError::EndOfInput { .. }))));
        assert_eq!(script.heard(), ["Enter passphrase for root key with ID cc420ca: "]);
    }
}

#[test]
fn existing_key_is_asked_for_four_times() {
    let script = Script::of(&["1", "2", "3", RIGHT]);
    assert_eq!(asking(&script, Tries::default()).for_existing(key("snapshot"), open), Ok(()));
    let enter = "Enter passphrase for repository key with ID cc420ca: ";
    assert_eq!(script.heard(), [enter, INCORRECT, enter, INCORRECT, enter, INCORRECT, enter]);

    let script = Script::of(&["1", "2", "3", "4", RIGHT]);
    let wrong = asking(&script, Tries::default()).for_existing(key("targets"), open);
    assert!(matches!(wrong, Err(OpenError::Passphrase(PassphraseError::Wrong { tries: 4, .. }))));
    assert_eq!(script.heard().len(), 7);
}

#[test]
fn only_a_right_answer_is_remembered() {
    let script = Script::of(&["wrong one", "still wrong", RIGHT]);
    let passphrases = asking(&script, Tries { existing: 2, ..Tries::default() });
    assert!(passphrases.for_existing(key("targets"), open).is_err());
    assert_eq!(passphrases.for_existing(key("targets"), open), Ok(()));
    script.heard();
    assert_eq!(passphrases.for_existing(key("targets"), open), Ok(()));
    assert_eq!(script.heard(), [""; 0]);
}

#[test]
fn remembered_answer_that_is_wrong_for_another_key_costs_no_try() {
    let script = Script::of(&["other one", RIGHT, "1", "2", "3", "other one"]);
    let passphrases = asking(&script, Tries::default());
    assert!(passphrases.for_existing(key("targets"), |_| Ok(())).is_ok());
    assert_eq!(passphrases.for_existing(key("targets"), open), Ok(()));
    assert!(
        passphrases
            .for_existing(key("targets"), |passphrase| match open(passphrase) {
                Ok(()) => Err(KeyFileError::WrongPassphrase),
                Err(_) if *passphrase == Passphrase::new("other one".to_owned()) => Ok(()),
                Err(error) => Err(error),
            })
            .is_ok()
    );
}

#[test]
fn variable_is_used_and_a_wrong_one_is_never_asked_again() {
    let script = Script::of(&[RIGHT; 10]);
    assert_eq!(with_variable("REPOSITORY", RIGHT, &script).for_existing(key("targets"), open), Ok(()));
    let wrong = with_variable("REPOSITORY", "wrong", &script).for_existing(key("bob"), open);
    let variable = "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE";
    let expected = PassphraseError::WrongVariable { variable, key: key("bob").id };
    assert_eq!(wrong, Err(OpenError::Passphrase(expected)));
    assert_eq!(script.heard(), [""; 0]);
    assert_eq!(
        with_variable("REPOSITORY", "wrong", &script).for_existing(key("root"), open),
        Ok(()),
        "asked instead"
    );
}

#[test]
fn new_key_with_short_variable_is_refused() {
    let script = Script::of(&[]);
    let short = with_variable("ROOT", "1234567", &script).for_new(key("root"));
    assert!(matches!(short, Err(PassphraseError::ShortVariable { min: 8, .. })));
    assert!(with_variable("ROOT", "12345678", &script).for_new(key("root")).is_ok());
    assert_eq!(script.heard(), [""; 0], "no warning, because nobody chooses");
}

#[test]
fn unasked_opening_uses_variables_and_memory_alone() {
    let script = Script::of(&[RIGHT]);
    let passphrases = asking(&script, Tries::default());
    assert_eq!(passphrases.for_existing_unasked(key("targets"), open), Ok(None));
    assert_eq!(script.heard(), [""; 0]);
    assert_eq!(passphrases.for_existing(key("targets"), open), Ok(()));
    assert_eq!(passphrases.for_existing_unasked(key("snapshot"), open), Ok(Some(())));
    let wrong = with_variable("TARGET", "wrong", &script).for_existing_unasked(key("targets"), open);
    assert!(matches!(wrong, Err(OpenError::Passphrase(PassphraseError::WrongVariable { .. }))));
}

#[test]
fn damaged_file_ends_the_search() {
    let script = Script::of(&[RIGHT]);
    let damaged = KeyFileError::Malformed { what: "all of it" };
    let found = asking(&script, Tries::default()).for_existing::<()>(key("root"), |_| Err(damaged.clone()));
    assert_eq!(found, Err(OpenError::File(damaged)));
}

#[test]
fn no_secret_prints() {
    let script = Script::of(&[]);
    let passphrases = with_variable("ROOT", RIGHT, &script);
    assert!(!format!("{passphrases:?} {:?}", passphrases.variables).contains(RIGHT));
}

/// A keyring that has one passphrase for every key, and counts how often it is asked.
struct OneForAll(&'static str, Mutex<u32>);

impl Keyring for OneForAll {
    fn find(&self, _key: KeyId) -> Option<Passphrase> {
        *self.1.lock().expect("no test panicked here") += 1;
        Some(Passphrase::new(self.0.to_owned()))
    }

    fn keep(&self, _key: KeyId, _passphrase: &Passphrase) -> Result<(), PassphraseError> {
        Ok(())
    }

    fn forget(&self, _key: KeyId) -> Result<(), PassphraseError> {
        Ok(())
    }
}

fn with_keyring(text: &'static str, passphrases: Passphrases) -> (Passphrases, Arc<OneForAll>) {
    let keyring = Arc::new(OneForAll(text, Mutex::default()));
    (passphrases.with_keyring(Some(Arc::clone(&keyring) as Arc<dyn Keyring>)), keyring)
}

#[test]
fn keyring_answers_before_a_person_and_after_a_variable() {
    let script = Script::of(&[]);
    let (passphrases, _) = with_keyring(RIGHT, asking(&script, Tries::default()));
    passphrases.for_existing(key("targets"), open).expect("the keyring has it");
    assert_eq!(passphrases.for_existing_unasked(key("targets"), open), Ok(Some(())));
    assert!(script.heard().is_empty());
    let (passphrases, keyring) = with_keyring(RIGHT, with_variable("REPOSITORY", "wrong", &script));
    let refused = passphrases.for_existing(key("targets"), open).expect_err("the variable is wrong");
    assert!(matches!(refused, OpenError::Passphrase(PassphraseError::WrongVariable { .. })));
    assert_eq!(*keyring.1.lock().expect("no test panicked here"), 0);
}

#[test]
fn keyring_that_is_wrong_is_said_once_and_a_person_is_asked() {
    let script = Script::of(&[RIGHT]);
    let (passphrases, keyring) = with_keyring("an older one", asking(&script, Tries::default()));
    assert_eq!(passphrases.for_existing_unasked(key("targets"), open), Ok(None));
    passphrases.for_existing(key("targets"), open).expect("the person knows it");
    let heard = script.heard();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].contains("keyring has another passphrase") && heard[1].starts_with("Enter passphrase"));
    assert_eq!(*keyring.1.lock().expect("no test panicked here"), 1);
}

#[test]
fn role_with_control_characters_is_asked_for_escaped() {
    let script = Script::of(&[RIGHT]);
    let role = "a\u{1b}[2J\r\nb\u{202e}";
    asking(&script, Tries::default()).for_existing(key(role), open).expect("the right one");
    let script_of_new = Script::of(&[RIGHT, RIGHT]);
    asking(&script_of_new, Tries::default()).for_new(key(role)).expect("a new one");
    let heard = [script.heard(), script_of_new.heard()].concat();
    assert_eq!(heard.len(), 3);
    for text in heard {
        assert!(text.contains(r"a\u{1b}[2J\r\nb\u{202e} key"), "{text}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}
