use super::*;

struct Machine {
    dir: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Machine {
    fn new(variables: &[(&'static str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { dir: tempfile::tempdir().expect("a directory"), variables }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, text).expect("a file");
    }

    fn context(&self, name: &str, endpoint: &str) -> String {
        let id = Digest::sha256(name.as_bytes()).hex();
        let meta = format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{endpoint}}}}}"#);
        self.write(&format!("contexts/meta/{id}/meta.json"), &meta);
        format!("contexts/tls/{id}/docker")
    }

    fn with<T>(&self, ask: impl FnOnce(EndpointInputs<'_>) -> T) -> T {
        let variable = |name: &str| {
            self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        ask(EndpointInputs::new(&variable, self.dir.path()))
    }

    fn found(&self) -> (String, String) {
        self.asked(&[], None)
    }

    fn asked(&self, hosts: &[&str], context: Option<&str>) -> (String, String) {
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        match self.with(|inputs| EndpointInputs { hosts: &hosts, context, ..inputs }.resolve()) {
            Ok(endpoint) => (endpoint.address.to_string(), endpoint.source.to_string()),
            Err(error) => (error.to_string(), "error".to_owned()),
        }
    }

    fn tls(&self) -> Option<Tls> {
        match self.with(|inputs| inputs.resolve()).expect("an endpoint").address {
            Address::Tcp(tcp) => tcp.tls,
            other => panic!("{other}"),
        }
    }
}

fn pair(address: &str, source: &str) -> (String, String) {
    (address.to_owned(), source.to_owned())
}

const SOCKET: &str = "unix:///var/run/docker.sock";

#[test]
fn order_is_flag_host_variable_context_variable_configuration_default() {
    let machine = Machine::new(&[("DOCKER_HOST", "tcp://host:1"), ("DOCKER_CONTEXT", "two")]);
    machine.context("one", r#"{"Host":"tcp://one:1"}"#);
    machine.context("two", r#"{"Host":"ssh://me@two"}"#);
    machine.context("three", r#"{"Host":"unix:///three.sock"}"#);
    machine.write("config.json", r#"{"currentContext":"three","auths":{}}"#);
    assert_eq!(machine.asked(&[], Some("one")), pair("tcp://one:1", "context `one`, chosen by `--context`"));
    assert_eq!(machine.asked(&["tcp://flag:1"], None), pair("tcp://flag:1", "`--host`"));
    assert_eq!(machine.found(), pair("tcp://host:1", "`DOCKER_HOST`"));
    assert_eq!(machine.asked(&[], Some("default")), pair("tcp://host:1", "`DOCKER_HOST`"));

    let machine = Machine { variables: vec![("DOCKER_CONTEXT", "two".to_owned())], ..machine };
    assert_eq!(machine.found(), pair("ssh://me@two", "context `two`, chosen by `DOCKER_CONTEXT`"));
    let machine = Machine { variables: vec![("DOCKER_CONTEXT", String::new())], ..machine };
    let chosen = "context `three`, chosen by `currentContext` in `config.json`";
    assert_eq!(machine.found(), pair("unix:///three.sock", chosen));
    let machine = Machine { variables: vec![("DOCKER_CONTEXT", "default".to_owned())], ..machine };
    assert_eq!(machine.found(), pair(SOCKET, "the default"));
    assert_eq!(Machine::new(&[]).found(), pair(SOCKET, "the default"));
}

#[test]
fn contradictions_and_missing_contexts_are_errors() {
    let machine = Machine::new(&[("DOCKER_CONTEXT", "gone")]);
    let both = machine.asked(&["tcp://a:1"], Some("b"));
    assert_eq!(both.0, "conflicting options: cannot specify both --host and --context");
    assert_eq!(machine.asked(&["tcp://a:1", "tcp://b:1"], None).0, "specify only one -H");
    assert!(machine.found().0.starts_with("there is no context `gone`: `"), "{:?}", machine.found());
    machine.context("gone", "7");
    assert!(machine.found().0.ends_with("is not what Docker writes there"), "{:?}", machine.found());
    let machine = Machine::new(&[]);
    machine.write("config.json", "{");
    assert!(machine.found().0.ends_with("is not what Docker writes there"), "{:?}", machine.found());
    machine.write("config.json", "");
    assert_eq!(machine.found().0, SOCKET);
}

#[test]
fn tls_of_variables_uses_the_files_of_the_directory() {
    let machine = Machine::new(&[("DOCKER_HOST", "tcp://d:2376"), ("DOCKER_TLS_VERIFY", "0")]);
    let ca = machine.dir.path().join("ca.pem");
    let expected = Tls { authorities: Some(ca), ..Tls::default() };
    assert_eq!(machine.tls(), Some(expected), "any value means yes, even 0");
    machine.write("cert.pem", "");
    machine.write("key.pem", "");
    let identity = (machine.dir.path().join("cert.pem"), machine.dir.path().join("key.pem"));
    assert_eq!(machine.tls().expect("TLS").identity, Some(identity.clone()));

    let machine =
        Machine { variables: vec![("DOCKER_HOST", "d:2376".into()), ("DOCKER_TLS", "1".into())], ..machine };
    let unverified = Tls { authorities: None, identity: Some(identity), skip_verify: true };
    assert_eq!(machine.tls(), Some(unverified));
    let variables = vec![("DOCKER_TLS_VERIFY", "1".into()), ("DOCKER_CERT_PATH", "/certs".into())];
    let machine = Machine { variables, ..machine };
    let expected = Tls { authorities: Some("/certs/ca.pem".into()), ..Tls::default() };
    assert_eq!(machine.tls(), Some(expected));
    assert_eq!(machine.found(), pair("tcp://localhost:2376", "`DOCKER_TLS_VERIFY`"));
}

#[test]
fn flags_decide_tls_before_variables_do() {
    let machine = Machine::new(&[("DOCKER_HOST", "tcp://d:2376")]);
    let asked = |tls: Option<bool>, tls_verify: Option<bool>| {
        let endpoint = machine.with(|inputs| EndpointInputs { tls, tls_verify, ..inputs }.resolve());
        match endpoint.expect("an endpoint").address {
            Address::Tcp(tcp) => tcp.tls.map(|tls| tls.skip_verify),
            other => panic!("{other}"),
        }
    };
    assert_eq!(asked(None, None), None);
    assert_eq!(asked(Some(false), None), None);
    assert_eq!(asked(Some(true), None), Some(true));
    assert_eq!(asked(None, Some(true)), Some(false));
    assert_eq!(asked(None, Some(false)), Some(true), "the flag alone turns TLS on");
}

#[test]
fn context_brings_its_own_tls() {
    let machine = Machine::new(&[("DOCKER_CONTEXT", "prod"), ("DOCKER_TLS_VERIFY", "1")]);
    let dir = machine.context("prod", r#"{"Host":"tcp://p:2376","SkipTLSVerify":false}"#);
    assert_eq!(machine.tls(), None, "the variables are for hosts alone");
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        machine.write(&format!("{dir}/{file}"), "");
    }
    let file = |name: &str| machine.dir.path().join(&dir).join(name);
    let identity = Some((file("cert.pem"), file("key.pem")));
    let expected = Tls { authorities: Some(file("ca.pem")), identity, skip_verify: false };
    assert_eq!(machine.tls(), Some(expected));
    machine.context("prod", r#"{"Host":"tcp://p:2376","SkipTLSVerify":true}"#);
    assert!(machine.tls().expect("TLS").skip_verify);
}
