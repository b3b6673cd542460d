//! The functions that vtgate evaluates: name, arguments, whether the same arguments give the same
//! value, and the type of what they give.
//!
//! One table, which says what `go/vt/vtgate/evalengine/translate_builtin.go` accepts. It knows
//! nothing of how a function is evaluated.

use crate::vindex::Kind;

/// A function of vtgate's.
pub struct Function {
    pub name: &'static str,
    pub args_min: usize,
    pub args_max: usize,
    pub result: Outcome,
    pub determinism: Determinism,
}

/// The type of a function's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Always this one.
    Is(Kind),
    /// A text in the connection's collation.
    Text,
    /// A name that the server gives.
    Name,
    /// A text of all arguments.
    Joined,
    /// A text like the first argument.
    LikeFirst,
    /// The same, and of bytes if that is no text.
    Bytewise,
    /// The same; what is no text stays as it is.
    Cased,
    /// The first argument's.
    First,
    /// What all arguments have in common.
    Common,
    /// The type of the first argument if it is a number, else FLOAT64.
    Number,
    /// The same, but whole: INT64 for a decimal.
    WholeNumber,
    /// What the second and later arguments have in common: IF.
    CommonOfResults,
    /// What all have in common, the last one first: IFNULL.
    CommonReversed,
    /// The first argument's, if that is a time.
    Moved,
    /// A time of one argument, a text of several.
    TextOrTime,
    /// That of a remainder.
    Modulo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Determinism {
    /// The same arguments give the same value.
    Pure,
    /// The session, the clock or chance has a say.
    Impure,
}

const MANY: usize = usize::MAX;

const fn pure(name: &'static str, args_min: usize, args_max: usize, result: Outcome) -> Function {
    Function { name, args_min, args_max, result, determinism: Determinism::Pure }
}

const fn impure(name: &'static str, args_min: usize, args_max: usize, result: Outcome) -> Function {
    Function { name, args_min, args_max, result, determinism: Determinism::Impure }
}

const INT: Outcome = Outcome::Is(Kind::Int64);
const FLOAT: Outcome = Outcome::Is(Kind::Float64);
const BYTES: Outcome = Outcome::Is(Kind::Varbinary);
const JSON: Outcome = Outcome::Is(Kind::Json);
const DATE: Outcome = Outcome::Is(Kind::Date);
const DATETIME: Outcome = Outcome::Is(Kind::Datetime);
const TIME: Outcome = Outcome::Is(Kind::Time);

/// Finds a function by its name, whatever the case.
pub fn by_name(name: &str) -> Option<&'static Function> {
    let name = name.to_ascii_lowercase();
    FUNCTIONS.iter().find(|function| function.name == name)
}

#[rustfmt::skip]
static FUNCTIONS: &[Function] = &[
    // Choice and comparison.
    pure("coalesce", 1, MANY, Outcome::Common),
    pure("elt", 2, MANY, Outcome::CommonOfResults),
    pure("field", 2, MANY, INT),
    pure("greatest", 1, MANY, Outcome::Common),
    pure("if", 3, 3, Outcome::CommonOfResults),
    pure("ifnull", 2, 2, Outcome::CommonReversed),
    pure("interval", 2, MANY, INT),
    pure("isnull", 1, 1, INT),
    pure("least", 1, MANY, Outcome::Common),
    pure("nullif", 2, 2, Outcome::First),
    pure("strcmp", 2, 2, INT),
    // Numbers.
    pure("abs", 1, 1, Outcome::Number),
    pure("acos", 1, 1, FLOAT),
    pure("asin", 1, 1, FLOAT),
    pure("atan", 1, 2, FLOAT),
    pure("atan2", 2, 2, FLOAT),
    pure("bin", 1, 1, Outcome::Text),
    pure("bit_count", 1, 1, INT),
    pure("ceil", 1, 1, Outcome::WholeNumber),
    pure("ceiling", 1, 1, Outcome::WholeNumber),
    pure("conv", 3, 3, Outcome::Text),
    pure("cos", 1, 1, FLOAT),
    pure("cot", 1, 1, FLOAT),
    pure("crc32", 1, 1, Outcome::Is(Kind::Uint64)),
    pure("degrees", 1, 1, FLOAT),
    pure("exp", 1, 1, FLOAT),
    pure("floor", 1, 1, Outcome::WholeNumber),
    pure("ln", 1, 1, FLOAT),
    pure("log", 1, 2, FLOAT),
    pure("log10", 1, 1, FLOAT),
    pure("log2", 1, 1, FLOAT),
    pure("mod", 2, 2, Outcome::Modulo),
    pure("oct", 1, 1, Outcome::Text),
    pure("pi", 0, 0, FLOAT),
    pure("pow", 2, 2, FLOAT),
    pure("power", 2, 2, FLOAT),
    pure("radians", 1, 1, FLOAT),
    pure("round", 1, 2, Outcome::Number),
    pure("sign", 1, 1, INT),
    pure("sin", 1, 1, FLOAT),
    pure("sqrt", 1, 1, FLOAT),
    pure("tan", 1, 1, FLOAT),
    pure("truncate", 2, 2, Outcome::Number),
    // Texts.
    pure("ascii", 1, 1, INT),
    pure("bit_length", 1, 1, INT),
    pure("char", 1, MANY, BYTES),
    pure("char_length", 1, 1, INT),
    pure("character_length", 1, 1, INT),
    pure("collation", 1, 1, Outcome::Name),
    pure("concat", 1, MANY, Outcome::Joined),
    pure("concat_ws", 2, MANY, Outcome::Joined),
    pure("from_base64", 1, 1, BYTES),
    pure("hex", 1, 1, Outcome::Text),
    pure("insert", 4, 4, Outcome::LikeFirst),
    pure("instr", 2, 2, INT),
    pure("lcase", 1, 1, Outcome::Cased),
    pure("left", 2, 2, Outcome::LikeFirst),
    pure("length", 1, 1, INT),
    pure("locate", 2, 3, INT),
    pure("lower", 1, 1, Outcome::Cased),
    pure("lpad", 3, 3, Outcome::LikeFirst),
    pure("ltrim", 1, 1, Outcome::LikeFirst),
    pure("mid", 3, 3, Outcome::LikeFirst),
    pure("octet_length", 1, 1, INT),
    pure("ord", 1, 1, INT),
    pure("position", 2, 2, INT),
    pure("regexp_instr", 2, 6, INT),
    pure("regexp_like", 2, 3, INT),
    pure("regexp_replace", 3, 6, Outcome::LikeFirst),
    pure("regexp_substr", 2, 5, Outcome::LikeFirst),
    pure("repeat", 2, 2, Outcome::Bytewise),
    pure("replace", 3, 3, Outcome::LikeFirst),
    pure("reverse", 1, 1, Outcome::Bytewise),
    pure("right", 2, 2, Outcome::LikeFirst),
    pure("rpad", 3, 3, Outcome::LikeFirst),
    pure("rtrim", 1, 1, Outcome::LikeFirst),
    pure("space", 1, 1, Outcome::Text),
    pure("substr", 2, 3, Outcome::LikeFirst),
    pure("substring", 2, 3, Outcome::LikeFirst),
    pure("to_base64", 1, 1, Outcome::Text),
    pure("ucase", 1, 1, Outcome::Cased),
    pure("unhex", 1, 1, BYTES),
    pure("upper", 1, 1, Outcome::Cased),
    pure("weight_string", 1, 1, BYTES),
    // Dates and times.
    impure("curdate", 0, 0, DATE),
    impure("current_date", 0, 0, DATE),
    impure("current_time", 0, 1, TIME),
    impure("current_timestamp", 0, 1, DATETIME),
    impure("curtime", 0, 1, TIME),
    impure("localtime", 0, 1, DATETIME),
    impure("localtimestamp", 0, 1, DATETIME),
    impure("now", 0, 1, DATETIME),
    impure("sysdate", 0, 1, DATETIME),
    impure("utc_date", 0, 0, DATE),
    impure("utc_time", 0, 1, TIME),
    impure("utc_timestamp", 0, 1, DATETIME),
    impure("unix_timestamp", 0, 1, INT),
    pure("adddate", 2, 2, Outcome::Moved),
    pure("date_add", 2, 2, Outcome::Moved),
    pure("date_sub", 2, 2, Outcome::Moved),
    pure("subdate", 2, 2, Outcome::Moved),
    pure("convert_tz", 3, 3, DATETIME),
    pure("date", 1, 1, DATE),
    pure("date_format", 2, 2, Outcome::Text),
    pure("day", 1, 1, INT),
    pure("dayofmonth", 1, 1, INT),
    pure("dayofweek", 1, 1, INT),
    pure("dayofyear", 1, 1, INT),
    pure("from_days", 1, 1, DATE),
    pure("from_unixtime", 1, 2, Outcome::TextOrTime),
    pure("hour", 1, 1, INT),
    pure("last_day", 1, 1, DATE),
    pure("makedate", 2, 2, DATE),
    pure("maketime", 3, 3, TIME),
    pure("microsecond", 1, 1, INT),
    pure("minute", 1, 1, INT),
    pure("month", 1, 1, INT),
    pure("monthname", 1, 1, Outcome::Text),
    pure("period_add", 2, 2, INT),
    pure("period_diff", 2, 2, INT),
    pure("quarter", 1, 1, INT),
    pure("sec_to_time", 1, 1, TIME),
    pure("second", 1, 1, INT),
    pure("time", 1, 1, TIME),
    pure("time_to_sec", 1, 1, INT),
    pure("to_days", 1, 1, INT),
    pure("to_seconds", 1, 1, INT),
    pure("week", 1, 2, INT),
    pure("weekday", 1, 1, INT),
    pure("weekofyear", 1, 1, INT),
    pure("year", 1, 1, INT),
    pure("yearweek", 1, 2, INT),
    // JSON.
    pure("json_array", 0, MANY, JSON),
    pure("json_contains_path", 3, MANY, INT),
    pure("json_depth", 1, 1, INT),
    pure("json_extract", 2, MANY, JSON),
    pure("json_keys", 1, 2, JSON),
    pure("json_length", 1, 2, INT),
    pure("json_object", 0, MANY, JSON),
    pure("json_remove", 2, MANY, JSON),
    pure("json_unquote", 1, 1, Outcome::Is(Kind::Blob)),
    // Addresses, digests, identifiers.
    pure("bin_to_uuid", 1, 2, Outcome::Text),
    pure("inet6_aton", 1, 1, BYTES),
    pure("inet6_ntoa", 1, 1, Outcome::Text),
    pure("inet_aton", 1, 1, Outcome::Is(Kind::Uint64)),
    pure("inet_ntoa", 1, 1, Outcome::Text),
    pure("is_ipv4", 1, 1, INT),
    pure("is_ipv4_compat", 1, 1, INT),
    pure("is_ipv4_mapped", 1, 1, INT),
    pure("is_ipv6", 1, 1, INT),
    pure("is_uuid", 1, 1, INT),
    pure("md5", 1, 1, Outcome::Text),
    pure("sha", 1, 1, Outcome::Text),
    pure("sha1", 1, 1, Outcome::Text),
    pure("sha2", 2, 2, Outcome::Text),
    pure("uuid_to_bin", 1, 2, BYTES),
    impure("random_bytes", 1, 1, BYTES),
    impure("uuid", 0, 0, Outcome::Name),
    // The session.
    impure("current_user", 0, 0, Outcome::Name),
    impure("database", 0, 0, Outcome::Name),
    impure("last_insert_id", 1, 1, Outcome::Is(Kind::Uint64)),
    impure("schema", 0, 0, Outcome::Name),
    impure("session_user", 0, 0, Outcome::Name),
    impure("system_user", 0, 0, Outcome::Name),
    impure("user", 0, 0, Outcome::Name),
    impure("version", 0, 0, Outcome::Name),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_stands_once() {
        for (at, function) in FUNCTIONS.iter().enumerate() {
            let again = FUNCTIONS.iter().skip(at + 1).find(|other| other.name == function.name);
            assert!(again.is_none(), "{} twice", function.name);
            assert!(function.args_min <= function.args_max, "{}", function.name);
        }
        assert!(by_name("CONCAT").is_some());
        assert!(by_name("foo").is_none());
    }
}
