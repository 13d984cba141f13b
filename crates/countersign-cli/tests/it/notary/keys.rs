//! Keys and the files they come in, in both programs.

use super::script::both;

#[test]
fn first_publication_needs_no_root_key() {
    both(
        |_| {},
        "init GUN
         key remove {key root} <<< yes
         add GUN v1 f -p
         list GUN
         key list",
    );
}

#[test]
fn collections_begin_with_a_given_root_key_or_certificate() {
    both(
        |_| {},
        "$ openssl ecparam -name prime256v1 -genkey -noout -out plain.pem
         key generate -o root
         init GUN --rootkey plain.pem
         init GUN --rootkey nofile
         init GUN --rootkey f
         init GUN --rootcert nofile
         init GUN --rootcert f
         NOTARY_ROOT_PASSPHRASE=wrongpassphrase init GUN --rootkey root-key.pem
         key list
         key generate
         init GUN --rootcert nofile
         init GUN --rootcert f
         key remove {key root} <<< yes
         init GUN --rootkey root-key.pem -p
         key list
         list GUN
         add GUN v1 f -p
         list GUN
         key rotate GUN root <<< yes
         list GUN",
    );
}

#[test]
fn root_certificate_of_ones_own_is_taken() {
    both(
        |desk| {
            let subject = format!("subject={}", desk.gun());
            desk.write("gun", &subject);
        },
        "$ openssl ecparam -name prime256v1 -genkey -noout -out plain.pem
         $ openssl req -x509 -new -key plain.pem -subj /CN=other/app -days 900 -addext basicConstraints=critical,CA:FALSE -out other.crt
         $ openssl req -x509 -new -key plain.pem -subj \"/CN=$(cut -d= -f2 gun | sed 's,/,\\\\/,')\" -days 900 -addext basicConstraints=critical,CA:FALSE -out own.crt
         init GUN --rootcert own.crt
         key import plain.pem -r root
         key list
         init GUN --rootcert own.crt -p
         add GUN v1 f -p
         list GUN",
    );
}

#[test]
fn key_files_of_many_keys_are_imported_and_exported_the_same() {
    both(
        |_| {},
        "init GUN -p
         key generate -r targets/x
         key export
         key export -o all.pem
         $ cat all.pem
         key export --gun GUN
         key export --gun GUN --output of-gun.pem
         $ cat of-gun.pem
         key export --key {key root}
         key export --key {key root} --key {key targets/x} -o two.pem
         key export --key {key root},{key targets/x}
         key export --gun GUN --key {key root}
         -d other key import all.pem
         -d other key list
         -d other key import all.pem
         -d third key import two.pem of-gun.pem
         -d third key list
         -d fourth key import two.pem nofile
         -d fourth key list
         $ for i in 1 2; do openssl ecparam -name prime256v1 -genkey -noout; done > plain.pem
         -d fifth key import plain.pem
         -d fifth key list
         $ for i in 1 2; do openssl ecparam -name prime256v1 -genkey -noout; done > plain.pem
         -d sixth key import plain.pem -r targets -g some/app
         -d sixth key list
         $ openssl ecparam -name prime256v1 -genkey -noout | sed '1a role: targets/y\\ngun: its/own\\n' > headed.pem
         -d seventh key import headed.pem --role root --gun other/app
         -d seventh key list
         $ openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2>/dev/null > rsa.pem
         -d eighth key import rsa.pem -r root
         -d eighth key list",
    );
}

#[test]
fn keys_are_generated_the_same() {
    both(
        |_| {},
        "key generate
         key generate ECDSA
         key generate -r snapshot
         key generate --role=targets ecdsa
         key generate -r nonsense
         key generate -r targets/Upper
         key generate -o pair
         $ cat pair.pem pair-key.pem
         $ stat -c %a pair.pem pair-key.pem
         key generate -o nodir/pair
         key generate --output named --role targets/z
         $ cat named.pem named-key.pem
         key list",
    );
}

#[test]
fn keys_are_rotated_and_removed_the_same() {
    both(
        |_| {},
        "init GUN -p
         key rotate GUN snapshot --server-managed
         key rotate GUN snapshot
         key rotate GUN timestamp --server-managed=true
         key rotate GUN targets --legacy 1
         key rotate GUN root --legacy=-1 <<< yes
         key rotate GUN root -l 2 <<< y
         key rotate GUN root -l x
         key list
         $ for i in 1 2; do openssl ecparam -name prime256v1 -genkey -noout > k$i.pem; done
         key rotate GUN targets -k k1.pem,k2.pem
         key rotate GUN snapshot --key k1.pem --key k2.pem
         key rotate GUN root -k k1.pem <<< yes
         key list
         key generate -o next
         key rotate GUN root -k next-key.pem <<< yes
         add GUN v1 f -p
         list GUN
         key remove {key targets} <<< no
         key remove {key targets} <<< YES
         key remove {key targets}
         key list",
    );
}
