//! SHOW and DESCRIBE of what MySQL has: any shard of a keyspace answers, or vtgate where it knows.
//!
//! See `planbuilder/show.go`. It knows nothing of answers beyond the few that vtgate makes.

use sim::sql::ast::{
    CompareOp, Expr, Ident, Literal, Query, Show, ShowFilter, ShowKind, Statement, TableName,
    VariableScope,
};

use super::primitive::{Keyspace, Primitive, Rows, Send};
use super::statement::show::Filter;
use super::utility::resolve::{self, is_like, send, text_rows, to_one_shard};
use super::utility::{Utility, databases};
use super::{Context, PlanError, normalize};
use crate::key::Code;
use sim::value::Value;

const SYSTEM_SCHEMAS: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

pub fn show(show: &Show, context: &Context<'_>) -> Result<Primitive, PlanError> {
    match &show.kind {
        ShowKind::Tables { database } => tables(show, database.as_ref(), context),
        ShowKind::TableStatus { database } | ShowKind::Triggers { database } => {
            let (of, show) = of_database(show, database.as_ref(), context)?;
            Ok(at_any_shard(of, show))
        }
        ShowKind::Columns { table } | ShowKind::Index { table } | ShowKind::CreateTable(table) => {
            of_table(show, table, context)
        }
        ShowKind::CreateView(name) => {
            let mut show = show.clone();
            show.kind = ShowKind::CreateView(without_keyspace(name));
            Ok(at_any_shard(database_or_system(name.qualifier.as_ref(), context)?, show))
        }
        ShowKind::CreateDatabase(name) => {
            Ok(at_any_shard(database_or_system(Some(name), context)?, show.clone()))
        }
        ShowKind::Variables { scope } => {
            let kind = ShowKind::Variables { scope: as_printed(*scope) };
            let input = at_any_shard(anywhere(context)?, Show { kind, ..show.clone() });
            Ok(Primitive::Utility(Utility::ReplaceVariables(Box::new(input))))
        }
        ShowKind::Status { scope } => {
            let kind = ShowKind::Status { scope: as_printed(*scope) };
            Ok(at_any_shard(anywhere(context)?, Show { kind, ..show.clone() }))
        }
        ShowKind::Collation | ShowKind::ProcessList => {
            Ok(at_any_shard(anywhere(context)?, show.clone()))
        }
        ShowKind::Other(words) => other(show, words, context),
        ShowKind::Databases => {
            let like = match &show.filter {
                Some(ShowFilter::Like(pattern)) => Some(Filter::Like(pattern.clone())),
                _ => None,
            };
            Ok(databases(&like, &SYSTEM_SCHEMAS, context))
        }
        ShowKind::Warnings => Ok(Primitive::Utility(Utility::ShowWarnings)),
        ShowKind::CharacterSet => character_sets(show.filter.as_ref()),
        ShowKind::Plugins => Ok(plugins()),
        ShowKind::Engines => Ok(engines()),
    }
}

/// The same on a given destination.
pub fn show_on(
    show: &Show,
    context: &Context<'_>,
    destination: String,
) -> Result<Primitive, PlanError> {
    let keyspace = super::current_keyspace(context)?;
    Ok(to_one_shard(keyspace, destination, Statement::Show(show.clone())))
}

/// The plan, and the table that it is about.
pub fn describe(
    statement: &Statement,
    context: &Context<'_>,
) -> Result<(Option<Primitive>, Vec<String>), PlanError> {
    let Statement::Describe { table, column } = statement else {
        return Err(PlanError::unsupported(statement));
    };
    let (keyspace, table) = table_or_system(table, context)?;
    let used = vec![resolve::used(&keyspace, table.name.as_str())];
    let statement = Statement::Describe { table, column: column.clone() };
    Ok((Some(to_one_shard(keyspace, "AnyShard()".to_owned(), statement)), used))
}

/// The session's scope is the one that Vitess doesn't write.
fn as_printed(scope: Option<VariableScope>) -> Option<VariableScope> {
    scope.filter(|scope| *scope != VariableScope::Session)
}

fn at_any_shard(keyspace: Keyspace, show: Show) -> Primitive {
    to_one_shard(keyspace, "AnyShard()".to_owned(), Statement::Show(show))
}

/// Where any server will do. A server of a keyspace that the session is in knows its own tables.
fn anywhere(context: &Context<'_>) -> Result<Keyspace, PlanError> {
    resolve::any_keyspace(context)
}

fn without_keyspace(name: &TableName) -> TableName {
    let system =
        name.qualifier.as_ref().map(Ident::as_str).filter(|name| normalize::is_system_schema(name));
    TableName { qualifier: system.map(Ident::new), name: name.name.clone() }
}

/// The keyspace that a database is; a system schema is any server's.
fn database_or_system(
    database: Option<&Ident>,
    context: &Context<'_>,
) -> Result<Keyspace, PlanError> {
    match database {
        Some(name) if normalize::is_system_schema(name.as_str()) => anywhere(context),
        other => Ok(resolve::place(other, context)?.keyspace),
    }
}

/// The statement without the name of its keyspace.
fn of_database(
    show: &Show,
    database: Option<&Ident>,
    context: &Context<'_>,
) -> Result<(Keyspace, Show), PlanError> {
    let of = database_or_system(database, context)?;
    let mut show = show.clone();
    if let ShowKind::Tables { database }
    | ShowKind::TableStatus { database }
    | ShowKind::Triggers { database } = &mut show.kind
    {
        database.take_if(|name| !normalize::is_system_schema(name.as_str()));
    }
    Ok((of, show))
}

fn tables(
    show: &Show,
    database: Option<&Ident>,
    context: &Context<'_>,
) -> Result<Primitive, PlanError> {
    let (of, show) = of_database(show, database, context)?;
    let name = database.map_or(&*of.name, Ident::as_str);
    let rename = vec![(0, format!("{}{name}", context.tables_header).into())];
    let send = send(of, "AnyShard()".to_owned(), Statement::Show(show));
    Ok(Primitive::Send(Send { single_shard_only: true, rename, ..send }))
}

fn of_table(show: &Show, table: &TableName, context: &Context<'_>) -> Result<Primitive, PlanError> {
    let (keyspace, real) = table_or_system(table, context)?;
    let mut show = show.clone();
    if let ShowKind::Columns { table } | ShowKind::Index { table } | ShowKind::CreateTable(table) =
        &mut show.kind
    {
        *table = real;
    }
    Ok(at_any_shard(keyspace, show))
}

/// A table's keyspace and its real name; those of a system schema are any server's.
fn table_or_system(
    name: &TableName,
    context: &Context<'_>,
) -> Result<(Keyspace, TableName), PlanError> {
    if name.qualifier.as_ref().map(Ident::as_str).is_some_and(normalize::is_system_schema) {
        return Ok((anywhere(context)?, name.clone()));
    }
    let (table, place) = resolve::known_table(name, context)?;
    let real = TableName { qualifier: None, name: table.name.as_str().into() };
    Ok((place.keyspace, real))
}

/// What our parser has no tree for goes by its first words.
fn other(show: &Show, words: &str, context: &Context<'_>) -> Result<Primitive, PlanError> {
    let lower = words.to_ascii_lowercase();
    let first: Vec<&str> = lower.split_whitespace().take(2).collect();
    match first[..] {
        ["create", "procedure" | "function" | "event" | "trigger"] => {
            let name = words.split_whitespace().nth(2).unwrap_or("").replace('`', "");
            let (qualifier, name) = match name.split_once('.') {
                Some((qualifier, name)) => (Some(Ident::new(qualifier)), name.to_owned()),
                None => (None, name),
            };
            let of = database_or_system(qualifier.as_ref(), context)?;
            let name = without_keyspace(&TableName { qualifier, name: name.as_str().into() });
            let words = format!("create {} {name}", first[1]);
            Ok(at_any_shard(of, Show { kind: ShowKind::Other(words), ..show.clone() }))
        }
        ["storage", "engines"] => Ok(engines()),
        ["open", "tables"] => open_tables(show, words, context),
        ["function" | "procedure", "status"] => {
            let kind = ShowKind::Other(with_filter(words));
            Ok(at_any_shard(anywhere(context)?, Show { kind, ..show.clone() }))
        }
        _ => Ok(at_any_shard(anywhere(context)?, show.clone())),
    }
}

/// The words with the filter behind them as Vitess prints it.
fn with_filter(words: &str) -> String {
    let lower = words.to_ascii_lowercase();
    let Some(at) = lower.find(" where ") else { return words.to_owned() };
    let (head, filter) = words.split_at(at);
    let text = format!("select 1 from dual{filter}");
    match sim::sql::parse(&text) {
        Ok(Statement::Query(Query::Select(select))) => match &select.filter {
            Some(filter) => format!("{} where {filter}", head.to_ascii_lowercase()),
            None => words.to_owned(),
        },
        _ => words.to_owned(),
    }
}

/// `open tables [from ks] ..`.
fn open_tables(show: &Show, words: &str, context: &Context<'_>) -> Result<Primitive, PlanError> {
    let mut rest: Vec<&str> = words.split_whitespace().skip(2).collect();
    let mut database = None;
    if rest
        .first()
        .is_some_and(|word| word.eq_ignore_ascii_case("from") || word.eq_ignore_ascii_case("in"))
        && 1 < rest.len()
    {
        let name = Ident::new(&rest[1].replace('`', ""));
        let is_system = normalize::is_system_schema(name.as_str());
        rest.drain(..if is_system { 0 } else { 2 });
        database = Some(name);
    }
    let of = database_or_system(database.as_ref(), context)?;
    let text = with_filter(format!("open tables {}", rest.join(" ")).trim_end());
    Ok(at_any_shard(of, Show { kind: ShowKind::Other(text), ..show.clone() }))
}

// ---------------------------------------------------------------- what vtgate knows

fn plugins() -> Primitive {
    let row = ["InnoDB", "ACTIVE", "STORAGE ENGINE", "NULL", "GPL"].map(str::to_owned).to_vec();
    text_rows(&["Name", "Status", "Type", "Library", "License"], vec![row])
}

fn engines() -> Primitive {
    let comment = "Supports transactions, row-level locking, and foreign keys";
    let row = ["InnoDB", "DEFAULT", comment, "YES", "YES", "YES"].map(str::to_owned).to_vec();
    let names = ["Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"];
    text_rows(&names, vec![row])
}

/// Name, description, default collation and bytes a character, of those that vtgate has.
#[rustfmt::skip]
const CHARACTER_SETS: [(&str, &str, &str, i64); 37] = [
    ("armscii8", "ARMSCII-8 Armenian", "armscii8_general_ci", 1),
    ("ascii", "US ASCII", "ascii_general_ci", 1),
    ("binary", "Binary pseudo charset", "binary", 1),
    ("cp1250", "Windows Central European", "cp1250_general_ci", 1),
    ("cp1251", "Windows Cyrillic", "cp1251_general_ci", 1),
    ("cp1256", "Windows Arabic", "cp1256_general_ci", 1),
    ("cp1257", "Windows Baltic", "cp1257_general_ci", 1),
    ("cp850", "DOS West European", "cp850_general_ci", 1),
    ("cp852", "DOS Central European", "cp852_general_ci", 1),
    ("cp866", "DOS Russian", "cp866_general_ci", 1),
    ("cp932", "SJIS for Windows Japanese", "cp932_japanese_ci", 2),
    ("dec8", "DEC West European", "dec8_swedish_ci", 1),
    ("eucjpms", "UJIS for Windows Japanese", "eucjpms_japanese_ci", 3),
    ("euckr", "EUC-KR Korean", "euckr_korean_ci", 2),
    ("gb2312", "GB2312 Simplified Chinese", "gb2312_chinese_ci", 2),
    ("geostd8", "GEOSTD8 Georgian", "geostd8_general_ci", 1),
    ("greek", "ISO 8859-7 Greek", "greek_general_ci", 1),
    ("hebrew", "ISO 8859-8 Hebrew", "hebrew_general_ci", 1),
    ("hp8", "HP West European", "hp8_english_ci", 1),
    ("keybcs2", "DOS Kamenicky Czech-Slovak", "keybcs2_general_ci", 1),
    ("koi8r", "KOI8-R Relcom Russian", "koi8r_general_ci", 1),
    ("koi8u", "KOI8-U Ukrainian", "koi8u_general_ci", 1),
    ("latin1", "cp1252 West European", "latin1_swedish_ci", 1),
    ("latin2", "ISO 8859-2 Central European", "latin2_general_ci", 1),
    ("latin5", "ISO 8859-9 Turkish", "latin5_turkish_ci", 1),
    ("latin7", "ISO 8859-13 Baltic", "latin7_general_ci", 1),
    ("macce", "Mac Central European", "macce_general_ci", 1),
    ("macroman", "Mac West European", "macroman_general_ci", 1),
    ("sjis", "Shift-JIS Japanese", "sjis_japanese_ci", 2),
    ("swe7", "7bit Swedish", "swe7_swedish_ci", 1),
    ("ucs2", "UCS-2 Unicode", "ucs2_general_ci", 2),
    ("ujis", "EUC-JP Japanese", "ujis_japanese_ci", 3),
    ("utf16", "UTF-16 Unicode", "utf16_general_ci", 4),
    ("utf16le", "UTF-16LE Unicode", "utf16le_general_ci", 4),
    ("utf32", "UTF-32 Unicode", "utf32_general_ci", 4),
    ("utf8mb3", "UTF-8 Unicode", "utf8mb3_general_ci", 3),
    ("utf8mb4", "UTF-8 Unicode", "utf8mb4_0900_ai_ci", 4),
];

fn character_sets(filter: Option<&ShowFilter>) -> Result<Primitive, PlanError> {
    let mut rows = Vec::new();
    for (name, description, collation, bytes) in CHARACTER_SETS {
        if is_shown(name, filter)? {
            rows.push(vec![
                Value::text(name),
                Value::text(description),
                Value::text(collation),
                Value::Int(bytes),
            ]);
        }
    }
    let fields = [
        ("Charset", "VARCHAR"),
        ("Description", "VARCHAR"),
        ("Default collation", "VARCHAR"),
        ("Maxlen", "UINT32"),
    ];
    let fields = fields.iter().map(|(name, ty)| ((*name).into(), (*ty).into())).collect();
    Ok(Primitive::Rows(Rows { fields, rows }))
}

fn is_shown(name: &str, filter: Option<&ShowFilter>) -> Result<bool, PlanError> {
    let filter = match filter {
        None => return Ok(true),
        Some(ShowFilter::Like(pattern)) => return Ok(is_like(name, pattern)),
        Some(ShowFilter::Where(filter)) => filter,
    };
    let Expr::Compare { op, left, right, .. } = filter else {
        return Err(PlanError::unsupported("expect a 'LIKE' or '=' expression"));
    };
    let Expr::Column(column) = &**left else {
        return Err(PlanError::unsupported("expect left side to be 'charset'"));
    };
    if !column.name.is("charset") {
        return Ok(false);
    }
    let Expr::Literal(Literal::String(text)) = &**right else {
        return Err(PlanError::unsupported("we expect the right side to be a string"));
    };
    match op {
        CompareOp::Equal => Ok(name == &**text),
        CompareOp::Like => Ok(is_like(name, text)),
        _ => Err(PlanError::new(Code::Unimplemented, "expect a 'LIKE' or '=' expression")),
    }
}
