//! Why a container could not be made or started: `CreateContainerConfigError`, `CreateContainerError`,
//! `RunContainerError`, and the termination reasons `StartError` and `ContainerCannotRun`.
//!
//! Sources: `kubernetes/pkg/kubelet/{kuberuntime,kubelet_pods.go}`, `opencontainers/runc`, `containers/crun`,
//! `containerd/internal/cri`.

use super::reference::{self, Reference};
use super::text::{between, first_form, word_after};

/// Why it could not be made or started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why<'a> {
    /// A `ConfigMap` or Secret, or a key in one, that is not there.
    Missing(Reference<'a>),
    /// `runAsNonRoot`, and the image's user is root.
    RunsAsRoot,
    /// `runAsNonRoot`, and the image's user is a name, which may be root.
    UserIsName(&'a str),
    /// `runAsNonRoot` together with `runAsUser: 0`.
    RootAsked,
    /// The image has no such user.
    NoUser(&'a str),
    /// The program is not in the image.
    NoProgram(&'a str),
    /// The program may not be executed.
    NotExecutable(&'a str),
    /// The program is for another processor, or a script without `#!`.
    WrongFormat,
    /// The working directory is missing or closed to the user.
    WorkingDirectory(&'a str),
    /// A file was to be mounted on a directory, or the reverse.
    MountType,
    /// The root file system is read-only.
    ReadOnly,
    /// An `AppArmor` profile that is not loaded.
    AppArmor,
    /// A seccomp profile that cannot be read or applied.
    Seccomp,
    /// `SELinux` forbids it.
    SeLinux,
    /// A right that the runtime itself does not have, or that the kernel refuses.
    NotPermitted,
    /// Neither image nor spec says what to run.
    NoCommand,
    /// An earlier try still holds the name.
    NameReserved,
    /// The memory limit is too small to start anything.
    MemoryLimit,
    /// A `subPath` cannot be made.
    SubPath,
    /// It took too long.
    TimedOut,
    /// Something in words that are not known here.
    Unknown,
}

/// In order: what is more particular comes before what it contains.
const FORMS: &[(&[&str], Why<'static>)] = &[
    (
        &["container has runasnonroot and image will run as root"],
        Why::RunsAsRoot,
    ),
    (&["runasuser breaks non-root policy"], Why::RootAsked),
    (&["are you trying to mount a directory onto a file"], Why::MountType),
    (&["not a directory: unknown"], Why::MountType),
    (&["apparmor"], Why::AppArmor),
    (&["seccomp"], Why::Seccomp),
    (&["selinux"], Why::SeLinux),
    (&["exec format error"], Why::WrongFormat),
    (&["read-only file system"], Why::ReadOnly),
    (&["no command specified"], Why::NoCommand),
    (&["is reserved for"], Why::NameReserved),
    (&["oom-killed (memory limit too low"], Why::MemoryLimit),
    (&["subpath"], Why::SubPath),
    (&["operation not permitted"], Why::NotPermitted),
    (&["permission denied"], Why::NotPermitted),
    (&["deadline exceeded"], Why::TimedOut),
];

/// What a message about making or starting a container says.
pub(crate) fn classify(message: &str) -> Why<'_> {
    if let Some(missing) = reference::missing(message) {
        return Why::Missing(missing);
    }
    user(message)
        .or_else(|| working_directory(message))
        .or_else(|| program(message))
        .or_else(|| first_form(message, FORMS))
        .unwrap_or(Why::Unknown)
}

impl Why<'_> {
    /// Whether a right or a rule of security stands in the way.
    pub(crate) fn is_permission(self) -> bool {
        matches!(
            self,
            Self::RunsAsRoot
                | Self::UserIsName(_)
                | Self::RootAsked
                | Self::NotExecutable(_)
                | Self::ReadOnly
                | Self::AppArmor
                | Self::Seccomp
                | Self::SeLinux
                | Self::NotPermitted
        )
    }
}

fn user(message: &str) -> Option<Why<'_>> {
    if let Some(name) = between(message, "image has non-numeric user (", ")") {
        return Some(Why::UserIsName(name));
    }
    let found = word_after(message, "unable to find user ", &[':', ' ']);
    found.map(Why::NoUser)
}

fn working_directory(message: &str) -> Option<Why<'_>> {
    let folder = between(message, "chdir to cwd (\"", "\")");
    folder.map(Why::WorkingDirectory)
}

/// runc quotes the program as `exec: "app": why`; crun writes ``executable file `app` not found`` or `open executable`.
fn program(message: &str) -> Option<Why<'_>> {
    if let Some(name) = between(message, "executable file `", "`") {
        return Some(Why::NoProgram(name));
    }
    if message.contains("open executable: Permission denied") {
        return Some(Why::NotExecutable(""));
    }
    let (_, rest) = message.split_once("exec: \"")?;
    let (name, said) = rest.split_once('"')?;
    if said.contains("executable file not found") || said.contains("no such file or directory") {
        return Some(Why::NoProgram(name));
    }
    said.starts_with(": permission denied")
        .then_some(Why::NotExecutable(name))
}

#[cfg(test)]
mod tests {
    use super::super::reference::Kind;
    use super::*;

    const RUNC: &str = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";

    #[track_caller]
    fn runc_says(text: &str, why: Why<'_>) {
        for before in [
            RUNC,
            "Error: container create failed: time=\"2026-01-01\" level=error msg=\"runc create failed: ",
        ] {
            let message = format!("{before}{text}: unknown");
            assert_eq!(classify(&message), why, "{message}");
        }
    }

    #[test]
    fn references_that_are_missing() {
        let reference = |kind, name, key| Why::Missing(Reference { kind, name, key });
        for (message, why) in [
            ("configmap \"app\" not found", reference(Kind::ConfigMap, "app", None)),
            ("secret \"db\" not found", reference(Kind::Secret, "db", None)),
            (
                "couldn't find key url in ConfigMap shop/app",
                reference(Kind::ConfigMap, "app", Some("url")),
            ),
        ] {
            assert_eq!(classify(message), why);
        }
    }

    #[test]
    fn rules_about_the_user() {
        for (message, why) in [
            (
                "container has runAsNonRoot and image will run as root (pod: \"web_shop(u)\", container: app)",
                Why::RunsAsRoot,
            ),
            (
                "container has runAsNonRoot and image has non-numeric user (appuser), cannot verify user is non-root (pod: \"web_shop(u)\", container: app)",
                Why::UserIsName("appuser"),
            ),
            (
                "container's runAsUser breaks non-root policy (pod: \"web_shop(u)\", container: app)",
                Why::RootAsked,
            ),
            (
                "failed to generate container \"0a\" spec: failed to generate spec: unable to find user app: no matching entries in passwd file",
                Why::NoUser("app"),
            ),
        ] {
            assert_eq!(classify(message), why);
            assert_eq!(
                classify(message).is_permission(),
                !matches!(why, Why::NoUser(_)),
                "{message}"
            );
        }
    }

    #[test]
    fn programs_that_cannot_be_started() {
        runc_says(
            "exec: \"nope\": executable file not found in $PATH",
            Why::NoProgram("nope"),
        );
        runc_says(
            "error during container init: exec: \"/app/run\": stat /app/run: no such file or directory",
            Why::NoProgram("/app/run"),
        );
        runc_says("exec: \"/app/run\": permission denied", Why::NotExecutable("/app/run"));
        runc_says("exec /app/run: exec format error", Why::WrongFormat);
        for (message, why) in [
            (
                "container create failed: executable file `nope` not found in $PATH: No such file or directory",
                Why::NoProgram("nope"),
            ),
            (
                "container create failed: open executable: Permission denied",
                Why::NotExecutable(""),
            ),
            (
                "standard_init_linux.go:228: exec user process caused: exec format error",
                Why::WrongFormat,
            ),
        ] {
            assert_eq!(classify(message), why, "{message}");
        }
    }

    #[test]
    fn surroundings_that_do_not_fit() {
        runc_says(
            "error during container init: error mounting \"/var/lib/kubelet/x\" to rootfs at \"/etc/app.conf\": mount: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)?",
            Why::MountType,
        );
        runc_says(
            "error during container init: error mounting \"/x\" to rootfs at \"/y\": mkdir /y: read-only file system",
            Why::ReadOnly,
        );
        runc_says(
            "chdir to cwd (\"/work\") set in config.json failed: permission denied",
            Why::WorkingDirectory("/work"),
        );
        runc_says(
            "error during container init: unable to apply apparmor profile: apparmor failed to apply profile: write /proc/self/attr/exec: no such file or directory",
            Why::AppArmor,
        );
        runc_says(
            "error during container init: error loading seccomp filter into kernel: invalid argument",
            Why::Seccomp,
        );
        runc_says(
            "error setting rlimits for ready process: operation not permitted",
            Why::NotPermitted,
        );
        runc_says(
            "container init was OOM-killed (memory limit too low?)",
            Why::MemoryLimit,
        );
    }

    #[test]
    fn other_things_the_runtime_says() {
        for (message, why) in [
            (
                "failed to generate container \"0a\" spec: failed to generate spec: no command specified",
                Why::NoCommand,
            ),
            (
                "failed to reserve container name \"app_web_shop_u_0\": name \"app_web_shop_u_0\" is reserved for \"0a1b\"",
                Why::NameReserved,
            ),
            (
                "failed to prepare subPath for volumeMount \"data\" of container \"app\"",
                Why::SubPath,
            ),
            ("context deadline exceeded", Why::TimedOut),
            ("the moon is in the wrong phase", Why::Unknown),
            ("", Why::Unknown),
        ] {
            assert_eq!(classify(message), why, "{message}");
            assert!(!why.is_permission());
        }
    }
}
