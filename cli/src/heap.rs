//! Memory that was freed, given back to the kernel.

/// Gives back what is free: glibc keeps a hole below what lives longer, however large the hole is.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "there is no safe wrapper of malloc_trim")]
pub(crate) fn trim() {
    // SAFETY: it takes a number, touches free memory only, and may be called by any thread at any time (malloc_trim(3)).
    unsafe { nix::libc::malloc_trim(0) };
}

/// Others give it back by themselves.
#[cfg(not(target_env = "gnu"))]
pub(crate) const fn trim() {}
