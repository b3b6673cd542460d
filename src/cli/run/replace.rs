//! Replaces a file whole or not at all.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

/// Writes a neighbour and renames it over the file, so that nobody ever reads half of it. A link
/// stays a link, and a file keeps its permissions.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = target
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"))?;
    let mut neighbour = OsString::from(".");
    neighbour.push(name);
    neighbour.push(format!(".{}.new", std::process::id()));
    let neighbour = target.with_file_name(neighbour);
    let written = write(&neighbour, &target, text);
    if written.is_err() {
        // What matters is the first error.
        let _ = std::fs::remove_file(&neighbour);
    }
    written
}

fn write(neighbour: &Path, target: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::File::create(neighbour)?;
    file.write_all(text.as_bytes())?;
    if let Ok(metadata) = std::fs::metadata(target) {
        file.set_permissions(metadata.permissions())?;
    }
    file.sync_all()?;
    std::fs::rename(neighbour, target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = std::env::temp_dir().join(format!("vindicate-{}-replace", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("x");
        replace(&path, "one").unwrap();
        replace(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        assert!(replace(&folder.join("none/x"), "").is_err());
    }
}
