//! The parameters of a vindex: text to text, as a vschema holds them.
//!
//! Unknown ones never fail a vindex; most types report their names. It knows nothing of what a
//! parameter means.

use std::collections::BTreeMap;

use crate::vindex::VindexError;

/// The `params` of a vindex.
pub type Params = BTreeMap<String, String>;

/// The names that are not among the known ones, sorted.
pub fn unknown_params(params: &Params, known: &[&str]) -> Vec<String> {
    params.keys().filter(|name| !known.contains(&name.as_str())).cloned().collect()
}

/// The text of a parameter, empty where it is absent.
pub fn text<'a>(params: &'a Params, name: &str) -> &'a str {
    params.get(name).map_or("", String::as_str)
}

/// A parameter that is exactly `true` or `false`; absent means false.
pub fn boolean(params: &Params, name: &str) -> Result<bool, VindexError> {
    match params.get(name).map(String::as_str) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(VindexError::invalid_argument(format!(
            "{name} value must be 'true' or 'false': '{other}'"
        ))),
    }
}

/// A whole number, with the errors of Go's `strconv.Atoi`.
pub fn atoi(text: &str) -> Result<i64, VindexError> {
    let error = |why: &str| {
        let quoted = crate::key::quote::quote(text.as_bytes());
        VindexError::unknown(format!("strconv.Atoi: parsing {quoted}: {why}"))
    };
    text.parse().map_err(|parse: std::num::ParseIntError| match parse.kind() {
        std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
            error("value out of range")
        }
        _ => error("invalid syntax"),
    })
}

/// The text of a file that a parameter names, with the errors of Go's `os.Open`.
pub fn read_file(path: &str) -> Result<String, VindexError> {
    let error = |error: std::io::Error| {
        use std::io::ErrorKind;
        let (operation, why) = match error.kind() {
            ErrorKind::NotFound => ("open", "no such file or directory".to_string()),
            ErrorKind::PermissionDenied => ("open", "permission denied".to_string()),
            ErrorKind::IsADirectory => ("read", "is a directory".to_string()),
            _ => ("read", error.to_string()),
        };
        VindexError::unknown(format!("{operation} {path}: {why}"))
    };
    let bytes = std::fs::read(path).map_err(error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
