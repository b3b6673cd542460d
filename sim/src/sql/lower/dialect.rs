//! sqlparser's MySQL dialect with MySQL's precedence.
//!
//! MySQL binds, weakest first: `:=`; OR; XOR; AND; NOT; comparison and IS; IN, LIKE, BETWEEN;
//! `|`; `&`; shifts; `+ -`; `* / div % mod`; `^`; unary `- ~`; `!`; BINARY and COLLATE.

use std::any::TypeId;
use std::cell::Cell;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, UnaryOperator,
};
use sqlparser::dialect::{Dialect as Base, MySqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, Word};

use super::lowered::Lowered;

/// No name in a text begins with it: it marks what the scan and the dialect invent.
pub const MARK: char = '\u{1}';

const ASSIGN: u8 = 5;
const OR: u8 = 10;
const XOR: u8 = 12;
const AND: u8 = 14;
const NOT: u8 = 16;
const COMPARE: u8 = 20;
const PREDICATE: u8 = 21;
const BIT_OR: u8 = 22;
const BIT_AND: u8 = 24;
const SHIFT: u8 = 26;
const ADD: u8 = 28;
const MULTIPLY: u8 = 30;
const BIT_XOR: u8 = 32;
const SIGN: u8 = 34;
const BANG: u8 = 36;
const BINARY: u8 = 38;
const ARROW: u8 = 40;

#[derive(Debug)]
pub struct Dialect {
    base: MySqlDialect,
    /// The last token that an expression or an alias was looked for at. sqlparser tries one
    /// reading after the other and complains about the last; where it got furthest is where a
    /// text stops being SQL.
    furthest: Cell<Location>,
}

impl Default for Dialect {
    fn default() -> Dialect {
        Dialect { base: MySqlDialect {}, furthest: Cell::new(Location::empty()) }
    }
}

impl Dialect {
    pub fn furthest(&self) -> Location {
        self.furthest.get()
    }

    fn note(&self, location: Location) {
        self.furthest.set(self.furthest.get().max(location));
    }
}

type Result_ = Option<Result<Expr, ParserError>>;

impl Base for Dialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<MySqlDialect>()
    }

    fn is_identifier_start(&self, c: char) -> bool {
        self.base.is_identifier_start(c)
    }

    fn is_identifier_part(&self, c: char) -> bool {
        self.base.is_identifier_part(c)
    }

    fn is_delimited_identifier_start(&self, c: char) -> bool {
        c == '`'
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn supports_string_literal_concatenation(&self) -> bool {
        true
    }

    fn supports_numeric_prefix(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_multiline_comment_hints(&self) -> bool {
        true
    }

    fn supports_limit_comma(&self) -> bool {
        true
    }

    /// `select 1 on duplicate key update ..`: no alias without AS.
    fn is_select_item_alias(&self, explicit: bool, keyword: &Keyword, parser: &mut Parser) -> bool {
        self.base.is_select_item_alias(explicit, keyword, parser)
            && (explicit || *keyword != Keyword::ON)
    }

    fn is_table_factor_alias(
        &self,
        explicit: bool,
        keyword: &Keyword,
        parser: &mut Parser,
    ) -> bool {
        self.note(parser.get_current_token().span.start);
        // `t use vindex (..)` and `t partition (..)` are no aliases; `lock` opens a clause.
        let clause = matches!(keyword, Keyword::LOCK | Keyword::PARTITION | Keyword::INTO);
        self.base.is_table_factor_alias(explicit, keyword, parser) && (explicit || !clause)
    }

    fn supports_table_hints(&self) -> bool {
        true
    }

    fn requires_single_line_comment_whitespace(&self) -> bool {
        true
    }

    fn supports_match_against(&self) -> bool {
        true
    }

    fn supports_select_modifiers(&self) -> bool {
        true
    }

    fn supports_cross_join_constraint(&self) -> bool {
        true
    }

    fn supports_double_ampersand_operator(&self) -> bool {
        true
    }

    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }

    // The right side of an inner join is one table, as in MySQL's grammar.
    fn supports_left_associative_joins_without_parens(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        match precedence {
            Precedence::Period => 100,
            Precedence::DoubleColon => 50,
            Precedence::AtTz => 41,
            Precedence::MulDivModOp => MULTIPLY,
            Precedence::PlusMinus => ADD,
            Precedence::Xor => XOR,
            Precedence::Ampersand => BIT_AND,
            Precedence::Caret => BIT_XOR,
            Precedence::Pipe | Precedence::Colon | Precedence::PgOther => BIT_OR,
            Precedence::Between | Precedence::Like => PREDICATE,
            Precedence::Eq | Precedence::Is => COMPARE,
            Precedence::UnaryNot => NOT,
            Precedence::And => AND,
            Precedence::Or => OR,
        }
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        self.note(parser.peek_token_ref().span.start);
        let precedence = match &parser.peek_token_ref().token {
            Token::ShiftLeft | Token::ShiftRight => SHIFT,
            Token::StringConcat => OR,
            Token::Overlap => AND,
            Token::Assignment => ASSIGN,
            Token::Arrow | Token::LongArrow => ARROW,
            // Neither an operator of MySQL's nor the end of an expression.
            Token::ExclamationMark | Token::Tilde | Token::LBracket | Token::Colon => 0,
            Token::Word(word) if is_unquoted(word, "mod") => MULTIPLY,
            Token::Word(word) if is_unquoted(word, "overlaps") => 0,
            Token::Word(word) if is_unquoted(word, "operator") => 0,
            Token::Word(word) if is_unquoted(word, "match") => 0,
            Token::Word(word) if is_unquoted(word, "at") => 0,
            _ => return None,
        };
        Some(Ok(precedence))
    }

    fn parse_infix(&self, parser: &mut Parser, left: &Expr, precedence: u8) -> Result_ {
        if let Some(regexp) = regexp(parser, left) {
            return Some(regexp);
        }
        // From right to left, unlike any other operator.
        if parser.consume_token(&Token::Assignment) {
            return Some(parser.parse_subexpr(ASSIGN - 1).map(|right| Expr::BinaryOp {
                left: Box::new(left.clone()),
                op: BinaryOperator::Assignment,
                right: Box::new(right),
            }));
        }
        let operator = match &parser.peek_token_ref().token {
            Token::Overlap => "and",
            Token::StringConcat => "or",
            Token::Word(word) if word.keyword == Keyword::AND => "and",
            Token::Word(word) if word.keyword == Keyword::OR => "or",
            Token::Word(word) if word.keyword == Keyword::DIV => "div",
            Token::Word(word) if is_unquoted(word, "mod") => "mod",
            _ => return None,
        };
        if matches!(operator, "and" | "or") {
            return Some(chain(parser, left.clone(), operator, precedence));
        }
        parser.advance_token();
        let op = if operator == "mod" {
            BinaryOperator::Modulo
        } else {
            BinaryOperator::MyIntegerDivide
        };
        Some(parser.parse_subexpr(precedence).map(|right| Expr::BinaryOp {
            left: Box::new(left.clone()),
            op,
            right: Box::new(right),
        }))
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Result_ {
        self.note(parser.peek_token_ref().span.start);
        let sign = match &parser.peek_token_ref().token {
            Token::Minus => Some((UnaryOperator::Minus, SIGN)),
            Token::Plus => Some((UnaryOperator::Plus, SIGN)),
            Token::Tilde => Some((UnaryOperator::BitwiseNot, SIGN)),
            Token::ExclamationMark => Some((UnaryOperator::BangNot, BANG)),
            _ => None,
        };
        if let Some((op, precedence)) = sign {
            parser.advance_token();
            let operand = parser.parse_subexpr(precedence);
            return Some(operand.map(|expr| Expr::UnaryOp { op, expr: Box::new(expr) }));
        }
        match &parser.peek_token_ref().token {
            Token::Word(word) if is_plain_name(word) => {
                if let Some(column) = self.column(parser) {
                    return Some(column);
                }
            }
            Token::Word(_) => {}
            token => {
                let is_whole = is_value(token) && ends_value(&parser.peek_nth_token_ref(1).token);
                return is_whole.then(|| parser.parse_value().map(Expr::Value));
            }
        }
        let Token::Word(word) = &parser.peek_token_ref().token else { return None };
        let word = word.clone();
        self.word(parser, &word)
    }
}

/// A word that can be nothing but a name, unless it is called.
fn is_plain_name(word: &Word) -> bool {
    word.quote_style.is_none()
        && word.keyword == Keyword::NoKeyword
        && !word.value.starts_with('_')
        && !is_reserved(Lowered::of(&word.value).as_str())
}

/// What stands for a value by itself.
fn is_value(token: &Token) -> bool {
    matches!(token, Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_))
}

/// A token before which a value is over: no second part of a text, no COLLATE.
fn ends_value(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            matches!(word.keyword, Keyword::AND | Keyword::OR | Keyword::FROM | Keyword::AS)
                || matches!(word.keyword, Keyword::ORDER | Keyword::GROUP | Keyword::LIMIT)
        }
        Token::Comma
        | Token::RParen
        | Token::SemiColon
        | Token::EOF
        | Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::LtEq
        | Token::Gt
        | Token::GtEq => true,
        _ => false,
    }
}

impl Dialect {
    /// `a` or `a.b` at once, which sqlparser reads as an expression of its own behind each period.
    /// None where something follows that makes it another thing.
    fn column(&self, parser: &mut Parser) -> Result_ {
        let ends = |token: &Token| {
            !matches!(
                token,
                Token::Period
                    | Token::LParen
                    | Token::LBracket
                    | Token::SingleQuotedString(_)
                    | Token::SingleQuotedByteStringLiteral(_)
                    | Token::HexStringLiteral(_)
                    | Token::Number(..)
            )
        };
        let next = &parser.peek_nth_token_ref(1).token;
        if *next != Token::Period {
            return ends(next).then(|| parser.parse_identifier().map(Expr::Identifier));
        }
        let second = parser.peek_nth_token_ref(2);
        let Token::Word(word) = &second.token else { return None };
        if !is_plain_name(word) || !ends(&parser.peek_nth_token_ref(3).token) {
            return None;
        }
        self.note(second.span.start);
        Some((|| {
            let table = parser.parse_identifier()?;
            parser.advance_token();
            Ok(Expr::CompoundIdentifier(vec![table, parser.parse_identifier()?]))
        })())
    }

    /// A name, or what begins with a word and sqlparser reads in another way than MySQL.
    fn word(&self, parser: &mut Parser, word: &Word) -> Result_ {
        let next = parser.peek_nth_token_ref(1).token.clone();
        if word.quote_style.is_some() {
            return match next {
                Token::LParen => None,
                _ => Some(parser.parse_identifier().map(Expr::Identifier)),
            };
        }
        let lower = word.value.to_ascii_lowercase();
        let is_text = matches!(next, Token::SingleQuotedString(_));
        Some(match (lower.as_str(), next) {
            ("null" | "true" | "false" | "case" | "not" | "exists" | "match", _) => return None,
            (
                "current_timestamp" | "current_time" | "current_date" | "localtime"
                | "localtimestamp",
                _,
            ) => {
                return None;
            }
            ("binary", _) if !ends_operand(&parser.peek_nth_token_ref(1).token) => {
                parser.advance_token();
                parser.parse_subexpr(BINARY).map(|expr| call("binary", vec![expr]))
            }
            ("interval", _) => interval(parser),
            ("date" | "time" | "timestamp", _) if is_text => {
                parser.advance_token();
                parser.parse_value().map(|value| call(&lower, vec![Expr::Value(value)]))
            }
            ("cast", Token::LParen) => cast(parser),
            ("convert", Token::LParen) => convert(parser),
            ("extract", Token::LParen) => extract(parser),
            ("position", Token::LParen) => position(parser),
            ("substring" | "substr" | "mid", Token::LParen) => return self.substring(parser),
            ("group_concat", Token::LParen) => group_concat(parser),
            ("trim", Token::LParen) => return None,
            // These have a syntax in other databases; here they are functions.
            (_, Token::LParen) => match parser.parse_identifier() {
                Ok(name) => parser.parse_function(ObjectName::from(vec![name])),
                Err(error) => Err(error),
            },
            (name, Token::SingleQuotedString(_) | Token::HexStringLiteral(_))
                if name.starts_with('_') =>
            {
                return None;
            }
            (name, Token::Number(number, _))
                if name.starts_with('_') && number.starts_with("0x") =>
            {
                introduced(parser, word)
            }
            (name, Token::SingleQuotedByteStringLiteral(_)) if name.starts_with('_') => {
                introduced(parser, word)
            }
            _ if is_reserved(&lower) => {
                return Some(parser.expected("an expression", parser.peek_token()));
            }
            _ => parser.parse_identifier().map(Expr::Identifier),
        })
    }

    /// `substr(a from 1 for 2)` as well as with commas.
    fn substring(&self, parser: &mut Parser) -> Result_ {
        parser.advance_token();
        Some((|| {
            parser.expect_token(&Token::LParen)?;
            let mut args = vec![parser.parse_expr()?];
            if parser.parse_keyword(Keyword::FROM) {
                args.push(parser.parse_expr()?);
                if parser.parse_keyword(Keyword::FOR) {
                    args.push(parser.parse_expr()?);
                }
            } else {
                while parser.consume_token(&Token::Comma) {
                    args.push(parser.parse_expr()?);
                }
            }
            parser.expect_token(&Token::RParen)?;
            Ok(call("substr", args))
        })())
    }
}

/// A chain of AND or OR, one flat call.
fn chain(
    parser: &mut Parser,
    first: Expr,
    operator: &str,
    precedence: u8,
) -> Result<Expr, ParserError> {
    let mut terms = vec![first];
    loop {
        let continues = match (&parser.peek_token_ref().token, operator) {
            (Token::Overlap, "and") | (Token::StringConcat, "or") => true,
            (Token::Word(word), "and") => word.keyword == Keyword::AND,
            (Token::Word(word), _) => word.keyword == Keyword::OR,
            _ => false,
        };
        if !continues {
            return Ok(call(operator, terms));
        }
        parser.advance_token();
        terms.push(parser.parse_subexpr(precedence)?);
    }
}

/// `a [not] regexp b`. sqlparser takes a NULL behind the word for a part of it.
fn regexp(parser: &mut Parser, left: &Expr) -> Option<Result<Expr, ParserError>> {
    let is_regexp = |ahead: usize| match &parser.peek_nth_token_ref(ahead).token {
        Token::Word(word) => matches!(word.keyword, Keyword::REGEXP | Keyword::RLIKE),
        _ => false,
    };
    let negated = matches!(&parser.peek_token_ref().token,
        Token::Word(word) if word.keyword == Keyword::NOT);
    if !is_regexp(usize::from(negated)) {
        return None;
    }
    (0..=usize::from(negated)).for_each(|_| parser.advance_token());
    let pattern = parser.parse_subexpr(PREDICATE);
    Some(pattern.map(|pattern| Expr::RLike {
        negated,
        expr: Box::new(left.clone()),
        pattern: Box::new(pattern),
        regexp: true,
    }))
}

/// `interval 1 day`; `interval(1, 2)` is a function. Nothing is tried twice: the time for
/// intervals within intervals would double with each.
fn interval(parser: &mut Parser) -> Result<Expr, ParserError> {
    let name = parser.parse_identifier()?;
    let value = parser.parse_expr()?;
    match (&parser.peek_token_ref().token, value) {
        (Token::Word(word), value) if is_unit(&word.value) => {
            let unit = parser.parse_identifier()?;
            Ok(call("interval", vec![value, Expr::Identifier(unit)]))
        }
        (_, Expr::Tuple(args)) => Ok(plain_call(name, args)),
        _ => parser.expected("a unit", parser.peek_token()),
    }
}

fn is_unit(word: &str) -> bool {
    const UNITS: &[&str] = &[
        "year",
        "quarter",
        "month",
        "week",
        "day",
        "hour",
        "minute",
        "second",
        "microsecond",
        "year_month",
        "day_hour",
        "day_minute",
        "day_second",
        "day_microsecond",
        "hour_minute",
        "hour_second",
        "hour_microsecond",
        "minute_second",
        "minute_microsecond",
        "second_microsecond",
    ];
    UNITS.contains(&word.to_ascii_lowercase().as_str())
}

fn cast(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let mut args = vec![parser.parse_expr()?];
    parser.expect_keyword(Keyword::AS)?;
    cast_type(parser, &mut args)?;
    parser.expect_token(&Token::RParen)?;
    Ok(call("cast", args))
}

fn convert(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let mut args = vec![parser.parse_expr()?];
    if parser.parse_keyword(Keyword::USING) {
        args.push(Expr::Identifier(parser.parse_identifier()?));
        parser.expect_token(&Token::RParen)?;
        return Ok(call("using", args));
    }
    parser.expect_token(&Token::Comma)?;
    cast_type(parser, &mut args)?;
    parser.expect_token(&Token::RParen)?;
    Ok(call("convert", args))
}

/// Appends name, length, scale, character set and ARRAY, each a text, empty where absent.
fn cast_type(parser: &mut Parser, args: &mut Vec<Expr>) -> Result<(), ParserError> {
    let mut name = parser.parse_identifier()?.value;
    let mut length = String::new();
    let mut scale = String::new();
    let lower = name.to_ascii_lowercase();
    if lower == "signed" || lower == "unsigned" {
        // INTEGER says nothing more.
        if !parser.parse_keyword(Keyword::INTEGER) {
            let _ = parser.parse_keyword(Keyword::INT);
        }
    }
    if lower == "double" && parser.parse_keyword(Keyword::PRECISION) {
        name.push_str(" precision");
    }
    if parser.consume_token(&Token::LParen) {
        length = parser.parse_literal_uint()?.to_string();
        if parser.consume_token(&Token::Comma) {
            scale = parser.parse_literal_uint()?.to_string();
        }
        parser.expect_token(&Token::RParen)?;
    }
    let charset = if parser.parse_keywords(&[Keyword::CHARACTER, Keyword::SET])
        || parser.parse_keyword(Keyword::CHARSET)
    {
        parser.parse_identifier()?.value
    } else {
        String::new()
    };
    let array = if parser.parse_keyword(Keyword::ARRAY) { "array" } else { "" };
    let texts = [name, length, scale, charset, array.to_owned()];
    args.extend(texts.into_iter().map(|text| Expr::Identifier(Ident::new(text))));
    Ok(())
}

fn extract(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let unit = parser.parse_identifier()?;
    parser.expect_keyword(Keyword::FROM)?;
    let expr = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    Ok(call("extract", vec![Expr::Identifier(unit), expr]))
}

/// `position(a in b)` is `locate(a, b)`.
fn position(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let what = parser.parse_subexpr(PREDICATE)?;
    parser.expect_keyword(Keyword::IN)?;
    let text = parser.parse_expr()?;
    parser.expect_token(&Token::RParen)?;
    Ok(call("locate", vec![what, text]))
}

/// Arguments, then marked calls: `distinct`, `order by`, `separator`, `limit`.
fn group_concat(parser: &mut Parser) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let mut clauses = Vec::new();
    if parser.parse_keyword(Keyword::DISTINCT) {
        clauses.push(call("distinct", vec![]));
    }
    let mut args = parser.parse_comma_separated(Parser::parse_expr)?;
    if parser.parse_keywords(&[Keyword::ORDER, Keyword::BY]) {
        loop {
            let item = parser.parse_expr()?;
            let descending = parser.parse_keyword(Keyword::DESC);
            if !descending {
                let _ = parser.parse_keyword(Keyword::ASC);
            }
            clauses.push(call(if descending { "desc" } else { "asc" }, vec![item]));
            if !parser.consume_token(&Token::Comma) {
                break;
            }
        }
    }
    if parser.parse_keyword(Keyword::SEPARATOR) {
        clauses.push(call("separator", vec![Expr::Value(parser.parse_value()?)]));
    }
    if parser.parse_keyword(Keyword::LIMIT) {
        let mut limit = vec![parser.parse_expr()?];
        if parser.consume_token(&Token::Comma) || parser.parse_keyword(Keyword::OFFSET) {
            limit.push(parser.parse_expr()?);
        }
        clauses.push(call("limit", limit));
    }
    parser.expect_token(&Token::RParen)?;
    args.append(&mut clauses);
    Ok(call("group_concat", args))
}

fn introduced(parser: &mut Parser, charset: &Word) -> Result<Expr, ParserError> {
    parser.advance_token();
    let value = parser.parse_value()?;
    let charset = Expr::Identifier(Ident::new(charset.value.clone()));
    Ok(call("introduced", vec![charset, Expr::Value(value)]))
}

/// A node that sqlparser does not have: a call with a marked name.
fn call(name: &str, args: Vec<Expr>) -> Expr {
    plain_call(Ident::with_quote('`', format!("{MARK}{name}")), args)
}

fn plain_call(name: Ident, args: Vec<Expr>) -> Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)));
    Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.collect(),
            clauses: vec![],
        }),
        within_group: vec![],
        filter: None,
        null_treatment: None,
        over: None,
    })
}

fn is_unquoted(word: &Word, expected: &str) -> bool {
    word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected)
}

/// `binary` before one of these is a name.
fn ends_operand(token: &Token) -> bool {
    match token {
        Token::Comma
        | Token::RParen
        | Token::Period
        | Token::Eq
        | Token::EOF
        | Token::SemiColon => true,
        Token::Word(word) => {
            word.quote_style.is_none()
                && matches!(word.keyword, Keyword::AS | Keyword::FROM | Keyword::AND | Keyword::OR)
        }
        _ => false,
    }
}

/// Words that no expression starts with: a name spelled like one of them needs backquotes.
pub fn is_reserved(word: &str) -> bool {
    const RESERVED: &[&str] = &[
        "and",
        "as",
        "asc",
        "between",
        "by",
        "desc",
        "distinct",
        "div",
        "else",
        "for",
        "from",
        "group",
        "having",
        "in",
        "inner",
        "into",
        "is",
        "join",
        "like",
        "limit",
        "lock",
        "on",
        "or",
        "order",
        "select",
        "set",
        "straight_join",
        "table",
        "then",
        "to",
        "union",
        "update",
        "using",
        "when",
        "where",
        "with",
        "xor",
    ];
    RESERVED.contains(&word)
}
