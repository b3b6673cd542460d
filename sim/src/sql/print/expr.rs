//! Expressions, with the parentheses that precedence asks for.

use super::Printer;
use super::name::quoted_name;
use crate::sql::ast::{
    Aggregate, AggregateKind, ArgumentType, BinaryOp, CastKind, CastType, CompareOp, Expr,
    Function, IsTest, Literal, Over, TrimSide, UnaryOp, Variable, VariableScope, WindowSpec,
};

/// How tightly an operator binds; what binds weaker needs parentheses within what binds tighter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precedence {
    Assign,
    Or,
    Xor,
    And,
    Not,
    Between,
    Compare,
    BitOr,
    BitAnd,
    Shift,
    Add,
    Multiply,
    BitXor,
    Sign,
    Unary,
    /// Never needs parentheses.
    Atom,
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

fn precedence(expr: &Expr) -> Precedence {
    match expr {
        Expr::Or(_) => Precedence::Or,
        Expr::Xor(..) => Precedence::Xor,
        Expr::And(_) => Precedence::And,
        Expr::Not(_) => Precedence::Not,
        Expr::Between { .. } => Precedence::Between,
        Expr::Compare { .. }
        | Expr::Is { .. }
        | Expr::Quantified { .. }
        | Expr::MemberOf { .. } => Precedence::Compare,
        Expr::Binary { op, .. } => match op {
            BinaryOp::BitOr => Precedence::BitOr,
            BinaryOp::BitAnd => Precedence::BitAnd,
            BinaryOp::ShiftLeft | BinaryOp::ShiftRight => Precedence::Shift,
            BinaryOp::Add | BinaryOp::Subtract => Precedence::Add,
            BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::IntegerDivide | BinaryOp::Modulo => {
                Precedence::Multiply
            }
            BinaryOp::BitXor => Precedence::BitXor,
            BinaryOp::JsonExtract | BinaryOp::JsonUnquoteExtract => Precedence::Atom,
        },
        Expr::Unary { op: UnaryOp::Plus | UnaryOp::Minus, .. } => Precedence::Sign,
        Expr::Unary { .. } => Precedence::Unary,
        Expr::Assign { .. } => Precedence::Assign,
        _ => Precedence::Atom,
    }
}

impl Printer<'_> {
    pub fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Literal(literal) => self.literal(literal),
            Expr::Argument { name, ty } => self.argument(name.as_str(), ty.as_ref()),
            Expr::ListArgument(name) => {
                match self.binds.and_then(|binds| binds.get(name.as_str())) {
                    Some(bind) => self.bind(bind),
                    None => self.push(&format!("::{}", name.as_str())),
                }
            }
            Expr::Column(column) | Expr::Bound(column, _) => self.column_name(column),
            Expr::And(terms) => self.chain(terms, " and ", Precedence::And),
            Expr::Or(terms) => self.chain(terms, " or ", Precedence::Or),
            Expr::Xor(left, right) => {
                self.operand(left, Precedence::Xor, Side::Left);
                self.push(" xor ");
                self.operand(right, Precedence::Xor, Side::Right);
            }
            Expr::Not(operand) => {
                self.push("not ");
                self.operand(operand, Precedence::Not, Side::Left);
            }
            Expr::Compare { op, left, right, escape } => {
                self.operand(left, Precedence::Compare, predicate_side(*op));
                self.push(comparison_text(*op));
                self.operand(right, Precedence::Compare, Side::Right);
                if let Some(escape) = escape {
                    self.push(" escape ");
                    self.operand(escape, Precedence::Compare, Side::Right);
                }
            }
            Expr::Is { expr, test } => {
                // `is` applied to `is` gets them.
                self.operand(
                    expr,
                    Precedence::Compare,
                    match **expr {
                        Expr::Is { .. } => Side::Right,
                        _ => Side::Left,
                    },
                );
                self.push(test_text(*test));
            }
            Expr::Between { negated, expr, low, high } => {
                // All three are bit expressions to MySQL: a comparison needs parentheses, which
                // Vitess leaves out.
                self.operand(expr, Precedence::Compare, Side::Right);
                self.push(if *negated { " not between " } else { " between " });
                self.operand(low, Precedence::Compare, Side::Right);
                self.push(" and ");
                self.operand(high, Precedence::Compare, Side::Right);
            }
            Expr::Binary { op, left, right } => self.binary(*op, left, right, precedence(expr)),
            Expr::Unary { op, expr: operand } => self.unary(*op, operand, precedence(expr)),
            Expr::Tuple(items) => {
                self.push("(");
                self.list(items, |printer, item| printer.expr(item));
                self.push(")");
            }
            Expr::Subquery(query) => {
                self.push("(");
                self.query(query);
                self.push(")");
            }
            Expr::Exists(query) => {
                self.push("exists (");
                self.query(query);
                self.push(")");
            }
            Expr::Quantified { op, left, all, query } => {
                self.operand(left, Precedence::Compare, Side::Left);
                self.push(comparison_text(*op));
                self.push(if *all { "all (" } else { "any (" });
                self.query(query);
                self.push(")");
            }
            Expr::Case { operand, whens, otherwise } => {
                self.push("case ");
                if let Some(operand) = operand {
                    self.expr(operand);
                    self.push(" ");
                }
                for (when, then) in whens {
                    self.push("when ");
                    self.expr(when);
                    self.push(" then ");
                    self.expr(then);
                    self.push(" ");
                }
                if let Some(otherwise) = otherwise {
                    self.push("else ");
                    self.expr(otherwise);
                    self.push(" ");
                }
                self.push("end");
            }
            Expr::Function(function) => self.function(function),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Cast { kind, expr, ty } => {
                let (word, between) = match kind {
                    CastKind::Cast => ("cast(", " as "),
                    CastKind::Convert => ("convert(", ", "),
                };
                self.push(word);
                self.expr(expr);
                self.push(between);
                self.cast_type(ty);
                self.push(")");
            }
            Expr::ConvertUsing { expr, charset } => {
                self.push("convert(");
                self.expr(expr);
                self.push(&format!(" using {})", charset.as_str()));
            }
            Expr::Collate { expr, collation } => {
                if matches!(**expr, Expr::Collate { .. }) {
                    self.push("(");
                    self.expr(expr);
                    self.push(")");
                } else {
                    self.operand(expr, Precedence::Unary, Side::Right);
                }
                self.push(&format!(" collate {}", collation.as_str()));
            }
            Expr::Interval { value, unit } => {
                self.push("interval ");
                self.expr(value);
                self.push(&format!(" {}", unit.as_str().to_ascii_lowercase()));
            }
            Expr::Extract { unit, expr } => {
                self.push(&format!("extract({} from ", unit.as_str().to_ascii_lowercase()));
                self.expr(expr);
                self.push(")");
            }
            Expr::Trim { side, what, expr } => {
                self.push("trim(");
                self.push(match side {
                    None => "",
                    Some(TrimSide::Both) => "both ",
                    Some(TrimSide::Leading) => "leading ",
                    Some(TrimSide::Trailing) => "trailing ",
                });
                if let Some(what) = what {
                    self.expr(what);
                    self.push(" ");
                }
                if side.is_some() || what.is_some() {
                    self.push("from ");
                }
                self.expr(expr);
                self.push(")");
            }
            Expr::Variable(variable) => self.variable(variable),
            Expr::Default(None) => self.push("default"),
            Expr::Default(Some(column)) => {
                self.push("default(");
                self.column_name(column);
                self.push(")");
            }
            Expr::Values(column) => {
                self.push("values(");
                self.column_name(column);
                self.push(")");
            }
            Expr::Match { columns, against, modifier } => {
                self.push("match(");
                self.list(columns, |printer, column| printer.column_name(column));
                self.push(") against (");
                self.expr(against);
                if let Some(modifier) = modifier {
                    self.push(&format!(" {modifier}"));
                }
                self.push(")");
            }
            Expr::Assign { name, value } => {
                self.push(&format!("@{} := ", name.as_str()));
                self.expr(value);
            }
            Expr::MemberOf { value, array } => {
                self.operand(value, Precedence::Compare, Side::Left);
                self.push(" member of (");
                self.expr(array);
                self.push(")");
            }
        }
    }

    fn operand(&mut self, expr: &Expr, within: Precedence, side: Side) {
        let own = precedence(expr);
        let weaker = match side {
            Side::Left => own < within,
            Side::Right => own <= within,
        };
        if weaker && own != Precedence::Atom {
            self.push("(");
            self.expr(expr);
            self.push(")");
        } else {
            self.expr(expr);
        }
    }

    /// A flat AND or OR, written as the left-deep tree that it stands for.
    fn chain(&mut self, terms: &[Expr], between: &str, within: Precedence) {
        for (at, term) in terms.iter().enumerate() {
            if 0 < at {
                self.push(between);
            }
            self.operand(term, within, if at == 0 { Side::Left } else { Side::Right });
        }
    }

    fn argument(&mut self, name: &str, ty: Option<&ArgumentType>) {
        if let Some(bind) = self.binds.and_then(|binds| binds.get(name)) {
            return self.bind(bind);
        }
        let Some(ty) = ty else { return self.push(&format!(":{name}")) };
        let scale = ty.scale.unwrap_or(0);
        let cast = match &*ty.name {
            "UNSIGNED" | "UINT64" | "UINT32" | "UINT24" | "UINT16" | "UINT8" => {
                "UNSIGNED".to_owned()
            }
            "FLOAT64" => "DOUBLE".to_owned(),
            "FLOAT32" => "FLOAT".to_owned(),
            "DATE" => "DATE".to_owned(),
            "TIME" | "DATETIME" | "TIMESTAMP" => {
                let word = if &*ty.name == "TIME" { "TIME" } else { "DATETIME" };
                match ty.size {
                    Some(digits) if 0 < digits => format!("{word}({digits})"),
                    _ => word.to_owned(),
                }
            }
            "DECIMAL" if scale == 0 => match ty.size {
                Some(size) if 0 < size => format!("DECIMAL({size}, {scale})"),
                _ => format!("DECIMAL({}, {scale})", 0),
            },
            _ => {
                let size = match (ty.size.filter(|&size| 0 < size), scale) {
                    (None, _) => String::new(),
                    (Some(size), 0) => format!("({size})"),
                    (Some(size), scale) => format!("({size},{scale})"),
                };
                return self.push(&format!(":{name} /* {}{size} */", ty.name));
            }
        };
        self.push(&format!("CAST(:{name} AS {cast})"));
    }

    fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, own: Precedence) {
        self.operand(left, own, Side::Left);
        self.push(match op {
            BinaryOp::Add => " + ",
            BinaryOp::Subtract => " - ",
            BinaryOp::Multiply => " * ",
            BinaryOp::Divide => " / ",
            BinaryOp::IntegerDivide => " div ",
            BinaryOp::Modulo => " % ",
            BinaryOp::BitAnd => " & ",
            BinaryOp::BitOr => " | ",
            BinaryOp::BitXor => " ^ ",
            BinaryOp::ShiftLeft => " << ",
            BinaryOp::ShiftRight => " >> ",
            BinaryOp::JsonExtract => " -> ",
            BinaryOp::JsonUnquoteExtract => " ->> ",
        });
        self.operand(right, own, Side::Right);
    }

    fn unary(&mut self, op: UnaryOp, operand: &Expr, own: Precedence) {
        self.push(match op {
            UnaryOp::Plus => "+",
            UnaryOp::Minus => "-",
            UnaryOp::Invert => "~",
            UnaryOp::Bang => "!",
        });
        // A unary inside a unary gets a blank: `- -x` is no comment. So does a signed number.
        let signed = match operand {
            Expr::Unary { .. } => true,
            Expr::Literal(
                Literal::Integer(text) | Literal::Decimal(text) | Literal::Float(text),
            ) => text.starts_with('-'),
            _ => false,
        };
        if signed {
            self.push(" ");
        }
        self.operand(operand, own, Side::Left);
    }

    fn function(&mut self, function: &Function) {
        if let Some(qualifier) = &function.qualifier {
            self.ident(qualifier);
            self.push(".");
        }
        let name = function.name.as_str();
        if is_built_in(name) {
            self.push(&name.to_ascii_lowercase());
        } else if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_$".contains(&byte)) {
            self.push(name);
        } else {
            self.push(&quoted_name(name));
        }
        self.push("(");
        let named_unit = ["timestampadd", "timestampdiff"].contains(&&*name.to_ascii_lowercase());
        for (at, arg) in function.args.iter().enumerate() {
            if 0 < at {
                self.push(", ");
            }
            match arg {
                Expr::Column(unit) if named_unit && at == 0 => {
                    self.push(&unit.name.as_str().to_ascii_lowercase());
                }
                _ => self.expr(arg),
            }
        }
        self.push(")");
        self.over(function.over.as_ref());
    }

    fn aggregate(&mut self, aggregate: &Aggregate) {
        self.push(aggregate_name(aggregate.kind));
        self.push("(");
        if aggregate.kind == AggregateKind::CountStar {
            self.push("*");
        }
        if aggregate.distinct {
            self.push("distinct ");
        }
        self.list(&aggregate.args, |printer, arg| printer.expr(arg));
        self.order_by(&aggregate.order_by);
        if let Some(separator) = &aggregate.separator {
            self.push(&format!(" separator {}", super::quoted(separator)));
        }
        self.limit(aggregate.limit.as_ref());
        self.push(")");
        self.over(aggregate.over.as_ref());
    }

    fn over(&mut self, over: Option<&Over>) {
        match over {
            None => {}
            Some(Over::Name(name)) => {
                self.push(" over ");
                self.ident(name);
            }
            Some(Over::Spec(spec)) => {
                self.push(" over ");
                self.window_spec(spec);
            }
        }
    }

    pub fn window_spec(&mut self, spec: &WindowSpec) {
        self.push("(");
        let start = self.text.len();
        if let Some(name) = &spec.name {
            self.push(" ");
            self.ident(name);
        }
        if !spec.partition_by.is_empty() {
            self.push(" partition by ");
            self.list(&spec.partition_by, |printer, expr| printer.expr(expr));
        }
        self.order_by(&spec.order_by);
        if let Some(frame) = &spec.frame {
            self.push(&format!(" {frame}"));
        }
        // Each part brings the blank before it; the first needs none.
        if self.text[start..].starts_with(' ') {
            self.text.remove(start);
        }
        self.push(")");
    }

    pub fn cast_type(&mut self, ty: &CastType) {
        self.push(&ty.name);
        match (ty.length, ty.scale) {
            (Some(length), Some(scale)) => self.push(&format!("({length}, {scale})")),
            (Some(length), None) => self.push(&format!("({length})")),
            _ => {}
        }
        if let Some(charset) = &ty.charset {
            self.push(&format!(" character set {}", charset.as_str()));
        }
        if ty.array {
            self.push(" array");
        }
    }

    pub fn variable(&mut self, variable: &Variable) {
        match variable {
            Variable::User(name) => {
                self.push("@");
                self.push_variable(name.as_str());
            }
            Variable::System { scope, name } => {
                self.push("@@");
                self.push(match scope {
                    None => "",
                    Some(scope) => scope_text(*scope),
                });
                if scope.is_some()
                    && !scope_text(*scope.as_ref().unwrap_or(&VariableScope::Session)).is_empty()
                {
                    self.push(".");
                }
                self.push_variable(name.as_str());
            }
        }
    }

    fn push_variable(&mut self, name: &str) {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
        if !name.is_empty() && name.chars().all(plain) {
            self.push(name);
        } else {
            self.push(&super::quoted_name(name));
        }
    }
}

pub fn scope_text(scope: VariableScope) -> &'static str {
    match scope {
        VariableScope::Session => "session",
        VariableScope::Global => "global",
        VariableScope::Persist => "persist",
        VariableScope::PersistOnly => "persist_only",
        VariableScope::NextTransaction => "",
        VariableScope::VitessMetadata => "vitess_metadata",
    }
}

/// What IN, LIKE and REGEXP stand behind is a bit expression to MySQL: `(a = b) in (c)` needs its
/// parentheses, which Vitess leaves out.
fn predicate_side(op: CompareOp) -> Side {
    match op {
        CompareOp::In
        | CompareOp::NotIn
        | CompareOp::Like
        | CompareOp::NotLike
        | CompareOp::Regexp
        | CompareOp::NotRegexp => Side::Right,
        _ => Side::Left,
    }
}

fn comparison_text(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => " = ",
        CompareOp::NotEqual => " != ",
        CompareOp::Less => " < ",
        CompareOp::Greater => " > ",
        CompareOp::LessEqual => " <= ",
        CompareOp::GreaterEqual => " >= ",
        CompareOp::NullSafeEqual => " <=> ",
        CompareOp::In => " in ",
        CompareOp::NotIn => " not in ",
        CompareOp::Like => " like ",
        CompareOp::NotLike => " not like ",
        CompareOp::Regexp => " regexp ",
        CompareOp::NotRegexp => " not regexp ",
    }
}

fn test_text(test: IsTest) -> &'static str {
    match test {
        IsTest::Null => " is null",
        IsTest::NotNull => " is not null",
        IsTest::True => " is true",
        IsTest::NotTrue => " is not true",
        IsTest::False => " is false",
        IsTest::NotFalse => " is not false",
    }
}

pub fn aggregate_name(kind: AggregateKind) -> &'static str {
    match kind {
        AggregateKind::CountStar | AggregateKind::Count => "count",
        AggregateKind::Sum => "sum",
        AggregateKind::Avg => "avg",
        AggregateKind::Min => "min",
        AggregateKind::Max => "max",
        AggregateKind::BitAnd => "bit_and",
        AggregateKind::BitOr => "bit_or",
        AggregateKind::BitXor => "bit_xor",
        AggregateKind::Std => "std",
        AggregateKind::Stddev => "stddev",
        AggregateKind::StddevPop => "stddev_pop",
        AggregateKind::StddevSamp => "stddev_samp",
        AggregateKind::VarPop => "var_pop",
        AggregateKind::VarSamp => "var_samp",
        AggregateKind::Variance => "variance",
        AggregateKind::GroupConcat => "group_concat",
        AggregateKind::AnyValue => "any_value",
        AggregateKind::JsonArrayAgg => "json_arrayagg",
        AggregateKind::JsonObjectAgg => "json_objectagg",
    }
}

/// Functions that are nodes of their own in Vitess's tree: they print in lower case whatever
/// their input's case was.
pub fn is_built_in(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "adddate",
        "char",
        "cume_dist",
        "curdate",
        "current_date",
        "current_time",
        "current_timestamp",
        "curtime",
        "date_add",
        "date_sub",
        "dense_rank",
        "extractvalue",
        "first_value",
        "format_bytes",
        "format_pico_time",
        "get_lock",
        "gtid_subset",
        "gtid_subtract",
        "insert",
        "is_free_lock",
        "is_used_lock",
        "json_array",
        "json_array_append",
        "json_array_insert",
        "json_contains",
        "json_contains_path",
        "json_depth",
        "json_extract",
        "json_insert",
        "json_keys",
        "json_length",
        "json_merge",
        "json_merge_patch",
        "json_merge_preserve",
        "json_object",
        "json_overlaps",
        "json_pretty",
        "json_quote",
        "json_remove",
        "json_replace",
        "json_schema_valid",
        "json_schema_validation_report",
        "json_search",
        "json_set",
        "json_storage_free",
        "json_storage_size",
        "json_type",
        "json_unquote",
        "json_valid",
        "json_value",
        "lag",
        "last_value",
        "lead",
        "localtime",
        "localtimestamp",
        "locate",
        "ltrim",
        "now",
        "nth_value",
        "ntile",
        "percent_rank",
        "ps_current_thread_id",
        "ps_thread_id",
        "rank",
        "regexp_instr",
        "regexp_like",
        "regexp_replace",
        "regexp_substr",
        "release_all_locks",
        "release_lock",
        "row_number",
        "rtrim",
        "subdate",
        "substr",
        "sysdate",
        "timestampadd",
        "timestampdiff",
        "updatexml",
        "utc_date",
        "utc_time",
        "utc_timestamp",
        "weight_string",
    ];
    NAMES.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
}
