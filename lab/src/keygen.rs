//! `tailrace keygen`: the secrets that a deployment of its own needs, made once and kept: a TLS
//! identity, and passwords for Redis and PostgreSQL. What is there stays as it is, so that it may
//! run at every start. It renews nothing: remove a file and run it again. Servers read these files
//! with `--tls-cert`, `--tls-key`, `--redis-password-file` and `--postgres-password-file`.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::exit::Ended;
use crate::{printing, tls};

/// Files of a deployment outlive many starts. After this the certificate must be made again.
const VALID_DAYS: i32 = 730;
/// Bytes of a password before they are written as hexadecimal digits: nobody guesses 192 bits.
const PASSWORD_BYTES: usize = 24;
/// For the owner only.
const SECRET: u32 = 0o600;
/// For whoever may open the folder: a certificate is shown to every client.
const PUBLIC: u32 = 0o644;

/// Arguments of `keygen`.
#[derive(Debug, clap::Args, Clone)]
pub struct KeygenArgs {
    /// Folder of the files: cert.pem, key.pem, redis-password, redis.conf, postgres-password
    pub folder: PathBuf,
    /// A name or address that clients will call the server, beside those of loopback; repeatable
    #[arg(long = "name")]
    pub names: Vec<String>,
}

/// Makes what is missing, and says what.
///
/// # Errors
/// The folder cannot be written, a name that no certificate can hold, or half of a pair.
pub fn run(arguments: &KeygenArgs) -> anyhow::Result<Ended> {
    let folder = &arguments.folder;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut made = identity(folder, &arguments.names)?;
    made.extend(passwords(folder)?);
    let folder = folder.display();
    printing::line(&match &*made {
        [] => format!("{folder}: everything is there and was kept"),
        made => format!("{folder}: made {}", made.join(", ")),
    })?;
    Ok(Ended::Fine)
}

fn identity(folder: &Path, names: &[String]) -> anyhow::Result<Vec<&'static str>> {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    match (cert.exists(), key.exists()) {
        (true, true) => return Ok(Vec::new()),
        (false, false) => {}
        _ => bail!(
            "{} has one of cert.pem and key.pem, and they belong together; remove it, and both \
             are made",
            folder.display()
        ),
    }
    let made = tls::self_signed(names, VALID_DAYS)?;
    write(&key, SECRET, &made.key)?;
    write(&cert, PUBLIC, &made.certificate)?;
    Ok(vec!["cert.pem", "key.pem"])
}

/// Passwords for clients, and that of Redis as its server's setting.
fn passwords(folder: &Path) -> anyhow::Result<Vec<&'static str>> {
    let (password, setting) = (folder.join("redis-password"), folder.join("redis.conf"));
    let mut made = Vec::new();
    if !password.exists() {
        write(&password, SECRET, &format!("{}\n", random()?))?;
        made.push("redis-password");
    }
    if !setting.exists() {
        let text = fs::read_to_string(&password)?;
        write(&setting, SECRET, &format!("requirepass {}\n", text.trim_end()))?;
        made.push("redis.conf");
    }
    // PostgreSQL's server takes the same file.
    let password = folder.join("postgres-password");
    if !password.exists() {
        write(&password, SECRET, &format!("{}\n", random()?))?;
        made.push("postgres-password");
    }
    Ok(made)
}

/// Random bytes of the system as hexadecimal digits: a secret that nobody guesses.
///
/// # Errors
/// The system has none to give.
pub(crate) fn random() -> anyhow::Result<String> {
    let mut bytes = [0; PASSWORD_BYTES];
    let source = Path::new("/dev/urandom");
    let mut random = fs::File::open(source).with_context(|| source.display().to_string())?;
    random.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

/// A whole file or none: whoever is stopped in the middle leaves no half of a key.
fn write(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(mode);
    let written = options.open(&unfinished).and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| unfinished.display().to_string())?;
    fs::rename(&unfinished, path).with_context(|| path.display().to_string())
}
