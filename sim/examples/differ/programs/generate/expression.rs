//! Values, expressions and conditions of a class.
//!
//! Typed loosely on purpose: most compare like with like, some do not.

use super::{Class, Column, Generator, Named};

/// What is made of an operand of each class; `{}` is the operand, `{o}` another one, `{n}` a small
/// number.
fn functions(class: Class) -> &'static [&'static str] {
    match class {
        Class::Int => &[
            "abs({})",
            "sign({})",
            "-({})",
            "({}) & 6",
            "({}) | 1",
            "({}) ^ {o}",
            "~({})",
            "({}) << 2",
            "({}) >> 1",
            "mod({}, 5)",
            "({}) div {n}",
            "({}) % {o}",
            "({}) / {n}",
            "bin({})",
            "oct({})",
            "hex({})",
            "conv({}, 10, 16)",
            "format({}, 2)",
            "elt({}, 'a', 'b', 'c')",
            "field({}, 1, 2, {o})",
            "interval({}, 1, 5, 100)",
            "pow({}, 2)",
            "sqrt({})",
            "round({}, -1)",
            "truncate({}, -1)",
            "ceil({})",
            "floor({})",
            "bit_count({})",
            "lpad({}, 6, '0')",
            "concat({}, 'x', {o})",
            "concat_ws('-', {}, {o}, null, 'z')",
            "cast({} as decimal(10,2))",
            "cast({} as signed)",
            "cast({} as unsigned)",
            "cast({} as char(2))",
            "cast({} as double)",
            "isnull({})",
            "inet_ntoa({})",
            "sec_to_time({})",
            "from_days(730000 + ({}))",
            "makedate(2020, {})",
            "maketime({}, 1, 2)",
            "period_add(202001, {})",
            "date_add('2020-01-31', interval {} day)",
            "date_add('2020-01-31', interval {} month)",
            "date_sub('2020-01-31 01:00:00', interval {} hour)",
            "length({})",
            "char_length({})",
            "reverse({})",
            "greatest({}, {o}, 3)",
            "least({}, {o})",
            "greatest({}, 1.5)",
            "nullif({}, {o})",
            "case {} when 1 then 'one' when {o} then 'same' else 'other' end",
            "if({}, 'yes', 'no')",
            "repeat('ab', {n})",
            "({}) + 0.5",
            "({}) * 1e0",
            "({}) + '2'",
            "({}) xor {o}",
            "not ({})",
            "({}) is true",
            "quote({})",
            "ascii({})",
            "exp({n}) > {}",
            "round({} / 3, 2)",
        ],
        Class::Decimal => &[
            "abs({})",
            "sign({})",
            "-({})",
            "round({})",
            "round({}, 1)",
            "round({}, -1)",
            "truncate({}, 1)",
            "truncate({}, 0)",
            "ceil({})",
            "floor({})",
            "mod({}, 3)",
            "({}) * {o}",
            "({}) / 3",
            "({}) div 2",
            "({}) % 0.7",
            "({}) - 0.001",
            "format({}, 1)",
            "cast({} as signed)",
            "cast({} as unsigned)",
            "cast({} as decimal(5,1))",
            "cast({} as char)",
            "cast({} as char(3))",
            "cast({} as double)",
            "concat({}, '')",
            "length({})",
            "greatest({}, {o})",
            "least({}, 1)",
            "if({}, 'yes', 'no')",
            "ifnull({}, 0)",
            "coalesce({}, 'none')",
            "({}) + 1e0",
            "hex({})",
            "({}) | 0",
            "nullif({}, {o})",
            "case when {} > 1 then {} else 0 end",
        ],
        Class::Double => &[
            "abs({})",
            "-({})",
            "round({})",
            "round({}, 1)",
            "truncate({}, 1)",
            "ceil({})",
            "floor({})",
            "({}) * 2",
            "({}) / 4",
            "({}) + {o}",
            "cast({} as signed)",
            "cast({} as decimal(8,3))",
            "cast({} as char)",
            "concat({}, '')",
            "sign({})",
            "greatest({}, {o})",
            "if({}, 'yes', 'no')",
            "format({}, 2)",
        ],
        Class::Text => &[
            "length({})",
            "char_length({})",
            "bit_length({})",
            "upper({})",
            "lower({})",
            "reverse({})",
            "left({}, {n})",
            "right({}, {n})",
            "substring({}, {n}, 2)",
            "substring({}, -2)",
            "substring({} from 2 for 1)",
            "mid({}, 2, 2)",
            "substring_index({}, 'b', 1)",
            "substring_index({}, 'b', -1)",
            "replace({}, 'a', 'xy')",
            "replace({}, {o}, '-')",
            "insert({}, 2, 1, 'ZZ')",
            "lpad({}, 4, '*')",
            "rpad({}, 3, 'xy')",
            "ltrim({})",
            "rtrim({})",
            "trim({})",
            "trim(both 'a' from {})",
            "trim(leading 'b' from {})",
            "repeat({}, 2)",
            "concat({}, {o})",
            "concat({}, 1, 2.5)",
            "concat_ws(',', {}, {o})",
            "locate('b', {})",
            "locate({o}, {})",
            "instr({}, 'B')",
            "position('c' in {})",
            "field({}, 'a', 'b', {o})",
            "find_in_set({}, 'a,ab,B,de')",
            "strcmp({}, {o})",
            "hex({})",
            "unhex(hex({}))",
            "ascii({})",
            "ord({})",
            "quote({})",
            "sha2({}, 256)",
            "crc32({})",
            "to_base64({})",
            "from_base64(to_base64({}))",
            "soundex({})",
            "cast({} as binary)",
            "cast({} as char(2))",
            "({}) + 0",
            "({}) * 1.5",
            "binary {}",
            "{} collate utf8mb4_bin = {o}",
            "{} like 'a%'",
            "{} like concat({o}, '%')",
            "{} not like '%b'",
            "if({} = 'a', 'is', 'not')",
            "nullif({}, {o})",
            "greatest({}, {o})",
            "least({}, 'b')",
            "case {} when 'a' then 1 when 'B' then 2.5 end",
            "elt({n}, {}, 'two', {o})",
            "space(length({}))",
            "ifnull({}, 5)",
            "coalesce(null, {}, 'x')",
            "{} <=> {o}",
            "({}) is null",
            "convert({} using utf8mb4)",
            "char(65 + length({}))",
            "inet_aton({})",
            "conv(hex({}), 16, 10)",
        ],
        Class::Bytes => &[
            "length({})",
            "hex({})",
            "char_length({})",
            "concat({}, 'x')",
            "left({}, 1)",
            "right({}, 2)",
            "upper({})",
            "reverse({})",
            "substring({}, 2)",
            "locate('b', {})",
            "ascii({})",
            "replace({}, 'a', 'b')",
            "cast({} as char)",
            "{} = 'A'",
            "{} like 'a%'",
            "lpad({}, 3, 'x')",
            "trim({})",
            "strcmp({}, 'a')",
            "coalesce({}, 'z')",
            "ifnull({}, 'b')",
            "crc32({})",
        ],
        Class::Date => &[
            "year({})",
            "month({})",
            "day({})",
            "quarter({})",
            "dayofweek({})",
            "weekday({})",
            "dayofyear({})",
            "dayname({})",
            "monthname({})",
            "last_day({})",
            "week({})",
            "week({}, 3)",
            "weekofyear({})",
            "yearweek({})",
            "to_days({})",
            "to_seconds({})",
            "date_format({}, '%Y/%m/%d %W %j %D')",
            "date_format({}, '%a %b %c %e %H:%i:%s')",
            "datediff({}, {o})",
            "datediff({}, '2020-01-01')",
            "timestampdiff(day, {}, {o})",
            "timestampdiff(month, {}, '2021-02-28')",
            "timestampadd(month, 1, {})",
            "date_add({}, interval {n} day)",
            "date_sub({}, interval 1 month)",
            "date_add({}, interval 1 year)",
            "date_add({}, interval 90 minute)",
            "adddate({}, 31)",
            "subdate({}, 1)",
            "{} + interval 1 week",
            "extract(year_month from {})",
            "extract(day from {})",
            "unix_timestamp({})",
            "({}) + 0",
            "cast({} as char)",
            "cast({} as datetime)",
            "cast({} as unsigned)",
            "concat({}, '!')",
            "greatest({}, {o})",
            "least({}, '2020-06-01')",
            "coalesce({}, '2000-01-01')",
            "ifnull({}, 'none')",
            "if({} > '2020-01-01', 'late', 'early')",
            "nullif({}, {o})",
            "timestamp({})",
            "timestamp({}, '01:02:03')",
            "length({})",
            "hour({})",
            "period_diff(extract(year_month from {}), 202001)",
        ],
        Class::DateTime => &[
            "date({})",
            "time({})",
            "year({})",
            "hour({})",
            "minute({})",
            "second({})",
            "microsecond({})",
            "dayname({})",
            "last_day({})",
            "date_format({}, '%Y-%m-%d %T.%f')",
            "date_format({}, '%r %p %h %l %k')",
            "datediff({}, {o})",
            "timediff({}, {o})",
            "timestampdiff(second, {}, {o})",
            "timestampdiff(hour, {}, '2020-03-01')",
            "timestampdiff(year, {}, '2026-01-31 10:11:12')",
            "date_add({}, interval 1 month)",
            "date_add({}, interval '1:30' minute_second)",
            "date_sub({}, interval 1.5 second)",
            "{} - interval 1 day",
            "addtime({}, '01:00:00')",
            "extract(day_hour from {})",
            "extract(hour_minute from {})",
            "unix_timestamp({})",
            "({}) + 0",
            "cast({} as char)",
            "cast({} as date)",
            "cast({} as time)",
            "cast({} as signed)",
            "concat({}, '')",
            "greatest({}, {o})",
            "coalesce({}, '2000-01-01 00:00:00')",
            "if({} > '2020-01-01', {}, null)",
            "to_days({})",
            "time_to_sec({})",
            "week({}, 1)",
            "nullif({}, {o})",
        ],
        Class::Time => &[
            "hour({})",
            "minute({})",
            "second({})",
            "microsecond({})",
            "time_to_sec({})",
            "addtime({}, '00:30:00')",
            "subtime({}, '01:00:00')",
            "timediff({}, {o})",
            "time_format({}, '%H:%i')",
            "({}) + 0",
            "cast({} as char)",
            "cast({} as signed)",
            "concat({}, '')",
            "extract(hour_minute from {})",
            "greatest({}, {o})",
            "coalesce({}, '00:00:01')",
            "if({} > '01:00:00', 'late', 'early')",
            "date_add({}, interval 1 hour)",
            "sec_to_time(time_to_sec({}))",
            "nullif({}, {o})",
        ],
    }
}

impl Generator {
    pub fn value_for(&mut self, column: &Column) -> String {
        if column.name == "id" {
            return match self.dice.between(0, 19) {
                0 => "null".to_string(),
                1 if column.automatic => "default".to_string(),
                2 if column.automatic => "0".to_string(),
                3..=8 if column.automatic => "null".to_string(),
                _ => self.dice.between(1, 12).to_string(),
            };
        }
        match self.dice.between(0, 24) {
            0 => "null".to_string(),
            1 => "default".to_string(),
            2 => {
                let any = [Class::Int, Class::Decimal, Class::Text, Class::Date];
                let class = any[self.dice.between(0, any.len() - 1)];
                self.literal(class)
            }
            3 => {
                let operand = self.literal(column.class);
                self.applied(&[], column.class, &operand)
            }
            _ => self.literal(column.class),
        }
    }

    pub fn literal(&mut self, class: Class) -> String {
        let literals: &[&str] = match class {
            Class::Int => &[
                "0", "1", "2", "3", "5", "7", "-1", "10", "100", "127", "128", "255", "300",
                "-129", "32768", "'4'", "'12'",
            ],
            Class::Decimal => {
                &["0", "1.5", "-2.25", "0.005", "99.99", "123.456", "1000", "-0.5", "'3.14'", "2"]
            }
            Class::Double => &["0", "1.5", "-2.25e0", "1e3", "0.1", "3", "1e-3", "'2.5'"],
            Class::Text => &[
                "''",
                "'a'",
                "'A'",
                "'b'",
                "'ab'",
                "'abc'",
                "'B '",
                "'12'",
                "'3x'",
                "'zz'",
                "'hello'",
                "'de'",
                "'abcdefghijklmn'",
                "' a'",
                "'é'",
                "'E'",
            ],
            Class::Bytes => &["'a'", "'A'", "'ab'", "x'00'", "x'61'", "'abcd'", "''", "'b'"],
            Class::Date => {
                &["'2020-02-29'", "'2021-01-01'", "'1999-12-31'", "'2020-03-01'", "'2026-01-31'"]
            }
            Class::DateTime => &[
                "'2020-02-29 12:00:00'",
                "'2021-01-01 00:00:00'",
                "'1999-12-31 23:59:59.5'",
                "'2020-02-29'",
                "'2026-01-31 10:11:12.1234'",
            ],
            Class::Time => {
                &["'01:02:03'", "'00:00:00'", "'23:59:59'", "'-10:00:00'", "'100:00:00'"]
            }
        };
        self.dice.pick(literals).to_string()
    }

    pub fn column_of(&mut self, scope: &[Named], class: Class) -> Option<String> {
        let same: Vec<&Named> = scope.iter().filter(|own| own.class == class).collect();
        match same.len() {
            0 => None,
            many => Some(same[self.dice.between(0, many - 1)].text.clone()),
        }
    }

    /// Something of a class: a column, a literal, or a little more.
    pub fn operand(&mut self, scope: &[Named], class: Class) -> String {
        let leaf = match self.dice.percent(70) {
            true => self.column_of(scope, class),
            false => None,
        };
        let leaf = leaf.unwrap_or_else(|| self.literal(class));
        let other = match class {
            Class::Int | Class::Decimal => {
                self.column_of(scope, class).unwrap_or_else(|| self.literal(class))
            }
            _ => String::new(),
        };
        match (class, self.dice.between(0, 9)) {
            (Class::Int, 0) => format!("{leaf} + {other}"),
            (Class::Int, 1) => format!("{leaf} - {other}"),
            (Class::Int, 2) => format!("{leaf} * {other}"),
            (Class::Int, 3) => format!("{leaf} % 7"),
            (Class::Decimal, 0) => format!("{leaf} + {other}"),
            (Class::Decimal, 1) => format!("{leaf} / 3"),
            (Class::Decimal, 2) => format!("round({leaf}, 1)"),
            (Class::Text, 0) => format!("upper({leaf})"),
            (Class::Text, 1) => format!("concat({leaf}, '-', {})", self.literal(Class::Text)),
            (Class::Text, 2) => format!("substring({leaf}, 2)"),
            (Class::Text, 3) => format!("left({leaf}, 2)"),
            (Class::Date, 0) => format!("date_add({leaf}, interval 1 month)"),
            (_, 4) => format!("ifnull({leaf}, {})", self.literal(class)),
            (_, 5) => format!("coalesce({leaf}, {})", self.literal(class)),
            (_, 6) if class != Class::Decimal => {
                format!("if(1 = 1, {leaf}, {})", self.literal(class))
            }
            _ => leaf,
        }
    }

    pub fn any_class(&mut self, scope: &[Named]) -> Class {
        match scope.len() {
            0 => [Class::Int, Class::Text, Class::Decimal][self.dice.between(0, 2)],
            many => scope[self.dice.between(0, many - 1)].class,
        }
    }

    /// One of the functions of a class, of an operand.
    pub fn applied(&mut self, scope: &[Named], class: Class, operand: &str) -> String {
        let template = self.dice.pick(functions(class));
        let other = match self.dice.percent(50) {
            true => self.column_of(scope, class),
            false => None,
        };
        let other = other.unwrap_or_else(|| self.literal(class));
        let number = self.dice.between(1, 4).to_string();
        template.replace("{}", operand).replace("{o}", &other).replace("{n}", &number)
    }

    pub fn expression(&mut self, scope: &[Named], depth: usize) -> String {
        let class = self.any_class(scope);
        let operand = self.operand(scope, class);
        if depth == 0 {
            return operand;
        }
        match self.dice.between(0, 9) {
            0 => self.condition(scope, depth - 1),
            1 => {
                let condition = self.condition(scope, depth - 1);
                let other = self.operand(scope, class);
                format!("case when {condition} then {operand} else {other} end")
            }
            2 => format!("nullif({operand}, {})", self.literal(class)),
            3..=7 => self.applied(scope, class, &operand),
            _ => operand,
        }
    }

    pub fn condition(&mut self, scope: &[Named], depth: usize) -> String {
        if 0 < depth && self.dice.percent(35) {
            let (one, other) = (self.condition(scope, depth - 1), self.condition(scope, depth - 1));
            return match self.dice.between(0, 4) {
                0 | 1 => format!("({one} and {other})"),
                2 | 3 => format!("({one} or {other})"),
                _ => format!("not ({one})"),
            };
        }
        let class = self.any_class(scope);
        let left = self.operand(scope, class);
        let right = self.operand(scope, class);
        match self.dice.between(0, 13) {
            0 => format!("{left} is null"),
            1 => format!("{left} is not null"),
            2 => format!("{left} between {right} and {}", self.literal(class)),
            3 => {
                let not = self.dice.pick(&["", "not "]);
                format!(
                    "{left} {not}in ({}, {}, {right})",
                    self.literal(class),
                    self.literal(class)
                )
            }
            4 if class == Class::Text => {
                let pattern = self.dice.pick(&["'a%'", "'%b%'", "'_'", "'A_'", "'%'"]);
                format!("{left} like {pattern}")
            }
            5 => format!("{left} <=> {right}"),
            6 => {
                // Of one kind on both sides.
                let template = self.dice.pick(functions(class)).replace("{n}", "2");
                let of = |operand: &str| template.replace("{}", operand).replace("{o}", operand);
                let op = self.dice.pick(&["=", "<", "<>"]);
                format!("({}) {op} ({})", of(&left), of(&right))
            }
            7 if 1 < scope.len() => {
                let literals = (self.literal(scope[0].class), self.literal(scope[1].class));
                let pair = (&scope[0].text, &scope[1].text);
                format!("({}, {}) = ({}, {})", pair.0, pair.1, literals.0, literals.1)
            }
            _ => {
                let op = self.dice.pick(&["=", "=", "<>", "<", ">", "<=", ">="]);
                format!("{left} {op} {right}")
            }
        }
    }
}
