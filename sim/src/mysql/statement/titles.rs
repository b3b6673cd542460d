//! What MySQL calls the columns of a result: an expression without an alias stands under its own
//! text, as it was written.
//!
//! A statement that comes without text (its template is parsed once, and bound) is named by the
//! printer instead.

use std::sync::Arc;

/// A token's place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token {
    start: usize,
    end: usize,
}

/// The texts of the items of the first SELECT; none where it has none.
pub fn item_texts(text: &str) -> Option<Vec<Arc<str>>> {
    const MODIFIERS: [&str; 10] = [
        "all",
        "distinct",
        "distinctrow",
        "high_priority",
        "straight_join",
        "sql_small_result",
        "sql_big_result",
        "sql_buffer_result",
        "sql_no_cache",
        "sql_calc_found_rows",
    ];
    const ENDS: [&str; 10] =
        ["from", "where", "group", "having", "order", "limit", "into", "for", "union", "lock"];
    let tokens = tokens(text);
    let word = |token: &Token| text[token.start..token.end].to_ascii_lowercase();
    let mut tokens = tokens.iter().skip_while(|token| &text[token.start..token.end] == "(");
    if word(tokens.next()?) != "select" {
        return None;
    }
    let mut items = Vec::new();
    let mut item: Option<Token> = None;
    let mut depth = 0;
    let mut close = |item: &mut Option<Token>| {
        if let Some(item) = item.take() {
            items.push(Arc::from(&text[item.start..item.end]));
        }
    };
    for token in tokens {
        let word = word(token);
        match word.as_str() {
            "(" => depth += 1,
            ")" if depth == 0 => break,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 && (ENDS.contains(&word.as_str()) || word == ";") {
            break;
        }
        if depth == 0 && word == "," {
            close(&mut item);
            continue;
        }
        if item.is_none() && MODIFIERS.contains(&word.as_str()) {
            continue;
        }
        let start = item.map_or(token.start, |item| item.start);
        item = Some(Token { start, end: token.end });
    }
    close(&mut item);
    Some(items)
}

/// How many `?` a text has.
pub fn markers(text: &str) -> usize {
    tokens(text).iter().filter(|token| &text[token.start..token.end] == "?").count()
}

/// Words, quoted texts and single marks; no blanks, no comments.
fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let is_word =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"_$@.".contains(byte) || *byte >= 0x80;
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = text[at..].find("*/").map_or(bytes.len(), |end| at + end + 2);
                continue;
            }
            b'#' => {
                at = text[at..].find('\n').map_or(bytes.len(), |end| at + end);
                continue;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-')
                && bytes.get(at + 2).is_none_or(u8::is_ascii_whitespace) =>
            {
                at = text[at..].find('\n').map_or(bytes.len(), |end| at + end);
                continue;
            }
            quote @ (b'\'' | b'"' | b'`') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' && quote != b'`' { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
            }
            ref byte if is_word(byte) => {
                at += bytes[at..].iter().take_while(|byte| is_word(byte)).count();
            }
            _ => at += 1,
        }
        tokens.push(Token { start, end: at });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stand_under_their_own_text() {
        let cases = [
            ("select 1+1, a  from t", "1+1|a"),
            ("select distinct f(a, b) as c,'x,y' from t", "f(a, b) as c|'x,y'"),
            ("(select /* c */ a, (select 1 from u) union select 2)", "a|(select 1 from u)"),
            ("select 1 -- two\n, 3;", "1|3"),
        ];
        for (text, expected) in cases {
            let found: Vec<String> =
                item_texts(text).unwrap().iter().map(|item| item.to_string()).collect();
            assert_eq!(found.join("|"), expected, "{text}");
        }
        assert_eq!(markers("select ?, '?', `?` /* ? */ where a=?"), 2);
    }
}
