//! Queries: SELECT, UNION, VALUES and what stands in their FROM.

use super::Printer;
use crate::sql::ast::{
    Comments, Expr, HintKind, HintScope, Ident, IndexHint, Join, JoinKind, Limit, Literal, Lock,
    OrderBy, Query, Select, SelectFlag, SelectItem, Table, TableExpr, Union, ValuesQuery, Wait,
    With,
};

impl Printer<'_> {
    pub fn query(&mut self, query: &Query) {
        match query {
            Query::Select(select) => self.select(select),
            Query::Union(union) => self.union(union),
            Query::Values(values) => self.values_query(values),
        }
    }

    pub fn select(&mut self, select: &Select) {
        self.with(select.with.as_ref());
        self.push("select ");
        self.comments(&select.comments);
        if select.distinct {
            self.push("distinct ");
        }
        // Vitess prints flags in its own fixed order.
        for (flag, text) in FLAGS {
            if select.flags.contains(flag) {
                self.push(text);
            }
        }
        self.list(&select.items, |printer, item| printer.select_item(item));
        self.push(" from ");
        if select.from.is_empty() {
            self.push("dual");
        }
        self.list(&select.from, |printer, table| printer.table_expr(table));
        self.filter(" where ", select.filter.as_ref());
        if !select.group_by.is_empty() {
            self.push(" group by ");
            self.list(&select.group_by, |printer, expr| printer.expr(expr));
            if select.rollup {
                self.push(" with rollup");
            }
        }
        self.filter(" having ", select.having.as_ref());
        if !select.windows.is_empty() {
            self.push(" window ");
            self.list(&select.windows, |printer, (name, spec)| {
                printer.ident(name);
                printer.push(" as ");
                printer.window_spec(spec);
            });
        }
        self.order_by(&select.order_by);
        self.limit(select.limit.as_ref());
        self.lock(select.lock);
        self.into(select.into.as_deref());
    }

    fn union(&mut self, union: &Union) {
        self.with(union.with.as_ref());
        self.union_side(&union.left, false);
        self.push(if union.distinct { " union " } else { " union all " });
        self.union_side(&union.right, true);
        self.order_by(&union.order_by);
        self.limit(union.limit.as_ref());
        self.lock(union.lock);
        self.into(union.into.as_deref());
    }

    /// In parentheses only where the side has an end of its own; a union on the right always.
    fn union_side(&mut self, query: &Query, right: bool) {
        let closed = match query {
            // Without them it would read as the other way round.
            Query::Union(_) if right => true,
            Query::Select(select) => {
                select.parens
                    || !select.order_by.is_empty()
                    || select.limit.is_some()
                    || select.lock != Lock::None
                    || select.into.is_some()
                    || select.with.is_some()
            }
            Query::Union(union) => {
                !union.order_by.is_empty()
                    || union.limit.is_some()
                    || union.lock != Lock::None
                    || union.into.is_some()
                    || union.with.is_some()
            }
            Query::Values(values) => !values.order_by.is_empty() || values.limit.is_some(),
        };
        if closed {
            self.push("(");
            self.query(query);
            self.push(")");
        } else {
            self.query(query);
        }
    }

    fn values_query(&mut self, values: &ValuesQuery) {
        self.with(values.with.as_ref());
        self.push("values ");
        self.comments(&values.comments);
        self.list(&values.rows, |printer, row| {
            printer.push("row(");
            printer.list(row, |printer, expr| printer.expr(expr));
            printer.push(")");
        });
        self.order_by(&values.order_by);
        self.limit(values.limit.as_ref());
    }

    pub fn with(&mut self, with: Option<&With>) {
        let Some(with) = with else { return };
        self.push(if with.recursive { "with recursive " } else { "with " });
        self.list(&with.tables, |printer, table| {
            printer.ident(&table.name);
            if !table.columns.is_empty() {
                printer.ident_list(&table.columns);
            }
            printer.push(" as (");
            printer.query(&table.query);
            printer.push(")");
        });
        self.push(" ");
    }

    pub fn comments(&mut self, comments: &Comments) {
        for comment in &comments.0 {
            self.push(comment);
            self.push(" ");
        }
    }

    pub fn select_item(&mut self, item: &SelectItem) {
        match item {
            SelectItem::Star(None) => self.push("*"),
            SelectItem::Star(Some(table)) => {
                self.table_name(table);
                self.push(".*");
            }
            SelectItem::Expr { expr, alias } => {
                self.expr(expr);
                self.alias(alias.as_ref());
            }
            SelectItem::Next(count) => {
                self.push("next ");
                self.expr(count);
                self.push(" values");
            }
        }
    }

    fn alias(&mut self, alias: Option<&Ident>) {
        if let Some(alias) = alias {
            self.push(" as ");
            self.ident(alias);
        }
    }

    pub fn table_expr(&mut self, table: &TableExpr) {
        match table {
            TableExpr::Table(table) => self.table(table),
            TableExpr::Derived { lateral, query, alias, columns } => {
                self.push(if *lateral { "lateral (" } else { "(" });
                self.query(query);
                self.push(") as ");
                self.ident(alias);
                if !columns.is_empty() {
                    self.ident_list(columns);
                }
            }
            TableExpr::Bound(table, _) => self.table_expr(table),
            TableExpr::Join(join) => self.join(join),
            TableExpr::Parens(tables) => {
                self.push("(");
                self.list(tables, |printer, table| printer.table_expr(table));
                self.push(")");
            }
            TableExpr::JsonTable { text, alias } => {
                self.push(text);
                self.push(" as ");
                self.ident(alias);
            }
        }
    }

    fn table(&mut self, table: &Table) {
        self.table_name(&table.name);
        if !table.partitions.is_empty() {
            self.push(" partition ");
            self.ident_list(&table.partitions);
        }
        self.alias(table.alias.as_ref());
        for hint in &table.hints {
            self.hint(hint);
        }
    }

    fn hint(&mut self, hint: &IndexHint) {
        self.push(match hint.kind {
            HintKind::UseIndex => " use index ",
            HintKind::IgnoreIndex => " ignore index ",
            HintKind::ForceIndex => " force index ",
            HintKind::UseVindex => " use vindex ",
            HintKind::IgnoreVindex => " ignore vindex ",
        });
        self.push(match hint.scope {
            None => "",
            Some(HintScope::Join) => "for join ",
            Some(HintScope::OrderBy) => "for order by ",
            Some(HintScope::GroupBy) => "for group by ",
        });
        self.ident_list(&hint.indexes);
    }

    fn join(&mut self, join: &Join) {
        self.table_expr(&join.left);
        self.push(match join.kind {
            JoinKind::Inner => " join ",
            JoinKind::Straight => " straight_join ",
            JoinKind::Left => " left join ",
            JoinKind::Right => " right join ",
            JoinKind::Natural => " natural join ",
            JoinKind::NaturalLeft => " natural left join ",
            JoinKind::NaturalRight => " natural right join ",
        });
        // A join on the right would else read as a join with the left.
        if matches!(join.right, TableExpr::Join(_)) {
            self.push("(");
            self.table_expr(&join.right);
            self.push(")");
        } else {
            self.table_expr(&join.right);
        }
        self.filter(" on ", join.on.as_ref());
        if !join.using.is_empty() {
            self.push(" using ");
            self.ident_list(&join.using);
        }
    }

    pub fn filter(&mut self, word: &str, filter: Option<&Expr>) {
        if let Some(filter) = filter {
            self.push(word);
            self.expr(filter);
        }
    }

    pub fn order_by(&mut self, order: &[OrderBy]) {
        if !order.is_empty() {
            self.push(" order by ");
            self.list(order, |printer, item| printer.order_item(item));
        }
    }

    /// The direction is always printed, but for `order by null` and `order by rand()`.
    pub fn order_item(&mut self, item: &OrderBy) {
        self.expr(&item.expr);
        let bare = match &item.expr {
            Expr::Literal(Literal::Null) => true,
            Expr::Function(function) => function.name.is("rand"),
            _ => false,
        };
        if !bare {
            self.push(if item.descending { " desc" } else { " asc" });
        }
    }

    pub fn limit(&mut self, limit: Option<&Limit>) {
        let Some(limit) = limit else { return };
        self.push(" limit ");
        if let Some(offset) = &limit.offset {
            self.expr(offset);
            self.push(", ");
        }
        self.expr(&limit.count);
    }

    fn lock(&mut self, lock: Lock) {
        let wait = |wait: Wait| match wait {
            Wait::Block => "",
            Wait::NoWait => " nowait",
            Wait::SkipLocked => " skip locked",
        };
        match lock {
            Lock::None => {}
            Lock::ForUpdate(how) => self.push(&format!(" for update{}", wait(how))),
            Lock::ForShare(how) => self.push(&format!(" for share{}", wait(how))),
            Lock::ShareMode => self.push(" lock in share mode"),
        }
    }

    fn into(&mut self, into: Option<&str>) {
        if let Some(into) = into {
            self.push(&format!(" {into}"));
        }
    }
}

const FLAGS: &[(SelectFlag, &str)] = &[
    (SelectFlag::Cache, "sql_cache "),
    (SelectFlag::NoCache, "sql_no_cache "),
    (SelectFlag::HighPriority, "high_priority "),
    (SelectFlag::StraightJoin, "straight_join "),
    (SelectFlag::SmallResult, "sql_small_result "),
    (SelectFlag::BigResult, "sql_big_result "),
    (SelectFlag::BufferResult, "sql_buffer_result "),
    (SelectFlag::CalcFoundRows, "sql_calc_found_rows "),
];
