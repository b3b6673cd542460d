//! Which files are scenarios: those without an extension.
//!
//! What else lies in a folder is input of scenarios (.json, .sql) or hidden, and is passed over.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::cli::run::bad::BadScenario;
use crate::cli::run::head::{self, Seeds};

/// A scenario as it lies on disk.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub path: PathBuf,
    /// The path without a leading `scenarios/`.
    pub name: String,
    pub text: String,
    pub seeds: Seeds,
}

#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: no scenario below this folder", path.display())]
    Empty { path: PathBuf },
    #[error("{}: not a scenario", path.display())]
    Extension { path: PathBuf },
    #[error(transparent)]
    Head(Box<BadScenario>),
}

/// Reads the scenarios that these paths name: files, and all below folders, in the order of the
/// paths and below each by name. One that is named twice is read once.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Scenario>, FindError> {
    let mut seen = BTreeSet::new();
    let mut scenarios = Vec::new();
    for path in paths {
        for file in files(path)? {
            if seen.insert(file.components().collect::<PathBuf>()) {
                scenarios.push(read(file)?);
            }
        }
    }
    Ok(scenarios)
}

fn read(path: PathBuf) -> Result<Scenario, FindError> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(FindError::Read { path, source }),
    };
    match head::seeds(&text) {
        Ok(seeds) => Ok(Scenario { name: name(&path), path, text, seeds }),
        Err(error) => Err(FindError::Head(Box::new(BadScenario::new(&path, &text, error)))),
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, FindError> {
    let metadata = std::fs::metadata(path)
        .map_err(|source| FindError::Read { path: path.to_path_buf(), source })?;
    if !metadata.is_dir() {
        return match path.extension() {
            None => Ok(vec![path.to_path_buf()]),
            Some(_) => Err(FindError::Extension { path: path.to_path_buf() }),
        };
    }
    let mut files = Vec::new();
    collect(path, &mut files)?;
    files.sort();
    match files.is_empty() {
        false => Ok(files),
        true => Err(FindError::Empty { path: path.to_path_buf() }),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), FindError> {
    let error = |source| FindError::Read { path: folder.to_path_buf(), source };
    for entry in std::fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let path = entry.path();
        // A link to a folder is not followed: it may lead back up.
        let is_folder = entry.file_type().map_err(error)?.is_dir();
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        match (is_hidden, is_folder) {
            (true, _) => {}
            (false, true) if entry.file_name() == "snapshots" => {}
            (false, true) => collect(&path, files)?,
            (false, false) if path.extension().is_none() && path.is_file() => files.push(path),
            (false, false) => {}
        }
    }
    Ok(())
}

fn name(path: &Path) -> String {
    let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    path.strip_prefix("scenarios").unwrap_or(&path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, files: &[&str]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("vindicate-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(&root).unwrap();
        for file in files {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "# a claim\n").unwrap();
        }
        root
    }

    #[test]
    fn files_without_extension_below_a_folder() {
        let files = ["b/two", "b/two.sql", "a/one", "main.rs", ".hidden", "snapshots/x", ".d/y"];
        let root = folder("find", &files);
        let found = find(&[root.join("b/two"), root.clone(), root.join("./a")]).unwrap();
        let found: Vec<&Path> =
            found.iter().map(|found| found.path.strip_prefix(&root).unwrap()).collect();
        assert_eq!(found, [Path::new("b/two"), Path::new("a/one")]);
    }

    #[test]
    fn what_is_no_scenario_is_said() {
        let root = folder("none", &["x.sql"]);
        assert!(matches!(find(std::slice::from_ref(&root)), Err(FindError::Empty { .. })));
        assert!(matches!(find(&[root.join("x.sql")]), Err(FindError::Extension { .. })));
        assert!(matches!(find(&[root.join("y")]), Err(FindError::Read { .. })));
    }

    #[test]
    fn names_are_paths_below_scenarios() {
        let check = |path: &str, expected: &str| assert_eq!(name(Path::new(path)), expected);
        check("scenarios/guide/x", "guide/x");
        check("./scenarios/guide/x", "guide/x");
        check("findings/1", "findings/1");
        check("/srv/scenarios/x", "/srv/scenarios/x");
    }
}
