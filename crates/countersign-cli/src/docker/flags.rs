//! The flags of the commands that trust covers, of every Docker from 18 to 29 and every podman from 3 to 5.
//!
//! A flag that is missing here is looked up in the help of the installed program. Tests hold the tables against the help of
//! the programs that are installed.

use super::line::Flags;

const TRUST: &str = "disable-content-trust";
const HELP: &str = "help";

/// Docker's own flags, before the command.
pub(crate) const DOCKER: Flags = Flags {
    alone: &["D:debug tls tlsverify v:version h:help"],
    takes: &["config c:context H:host l:log-level tlscacert tlscert tlskey"],
};
pub(crate) const DOCKER_TRANSFER: Flags =
    Flags { alone: &["a:all-tags h:help q:quiet", TRUST], takes: &["platform"] };
pub(crate) const DOCKER_PLUGIN: Flags =
    Flags { alone: &["disable grant-all-permissions skip-remote-check h:help", TRUST], takes: &["alias"] };

const CONTAINER: &str = "add-host annotation a:attach blkio-weight blkio-weight-device cap-add cap-drop \
     cgroup-parent cgroupns cidfile cpu-period cpu-quota cpu-rt-period cpu-rt-runtime c:cpu-shares cpus cpuset-cpus \
     cpuset-mems device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops dns \
     dns-option dns-opt dns-search entrypoint e:env env-file expose group-add health-cmd health-interval \
     health-retries health-start-period health-timeout h:hostname ip ip6 ipc l:label label-file log-driver log-opt \
     mac-address m:memory memory-reservation memory-swap memory-swappiness mount name network net network-alias \
     oom-score-adj pid pids-limit platform p:publish pull restart security-opt shm-size stop-signal stop-timeout \
     sysctl tmpfs ulimit u:user userns uts v:volume volumes-from w:workdir gpus";
const CONTAINER_ALONE: &str = "i:interactive init no-healthcheck oom-kill-disable privileged P:publish-all q:quiet \
     read-only rm t:tty";
pub(crate) const DOCKER_CONTAINER: Flags = Flags {
    alone: &[CONTAINER_ALONE, "d:detach sig-proxy use-api-socket", HELP, TRUST],
    takes: &[
        CONTAINER,
        "cpu-count cpu-percent detach-keys domainname health-start-interval io-maxbandwidth io-maxiops isolation \
         kernel-memory link link-local-ip net-alias runtime storage-opt volume-driver",
    ],
};

const SERVICE: &str = "cap-add cap-drop credential-spec endpoint-mode entrypoint health-cmd health-interval \
     health-retries health-start-interval health-start-period health-timeout hostname isolation limit-cpu \
     limit-memory limit-pids log-driver log-opt max-concurrent memory-swap memory-swappiness oom-score-adj replicas \
     replicas-max-per-node reserve-cpu reserve-memory restart-condition restart-delay restart-max-attempts \
     restart-window rollback-delay rollback-failure-action rollback-max-failure-ratio rollback-monitor \
     rollback-order rollback-parallelism stop-grace-period stop-signal update-delay update-failure-action \
     update-max-failure-ratio update-monitor update-order update-parallelism u:user w:workdir";
const SERVICE_ALONE: &str =
    "d:detach init no-healthcheck no-resolve-image q:quiet read-only t:tty with-registry-auth h:help";
pub(crate) const SERVICE_CREATE: Flags = Flags {
    alone: &[SERVICE_ALONE],
    takes: &[
        SERVICE,
        "config constraint container-label dns dns-option dns-search e:env env-file generic-resource group host \
         l:label mode mount name network placement-pref p:publish secret sysctl ulimit",
    ],
};
pub(crate) const SERVICE_UPDATE: Flags = Flags {
    alone: &[SERVICE_ALONE, "force rollback"],
    takes: &[
        SERVICE,
        "args config-add config-rm constraint-add constraint-rm container-label-add container-label-rm dns-add \
         dns-option-add dns-option-rm dns-rm dns-search-add dns-search-rm env-add env-rm generic-resource-add \
         generic-resource-rm group-add group-rm host-add host-rm image label-add label-rm mount-add mount-rm \
         network-add network-rm placement-pref-add placement-pref-rm publish-add publish-rm secret-add secret-rm \
         sysctl-add sysctl-rm ulimit-add ulimit-rm",
    ],
};

/// `docker build` with either builder, and `docker buildx build`.
pub(crate) const DOCKER_BUILD: Flags = Flags {
    alone: &[
        "check compress D:debug force-rm load no-cache pull push q:quiet rm squash stream h:help",
        TRUST,
    ],
    takes: &[
        "add-host allow annotation attest build-arg build-context builder cache-from cache-to call cgroup-parent \
         cpu-period cpu-quota c:cpu-shares cpuset-cpus cpuset-mems f:file iidfile isolation label m:memory \
         memory-swap metadata-file network no-cache-filter o:output platform policy progress provenance sbom secret \
         security-opt shm-size ssh t:tag target ulimit",
    ],
};

const PODMAN_GLOBAL: &str = "cdi-spec-dir cgroup-manager config conmon db-backend default-mounts-file \
     events-backend hooks-dir imagestore log-level memory-profile cpu-profile module namespace \
     network-cmd-path network-config-dir out root runroot runtime runtime-flag ssh storage-driver storage-opt tlscacert \
     tlscert tlskey tmpdir volumepath";
const PODMAN_GLOBAL_ALONE: &str = "noout syslog trace transient-store";
/// podman's own flags, before the command; most may also come after it.
pub(crate) const PODMAN: Flags = Flags {
    alone: &[PODMAN_GLOBAL_ALONE, "r:remote v:version h:help"],
    takes: &[PODMAN_GLOBAL, "c:connection identity url"],
};

const PODMAN_REGISTRY: &str =
    "arch authfile cert-dir creds os platform variant retry retry-delay decryption-key";
pub(crate) const PODMAN_PULL: Flags = Flags {
    alone: &["a:all-tags q:quiet tls-verify h:help", TRUST, PODMAN_GLOBAL_ALONE],
    takes: &[PODMAN_REGISTRY, "policy", PODMAN_GLOBAL],
};
pub(crate) const PODMAN_PUSH: Flags = Flags {
    alone: &[
        "compress force-compression q:quiet remove-signatures tls-verify h:help",
        TRUST,
        PODMAN_GLOBAL_ALONE,
    ],
    takes: &[
        "authfile cert-dir compression-format compression-level creds digestfile encrypt-layer encryption-key \
         f:format retry retry-delay sign-by sign-by-sigstore sign-by-sigstore-private-key sign-passphrase-file",
        PODMAN_GLOBAL,
    ],
};
pub(crate) const PODMAN_CONTAINER: Flags = Flags {
    alone: &[
        CONTAINER_ALONE,
        "d:detach env-host http-proxy no-hosts no-hostname passwd read-only-tmpfs replace rmi rootfs sig-proxy \
         tls-verify unsetenv-all",
        HELP,
        TRUST,
        PODMAN_GLOBAL_ALONE,
    ],
    takes: &[
        CONTAINER,
        "arch authfile cert-dir cgroup-conf cgroups chrootdirs conmon-pidfile creds decryption-key detach-keys \
         env-merge gidmap group-entry health-log-destination health-max-log-count health-max-log-size \
         health-on-failure health-startup-cmd health-startup-interval health-startup-retries \
         health-startup-success health-startup-timeout hostuser hosts-file image-volume init-ctr init-path \
         os passwd-entry personality pidfile pod pod-id-file preserve-fd preserve-fds \
         requires retry retry-delay sdnotify seccomp-policy secret subgidname subuidname \
         systemd timeout tz uidmap umask unsetenv variant",
        PODMAN_GLOBAL,
    ],
};
pub(crate) const PODMAN_BUILD: Flags = Flags {
    alone: &[
        "all-platforms compat-volumes compress created-annotation D:disable-compression force-rm http-proxy \
         identity-label inherit-annotations inherit-labels layers logsplit no-cache no-hosts no-hostname \
         omit-history pull q:quiet rewrite-timestamp rm skip-unused-stages squash squash-all stdin \
         tls-verify h:help",
        TRUST,
        PODMAN_GLOBAL_ALONE,
    ],
    takes: &[
        "add-host annotation arch authfile build-arg build-arg-file build-context cache-from cache-to cache-ttl \
         cap-add cap-drop cert-dir cgroup-parent cgroupns cpp-flag cpu-period cpu-quota c:cpu-shares cpuset-cpus \
         cpuset-mems creds decryption-key device dns dns-option dns-search env f:file format from group-add \
         hooks-dir ignorefile iidfile ipc isolation jobs label layer-label logfile manifest metadata-file m:memory \
         memory-swap network net os os-feature os-version o:output pid platform retry retry-delay runtime-flag \
         sbom sbom-image-output sbom-image-purl-output sbom-merge-strategy sbom-output sbom-purl-output \
         sbom-scanner-command sbom-scanner-image secret security-opt shm-size sign-by source-date-epoch \
         source-policy-file ssh t:tag target timestamp ulimit unsetannotation unsetenv unsetlabel userns \
         userns-gid-map userns-gid-map-group userns-uid-map userns-uid-map-user uts variant v:volume",
        PODMAN_GLOBAL,
    ],
};

/// The flags before a command of compose, and of buildx.
pub(crate) const COMPOSE: Flags = Flags {
    alone: &["all-resources compatibility dry-run no-ansi verbose h:help v:version"],
    takes: &["ansi env-file f:file parallel profile progress project-directory p:project-name workdir"],
};
pub(crate) const BUILDX: Flags = Flags { alone: &["D:debug h:help"], takes: &["builder"] };
/// Of commands that have nothing but commands.
pub(crate) const GROUP: Flags = Flags { alone: &["h:help"], takes: &[] };
