# What scripts/real-run and scripts/seed-tour have in common: telling, servers that end with the script, people.
#
# Sourced. The script that sources it says in $tour what it is called. Everything lies in $work, which is removed at the end.

step() { printf '\n== %s\n' "$1"; }
fail() {
    printf '\n%s: %s\n' "$tour" "$1" >&2
    for log in "$work"/*.log; do
        [[ -s "$log" ]] && printf -- '--- end of %s ---\n%s\n' "$(basename "$log")" "$(tail -n 15 "$log")" >&2
    done
    exit 1
}
same() { # what, expected, found
    [[ "$2" == "$3" ]] || fail "$1: expected $2, found $3"
    printf '   %s: %s\n' "$1" "$2"
}
needs() { # program…
    for program in "$@"; do
        command -v "$program" >/dev/null || fail "$program is not installed, see scripts/install-test-peers"
    done
}

work="$(mktemp -d)"
pids=()
cleanup() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT

free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)) && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    echo "$port"
}
serve() { # name, command…: runs it until the end of the script
    local name="$1"
    shift
    "$@" >"$work/$name.log" 2>&1 </dev/null &
    pids+=($!)
}
answers() { # name, curl arguments…: waits until a server answers, whatever it says
    local name="$1" end=$((SECONDS + 30))
    shift
    until curl --silent --output /dev/null "$@"; do
        kill -0 "${pids[-1]}" 2>/dev/null || fail "$name ended at its start"
        ((SECONDS < end)) || fail "$name does not answer"
        sleep 0.05
    done
}

# Sets $countersign to the program: the one that the variable COUNTERSIGN names, or one that is built.
find_countersign() {
    countersign="${COUNTERSIGN:-}"
    if [[ -z "$countersign" ]]; then
        cargo build --locked --quiet --release --package countersign-cli
        countersign="$PWD/target/release/countersign"
    fi
    countersign="$(realpath "$countersign")"
    "$countersign" --version
}

# Sets $registry to the address of a docker-registry.
start_registry() {
    registry="127.0.0.1:$(free_port)"
    cat >"$work/registry.yml" <<END
version: 0.1
storage: { filesystem: { rootdirectory: $work/registry } }
http: { addr: $registry, secret: of-a-run }
END
    serve docker-registry docker-registry serve "$work/registry.yml"
    answers docker-registry "http://$registry/v2/"
    echo "   http://$registry"
}

# Sets $theirs to the address of a notary-server, and $theirs_ca to its CA.
start_notary_server() {
    theirs="127.0.0.1:$(free_port)"
    theirs_ca="$work/notary-server/ca.crt"
    mkdir "$work/notary-server"
    (
        cd "$work/notary-server"
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj "/CN=$tour CA" 2>/dev/null
        openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj "/CN=127.0.0.1" 2>/dev/null
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 \
            -extfile <(echo "subjectAltName=IP:127.0.0.1") 2>/dev/null
        cat >server.json <<END
{ "server": { "http_addr": "$theirs", "tls_cert_file": "./server.crt", "tls_key_file": "./server.key" },
  "trust_service": { "type": "local" }, "storage": { "backend": "memory" }, "logging": { "level": "info" } }
END
    )
    serve notary-server notary-server -config "$work/notary-server/server.json"
    answers notary-server --cacert "$theirs_ca" "https://$theirs/v2/"
    echo "   https://$theirs"
}

# Sets $ours to the address of a `countersign server`, and $ours_ca to its CA.
start_countersign_server() {
    ours="127.0.0.1:$(free_port)"
    ours_ca="$work/countersign-server/ca.crt"
    serve countersign-server "$countersign" server --data "$work/countersign-server" --listen "$ours"
    local end=$((SECONDS + 30))
    until [[ -s "$ours_ca" ]]; do
        ((SECONDS < end)) || fail "countersign server writes no ca.crt"
        sleep 0.05
    done
    answers "countersign server" --cacert "$ours_ca" "https://$ours/v2/"
    echo "   https://$ours"
}

# The home of somebody who knows the trust server $trust by its certificate $ca.
home_of() { # person
    local home="$work/people/$1"
    mkdir -p "$home/.docker/tls/${trust#https://}"
    cp "$ca" "$home/.docker/tls/${trust#https://}/ca.crt"
    echo "$home"
}
