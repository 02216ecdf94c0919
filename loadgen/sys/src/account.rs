//! Who runs this program, and as whom it may run others. Accounts are looked up in /etc/passwd
//! alone: those of services stand there.

use std::fs;

/// A user of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Number of the user.
    pub uid: u32,
    /// Number of the user's own group.
    pub gid: u32,
}

/// Whether this program may do everything.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The account of this name.
pub fn account(name: &str) -> Option<Account> {
    entry(&fs::read_to_string("/etc/passwd").ok()?, name)
}

/// A line is `name:password:uid:gid:…`.
fn entry(text: &str, name: &str) -> Option<Account> {
    let mut lines = text.lines().map(|line| line.split(':'));
    let mut fields =
        lines.find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    let (uid, gid) = (fields.nth(1)?, fields.next()?);
    Some(Account { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_whole_name_only() {
        let text =
            "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib:/bin/sh\nbad:x:y\n";
        let account = |name| entry(text, name);
        assert_eq!(account("postgres"), Some(Account { uid: 101, gid: 104 }));
        assert_eq!((account("post"), account("bad"), account("")), (None, None, None));
        assert_eq!(super::account("root"), Some(Account { uid: 0, gid: 0 }));
    }
}
