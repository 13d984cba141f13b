//! Flags that change how a command runs, in both programs.

use super::script::both;

/// What the SHA-256 and the SHA-512 of `hello\n` are.
const HASHES: [(&str, &str); 2] = [
    ("SHA256", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
    (
        "SHA512",
        "e7c22b994c59d9cf2b48e549b1e24666636045930d3da7c1acb299d1c3b7f931f94aae41edda2c2b207a36e10f8bcb8d45223e54878f5b316e7ce3b6bc019629",
    ),
];

fn with_hashes(script: &str) -> String {
    HASHES.into_iter().fold(script.to_owned(), |script, (name, hash)| script.replace(name, hash))
}

#[test]
fn hashes_of_either_kind_are_staged_and_verified_the_same() {
    both(
        |_| {},
        &with_hashes(
            "init GUN -p
             addhash GUN both 6 --sha256 SHA256 --sha512 SHA512
             addhash GUN upper 6 --sha256=SHA256
             addhash GUN other 6 --sha512 SHA512 --sha256 SHA256 -p
             addhash GUN none 6
             addhash GUN empty 6 --sha256=
             addhash GUN short 6 --sha512 SHA256
             addhash GUN odd 6 --sha256 zz
             addhash GUN octal 006 --sha256 SHA256
             addhash GUN binary 0b110 --sha256 SHA256
             addhash GUN grouped 0_6 --sha256 SHA256
             addhash GUN huge 99999999999999999999 --sha256 SHA256
             status GUN
             publish GUN
             list GUN
             lookup GUN both
             verify GUN both -i f
             verify GUN both --input=f --quiet
             verify GUN both -i f -o out
             $ cat out
             verify GUN both --output out2 <<< hello
             $ cat out2
             verify GUN both -qi f
             verify GUN both -o nodir/out -i f
             verify GUN both -i nodir/in
             verify GUN both -q <<< other
             verify GUN both extra -i f
             lookup GUN both extra",
        ),
    );
}

#[test]
fn each_command_publishes_at_once_when_it_is_asked_to() {
    both(
        |desk| desk.write("note.json", "{\"a\":{\"b\":[true,null,\"x\"]},\"z\":1}"),
        &with_hashes(
            "init GUN --publish
             add -p GUN v1 f --custom note.json
             addhash GUN v2 6 --sha256 SHA256 --publish --custom=note.json
             witness GUN targets -p
             remove GUN v1 -p
             remove GUN v1 --publish=true
             list GUN
             $ openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a -days 900 -keyout a.key -out a.crt 2>/dev/null
             delegation add GUN targets/a a.crt --all-paths -p
             delegation add -p GUN targets/a/b a.crt --paths x,y
             delegation list GUN
             key import a.key -r targets/a
             add GUN x1 f -r targets/a -p
             delegation remove GUN targets/a --paths '' -p
             delegation list GUN
             delegation add GUN targets/a --all-paths -p
             delegation remove GUN targets/a --all-paths -p
             delegation remove GUN targets/a {key targets/a} -p
             delegation list GUN
             delegation purge GUN --key {key targets/a} -p
             delegation list GUN
             delegation remove GUN targets/a -y -p
             status GUN
             -s https://127.0.0.1:1 add GUN v9 f -p
             status GUN",
        ),
    );
}

#[test]
fn more_is_said_on_request_and_not_on_stdout() {
    both(
        |_| {},
        "-D init GUN -p
         -v add GUN v1 f -p
         --debug list GUN
         --verbose list GUN
         -Dv lookup GUN v1
         list GUN -D --verbose
         --debug=false list GUN
         -D key list
         -D list nope/x
         list --version
         help list
         help key rotate
         list -h",
    );
}

#[test]
fn roles_are_chosen_the_same() {
    both(
        |_| {},
        "init GUN -p
         $ openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a -days 900 -keyout a.key -out a.crt 2>/dev/null
         delegation add GUN targets/a a.crt --all-paths
         delegation add GUN targets/b a.crt --paths b
         publish GUN
         key import a.key -r targets/a
         add GUN v1 f --roles targets/a,targets/b
         add GUN b1 f -r targets/a -r targets/b -p
         reset GUN --all
         add GUN b1 f -r targets/a -r targets/b -p
         add GUN b2 f -r targets -p
         list GUN
         list GUN -r targets/a
         list GUN --roles=targets/b,targets/a
         list GUN -r targets/b -r targets
         list GUN -r root
         list GUN -r nonsense
         lookup GUN b1
         verify GUN b1 -i f -q
         remove GUN b1 -r targets/a,targets/b -p
         remove GUN b2 -r targets/nope
         status GUN
         publish GUN
         reset GUN -n 0
         remove GUN b2 -r snapshot
         witness GUN targets/a targets/b -p
         witness GUN targets/nope
         status GUN
         publish GUN
         reset GUN --number 0 --number=1
         list GUN",
    );
}

#[test]
fn role_that_lost_its_signer_is_witnessed_the_same() {
    both(
        |_| {},
        "init GUN -p
         $ for name in a b; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -days 900 -keyout $name.key -out $name.crt 2>/dev/null; done
         delegation add GUN targets/a a.crt b.crt --all-paths
         publish GUN
         key import a.key -r targets/a
         add GUN v1 f -r targets/a -p
         list GUN
         delegation remove GUN targets/a {key targets/a} -p
         list GUN
         key import b.key -r targets/a
         witness GUN targets/a -p
         list GUN
         add GUN v2 f -r targets/a -p
         list GUN",
    );
}
