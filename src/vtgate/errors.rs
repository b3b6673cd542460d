//! What a client sees of an error: number, SQLSTATE, message.
//!
//! The number comes from the VT code at the front of the text, or from what vtgate's own errors
//! begin with; else from `(errno N) (sqlstate S)` anywhere in it, else from the gRPC code. See
//! `go/vt/vtgate/errors`, `go/mysql/sqlerror`.

use sim::sql_error::SqlError;

use crate::key::Code;
use crate::rpc::Status;

/// VT codes with a number of their own.
const VT_CODES: [(&str, u16, &str); 42] = [
    ("VT03001", 1149, "42000"),
    ("VT03002", 1450, "HY000"),
    ("VT03003", 1109, "42S02"),
    ("VT03004", 1288, "HY000"),
    ("VT03005", 1056, "42000"),
    ("VT03006", 1136, "21S01"),
    ("VT03008", 1234, "42000"),
    ("VT03009", 1231, "42000"),
    ("VT03010", 1238, "HY000"),
    ("VT03013", 1066, "42000"),
    ("VT03014", 1054, "42S22"),
    ("VT03017", 1149, "42000"),
    ("VT03019", 1054, "42S22"),
    ("VT03025", 1210, "HY000"),
    ("VT03027", 1048, "23000"),
    ("VT03028", 1048, "23000"),
    ("VT03029", 1136, "21S01"),
    ("VT03030", 1136, "21S01"),
    ("VT03032", 1288, "HY000"),
    ("VT03033", 1353, "HY000"),
    ("VT05001", 1008, "HY000"),
    ("VT05002", 1049, "42000"),
    ("VT05003", 1049, "42000"),
    ("VT05004", 1109, "42S02"),
    ("VT05005", 1146, "42S02"),
    ("VT05006", 1193, "HY000"),
    ("VT06001", 1007, "HY000"),
    ("VT07001", 1095, "HY000"),
    ("VT09001", 1173, "42000"),
    ("VT09002", 1874, "HY000"),
    ("VT09005", 1046, "3D000"),
    ("VT09011", 1243, "HY000"),
    ("VT09016", 1451, "23000"),
    ("VT09021", 1176, "42000"),
    ("VT09026", 3573, "HY000"),
    ("VT09027", 3575, "HY000"),
    ("VT09028", 3576, "HY000"),
    ("VT09029", 3577, "HY000"),
    ("VT09030", 3636, "HY000"),
    ("VT10002", 1317, "70100"),
    ("VT12001", 1235, "42000"),
    ("VT13001", 1815, "HY000"),
];

/// Errors that vtgate gives a number without a VT code, by how they begin.
const STATED: [(&str, u16, &str); 19] = [
    ("Cannot add or update a child row: a foreign key constraint fails", 1452, "23000"),
    ("Cannot delete or update a parent row: a foreign key constraint fails", 1451, "23000"),
    ("Column '", 1054, "42S22"),
    ("Incorrect usage/placement of 'INTO'", 1234, "42000"),
    ("Incorrect usage/placement of 'NEXT'", 1234, "42000"),
    ("Invalid use of group function", 1111, "HY000"),
    ("SAVEPOINT does not exist: ", 1305, "42000"),
    ("The target table ", 1288, "HY000"),
    ("The used SELECT statements have a different number of columns", 1222, "21000"),
    ("Unknown column '", 1054, "42S22"),
    ("can't execute the given command because you have an active transaction", 1192, "HY000"),
    ("column '", 1054, "42S22"),
    ("incorrect argument type to variable ", 1232, "42000"),
    ("invalid DDL strategy: ", 1231, "42000"),
    ("invalid transaction_mode: ", 1231, "42000"),
    ("invalid workload: ", 1231, "42000"),
    ("syntax error at position ", 1064, "42000"),
    ("table '", 1173, "42000"),
    ("variable '", 1231, "42000"),
];

pub fn client_error(status: &Status) -> SqlError {
    let message = status.message.clone();
    let mut known = VT_CODES.iter().chain(&STATED);
    if let Some((_, errno, state)) = known.find(|(start, ..)| message.starts_with(start)) {
        return SqlError::new(*errno, state, message);
    }
    if let Some((errno, state)) = number_in(&message) {
        return SqlError::new(errno, state, message);
    }
    let (errno, state) = match status.code {
        Code::Canceled | Code::DeadlineExceeded | Code::Aborted => (1317, "70100"),
        Code::PermissionDenied => (1045, "28000"),
        Code::ResourceExhausted => (1203, "42000"),
        Code::Unimplemented => (1235, "42000"),
        Code::Internal => (1815, "HY000"),
        _ => (1105, "HY000"),
    };
    SqlError::new(errno, state, message)
}

/// Whether a reserved connection is gone: MySQL's, or the tablet's end of it.
pub fn was_connection_closed(status: &Status) -> bool {
    match client_error(status).errno {
        2006 | 2013 => true,
        1317 => {
            let ends = ["ended", "not found", "in use: for tx killer rollback"];
            let behind = status.message.split("transaction ").skip(1);
            let mut ids = behind.filter_map(|rest| rest.split_once(": "));
            ids.any(|(_, what)| ends.iter().any(|end| what.starts_with(end)))
        }
        _ => false,
    }
}

/// The first `(errno N) (sqlstate S)`.
pub fn number_in(text: &str) -> Option<(u16, &'static str)> {
    const ERRNO: &str = "(errno ";
    text.match_indices(ERRNO).find_map(|(start, _)| {
        let (number, rest) = text[start + ERRNO.len()..].split_once(") (sqlstate ")?;
        let (state, _) = rest.split_once(')')?;
        Some((number.parse().ok()?, known_state(state)?))
    })
}

/// SQLSTATEs are few; a value of the model holds one for ever.
fn known_state(state: &str) -> Option<&'static str> {
    const STATES: [&str; 24] = [
        "HY000", "23000", "42000", "40001", "42S02", "42S22", "42S01", "42S21", "22001", "22003",
        "22007", "22012", "01000", "70100", "21S01", "21000", "25001", "25006", "08S01", "08004",
        "28000", "3D000", "XAE07", "22032",
    ];
    STATES.into_iter().find(|known| *known == state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_comes_from_the_text_before_the_code() {
        let check = |code, text: &str, errno, state| {
            let error = client_error(&Status::new(code, text));
            assert_eq!((error.errno, error.state), (errno, state), "{text}");
        };
        let dup = "lookup.Create: target: ks.80-.primary: vttablet: (errno 1062) (sqlstate 23000)";
        check(Code::AlreadyExists, dup, 1062, "23000");
        check(Code::Unimplemented, "VT12001: unsupported: x", 1235, "42000");
        check(Code::InvalidArgument, "column 'a' not found in table 't'", 1054, "42S22");
        check(
            Code::InvalidArgument,
            "Incorrect usage/placement of 'SQL_CALC_FOUND_ROWS'",
            1105,
            "HY000",
        );
        check(Code::Aborted, "transaction 7: not found", 1317, "70100");
        check(Code::Unavailable, "no healthy tablet", 1105, "HY000");
    }

    #[test]
    fn a_connection_that_is_gone_is_known_by_number_and_text() {
        let check = |code, text: &str, expected| {
            assert_eq!(was_connection_closed(&Status::new(code, text)), expected, "{text}");
        };
        check(Code::Aborted, "vttablet: transaction 7: ended at 2026-01-01 (exceeded)", true);
        check(Code::Aborted, "vttablet: transaction 7: not found (potential ..)", true);
        check(Code::Aborted, "vttablet: transaction 7: in use: for query", false);
        check(Code::Canceled, "Lost connection (errno 2013) (sqlstate HY000)", true);
        check(Code::Canceled, "interrupted (errno 3024) (sqlstate HY000)", false);
    }
}
