//! Queries: from sqlparser's tree to ours.

use std::collections::BTreeMap;

use sqlparser::ast as theirs;
use sqlparser::tokenizer::Location;

use super::dialect::MARK;
use super::expr::{args_of, column_name, ident, mark_of};
use super::{Parsed, Refused, refuse};
use crate::sql::ast::{
    Comments, CommonTable, Expr, HintKind, HintScope, Ident, IndexHint, Join, JoinKind, Limit,
    Lock, OrderBy, Query, Select, SelectFlag, SelectItem, Table, TableExpr, TableName, Union,
    ValuesQuery, Wait, With,
};

pub struct Lowering<'a> {
    pub comments: &'a BTreeMap<Location, Comments>,
}

/// The clauses behind a query's body.
struct Tail {
    with: Option<With>,
    order_by: Vec<OrderBy>,
    limit: Option<Limit>,
    lock: Lock,
}

impl Lowering<'_> {
    pub fn query(&self, tree: theirs::Query) -> Parsed<Query> {
        if tree.fetch.is_some() || tree.for_clause.is_some() || !tree.pipe_operators.is_empty() {
            return refuse();
        }
        let tail = Tail {
            with: tree.with.map(|with| self.with(with)).transpose()?,
            order_by: match tree.order_by.map(|order| order.kind) {
                None => Vec::new(),
                Some(theirs::OrderByKind::Expressions(items)) => {
                    items.into_iter().map(|item| self.order_by(item)).collect::<Parsed<_>>()?
                }
                Some(theirs::OrderByKind::All(_)) => return refuse(),
            },
            limit: self.limit(tree.limit_clause)?,
            lock: lock(tree.locks)?,
        };
        let body = self.body(*tree.body)?;
        close(body, tail)
    }

    fn body(&self, body: theirs::SetExpr) -> Parsed<Query> {
        Ok(match body {
            theirs::SetExpr::Select(select) => Query::Select(Box::new(self.select(*select)?)),
            theirs::SetExpr::Query(query) => self.query(*query)?,
            theirs::SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let distinct = match (op, set_quantifier) {
                    (theirs::SetOperator::Union, theirs::SetQuantifier::All) => false,
                    (
                        theirs::SetOperator::Union,
                        theirs::SetQuantifier::None | theirs::SetQuantifier::Distinct,
                    ) => true,
                    _ => return refuse(),
                };
                Query::Union(Box::new(Union {
                    with: None,
                    left: self.body(*left)?,
                    right: self.body(*right)?,
                    distinct,
                    order_by: Vec::new(),
                    limit: None,
                    lock: Lock::None,
                    into: None,
                }))
            }
            theirs::SetExpr::Values(values) if values.explicit_row => {
                let rows = values.rows.into_iter().map(|row| self.exprs(row.content));
                Query::Values(Box::new(ValuesQuery {
                    with: None,
                    comments: Comments::default(),
                    rows: rows.collect::<Parsed<_>>()?,
                    order_by: Vec::new(),
                    limit: None,
                }))
            }
            theirs::SetExpr::Table(table) => {
                let (Some(name), qualifier) = (table.table_name, table.schema_name) else {
                    return refuse();
                };
                let qualifier = qualifier.map(|name| Ident::new(&name));
                let name = TableName { qualifier, name: Ident::new(&name) };
                Query::Select(Box::new(whole_table(name)))
            }
            _ => return refuse(),
        })
    }

    fn with(&self, with: theirs::With) -> Parsed<With> {
        let tables = with.cte_tables.into_iter().map(|table| {
            if table.from.is_some() || table.materialized.is_some() {
                return refuse();
            }
            Ok(CommonTable {
                name: ident(table.alias.name),
                columns: table.alias.columns.into_iter().map(|column| ident(column.name)).collect(),
                query: self.query(*table.query)?,
            })
        });
        Ok(With { recursive: with.recursive, tables: tables.collect::<Parsed<_>>()? })
    }

    fn limit(&self, clause: Option<theirs::LimitClause>) -> Parsed<Option<Limit>> {
        Ok(match clause {
            None => None,
            Some(theirs::LimitClause::OffsetCommaLimit { offset, limit }) => {
                Some(Limit { offset: Some(self.expr(offset)?), count: self.expr(limit)? })
            }
            Some(theirs::LimitClause::LimitOffset { limit: Some(limit), offset, limit_by }) => {
                if !limit_by.is_empty() {
                    return refuse();
                }
                let offset = offset.map(|offset| self.expr(offset.value)).transpose()?;
                Some(Limit { offset, count: self.expr(limit)? })
            }
            Some(_) => return refuse(),
        })
    }

    pub fn order_by(&self, item: theirs::OrderByExpr) -> Parsed<OrderBy> {
        if item.options.nulls_first.is_some() || item.with_fill.is_some() {
            return refuse();
        }
        let descending = match item.options.sort {
            None | Some(theirs::OrderBySort::Asc) => false,
            Some(theirs::OrderBySort::Desc) => true,
            Some(theirs::OrderBySort::Using(_)) => return refuse(),
        };
        Ok(OrderBy { expr: self.expr(item.expr)?, descending })
    }

    fn select(&self, tree: theirs::Select) -> Parsed<Select> {
        let alien = tree.top.is_some()
            || tree.into.is_some()
            || tree.prewhere.is_some()
            || tree.qualify.is_some()
            || !tree.lateral_views.is_empty()
            || !tree.sort_by.is_empty()
            || !tree.cluster_by.is_empty()
            || !tree.distribute_by.is_empty()
            || !tree.connect_by.is_empty();
        if alien {
            return refuse();
        }
        let distinct = match tree.distinct {
            None | Some(theirs::Distinct::All) => false,
            Some(theirs::Distinct::Distinct) => true,
            Some(theirs::Distinct::On(_)) => return refuse(),
        };
        let (group_by, rollup) = match tree.group_by {
            theirs::GroupByExpr::Expressions(exprs, modifiers) => {
                let rollup = match modifiers.as_slice() {
                    [] => false,
                    [theirs::GroupByWithModifier::Rollup] => true,
                    _ => return refuse(),
                };
                (self.exprs(exprs)?, rollup)
            }
            theirs::GroupByExpr::All(_) => return refuse(),
        };
        let windows = tree.named_window.into_iter().map(|window| {
            let theirs::NamedWindowDefinition(name, definition) = window;
            match definition {
                theirs::NamedWindowExpr::WindowSpec(spec) => {
                    Ok((ident(name), self.window_spec(spec)?))
                }
                theirs::NamedWindowExpr::NamedWindow(_) => refuse(),
            }
        });
        let verb = tree.select_token.0.span.start;
        let mut from = Vec::with_capacity(tree.from.len());
        for table in tree.from {
            from.extend(self.tables(table)?);
        }
        // `from dual` and no FROM at all are one.
        if let [TableExpr::Table(table)] = from.as_slice()
            && table.name.qualifier.is_none()
            && table.name.name.is("dual")
            && table.alias.is_none()
        {
            from.clear();
        }
        Ok(Select {
            with: None,
            comments: self.comments.get(&verb).cloned().unwrap_or_default(),
            distinct,
            flags: tree.select_modifiers.map(flags).unwrap_or_default(),
            items: tree
                .projection
                .into_iter()
                .map(|item| self.select_item(item))
                .collect::<Parsed<_>>()?,
            from,
            filter: tree.selection.map(|filter| self.expr(filter)).transpose()?,
            group_by,
            rollup,
            having: tree.having.map(|having| self.expr(having)).transpose()?,
            windows: windows.collect::<Parsed<_>>()?,
            order_by: Vec::new(),
            limit: None,
            lock: Lock::None,
            into: None,
            parens: false,
        })
    }

    fn select_item(&self, item: theirs::SelectItem) -> Parsed<SelectItem> {
        Ok(match item {
            theirs::SelectItem::Wildcard(_) => SelectItem::Star(None),
            theirs::SelectItem::QualifiedWildcard(
                theirs::SelectItemQualifiedWildcardKind::ObjectName(name),
                _,
            ) => SelectItem::Star(Some(table_name(name)?)),
            theirs::SelectItem::UnnamedExpr(expr) if mark_of(&expr).as_deref() == Some("next") => {
                match args_of(expr).pop() {
                    Some(count) => SelectItem::Next(self.expr(count)?),
                    None => return refuse(),
                }
            }
            theirs::SelectItem::UnnamedExpr(expr) => {
                SelectItem::Expr { expr: self.expr(expr)?, alias: None }
            }
            theirs::SelectItem::ExprWithAlias { expr, alias } => {
                SelectItem::Expr { expr: self.expr(expr)?, alias: Some(ident(alias)) }
            }
            _ => return refuse(),
        })
    }

    /// A table with its joins; several where a comma stood in parentheses.
    pub fn tables(&self, tree: theirs::TableWithJoins) -> Parsed<Vec<TableExpr>> {
        let mut tables = Vec::new();
        let mut current = self.factor(tree.relation)?;
        for join in tree.joins {
            let right = self.factor(join.relation)?;
            let Some((kind, constraint)) = join_kind(join.join_operator)? else {
                tables.push(current);
                current = right;
                continue;
            };
            let (on, using) = match constraint {
                theirs::JoinConstraint::None | theirs::JoinConstraint::Natural => {
                    (None, Vec::new())
                }
                theirs::JoinConstraint::On(on) => (Some(self.expr(on)?), Vec::new()),
                theirs::JoinConstraint::Using(names) => {
                    let names = names.into_iter().map(|name| Ok(table_name(name)?.name));
                    (None, names.collect::<Parsed<_>>()?)
                }
            };
            if matches!(kind, JoinKind::Left | JoinKind::Right) && on.is_none() && using.is_empty()
            {
                return refuse();
            }
            current = TableExpr::Join(Box::new(Join { kind, left: current, right, on, using }));
        }
        tables.push(current);
        Ok(tables)
    }

    fn factor(&self, tree: theirs::TableFactor) -> Parsed<TableExpr> {
        match tree {
            theirs::TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                partitions,
                index_hints,
                sample: None,
                ..
            } if with_hints.is_empty() => {
                let alias = alias.map(|alias| {
                    if alias.columns.is_empty() { Ok(ident(alias.name)) } else { refuse() }
                });
                Ok(TableExpr::Table(Table {
                    name: table_name(name)?,
                    partitions: partitions.into_iter().map(ident).collect(),
                    alias: alias.transpose()?,
                    hints: index_hints.into_iter().map(hint).collect(),
                }))
            }
            theirs::TableFactor::Derived {
                lateral,
                subquery,
                alias: Some(alias),
                sample: None,
            } => Ok(TableExpr::Derived {
                lateral,
                query: self.query(*subquery)?,
                alias: ident(alias.name),
                columns: alias.columns.into_iter().map(|column| ident(column.name)).collect(),
            }),
            theirs::TableFactor::NestedJoin { table_with_joins, alias: None } => {
                Ok(TableExpr::Parens(self.tables(*table_with_joins)?))
            }
            theirs::TableFactor::JsonTable {
                json_expr,
                json_path,
                columns,
                alias: Some(alias),
            } => {
                let expr = self.expr(json_expr)?;
                let columns: Vec<String> =
                    columns.iter().map(|column| column.to_string().to_ascii_lowercase()).collect();
                let text =
                    format!("json_table({expr}, {json_path} columns({}))", columns.join(", "));
                Ok(TableExpr::JsonTable { text, alias: ident(alias.name) })
            }
            _ => refuse(),
        }
    }

    pub fn exprs(&self, trees: Vec<theirs::Expr>) -> Parsed<Vec<Expr>> {
        trees.into_iter().map(|tree| self.expr(tree)).collect()
    }
}

/// `table t` is `select * from t`.
fn whole_table(name: TableName) -> Select {
    let table = Table { name, partitions: Vec::new(), alias: None, hints: Vec::new() };
    Select {
        items: vec![SelectItem::Star(None)],
        from: vec![TableExpr::Table(table)],
        ..Select::default()
    }
}

/// Puts a query's tail behind its body. The body may be a query in parentheses with a tail of
/// its own, which the outer one completes.
fn close(mut body: Query, tail: Tail) -> Parsed<Query> {
    let (with, order_by, limit, lock) = match &mut body {
        Query::Select(select) => {
            (&mut select.with, &mut select.order_by, &mut select.limit, Some(&mut select.lock))
        }
        Query::Union(union) => {
            (&mut union.with, &mut union.order_by, &mut union.limit, Some(&mut union.lock))
        }
        Query::Values(values) => (&mut values.with, &mut values.order_by, &mut values.limit, None),
    };
    if tail.with.is_some() {
        if with.is_some() {
            return refuse();
        }
        *with = tail.with;
    }
    if !tail.order_by.is_empty() {
        *order_by = tail.order_by;
    }
    if tail.limit.is_some() {
        *limit = tail.limit;
    }
    match lock {
        Some(lock) if tail.lock != Lock::None => *lock = tail.lock,
        None if tail.lock != Lock::None => return refuse(),
        _ => {}
    }
    Ok(body)
}

fn lock(clauses: Vec<theirs::LockClause>) -> Parsed<Lock> {
    let mut clauses = clauses.into_iter();
    let Some(clause) = clauses.next() else { return Ok(Lock::None) };
    if clauses.next().is_some() {
        return refuse();
    }
    let wait = match clause.nonblock {
        None => Wait::Block,
        Some(theirs::NonBlock::Nowait) => Wait::NoWait,
        Some(theirs::NonBlock::SkipLocked) => Wait::SkipLocked,
    };
    match (clause.lock_type, clause.of) {
        (theirs::LockType::Share, Some(of)) => {
            let marked = table_name(of)?.name.as_str().starts_with(MARK);
            if marked && wait == Wait::Block { Ok(Lock::ShareMode) } else { refuse() }
        }
        (theirs::LockType::Share, None) => Ok(Lock::ForShare(wait)),
        (theirs::LockType::Update, None) => Ok(Lock::ForUpdate(wait)),
        _ => refuse(),
    }
}

fn flags(modifiers: theirs::SelectModifiers) -> Vec<SelectFlag> {
    let all = [
        (modifiers.high_priority, SelectFlag::HighPriority),
        (modifiers.straight_join, SelectFlag::StraightJoin),
        (modifiers.sql_small_result, SelectFlag::SmallResult),
        (modifiers.sql_big_result, SelectFlag::BigResult),
        (modifiers.sql_buffer_result, SelectFlag::BufferResult),
        (modifiers.sql_no_cache, SelectFlag::NoCache),
        (modifiers.sql_calc_found_rows, SelectFlag::CalcFoundRows),
    ];
    all.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect()
}

/// None is the comma of a list in parentheses.
fn join_kind(operator: theirs::JoinOperator) -> Parsed<Option<(JoinKind, theirs::JoinConstraint)>> {
    use theirs::JoinOperator as Op;
    let (kind, constraint) = match operator {
        Op::Join(constraint) | Op::Inner(constraint) | Op::CrossJoin(constraint) => {
            (JoinKind::Inner, constraint)
        }
        Op::Left(constraint) | Op::LeftOuter(constraint) => (JoinKind::Left, constraint),
        Op::Right(constraint) | Op::RightOuter(constraint) => (JoinKind::Right, constraint),
        Op::StraightJoin(constraint) => (JoinKind::Straight, constraint),
        Op::CrossApply => return Ok(None),
        _ => return refuse(),
    };
    let natural = matches!(constraint, theirs::JoinConstraint::Natural);
    let kind = match (kind, natural) {
        (kind, false) => kind,
        (JoinKind::Inner, true) => JoinKind::Natural,
        (JoinKind::Left, true) => JoinKind::NaturalLeft,
        (JoinKind::Right, true) => JoinKind::NaturalRight,
        (_, true) => return refuse(),
    };
    Ok(Some((kind, constraint)))
}

fn hint(hint: theirs::TableIndexHints) -> IndexHint {
    let mut vindex = false;
    let indexes = hint
        .index_names
        .into_iter()
        .map(|name| {
            let name = ident(name);
            match name.as_str().strip_prefix(MARK) {
                Some(plain) => {
                    vindex = true;
                    Ident::new(plain)
                }
                None => name,
            }
        })
        .collect();
    let kind = match (hint.hint_type, vindex) {
        (theirs::TableIndexHintType::Use, false) => HintKind::UseIndex,
        (theirs::TableIndexHintType::Use, true) => HintKind::UseVindex,
        (theirs::TableIndexHintType::Ignore, false) => HintKind::IgnoreIndex,
        (theirs::TableIndexHintType::Ignore, true) => HintKind::IgnoreVindex,
        (theirs::TableIndexHintType::Force, _) => HintKind::ForceIndex,
    };
    let scope = hint.for_clause.map(|clause| match clause {
        theirs::TableIndexHintForClause::Join => HintScope::Join,
        theirs::TableIndexHintForClause::OrderBy => HintScope::OrderBy,
        theirs::TableIndexHintForClause::GroupBy => HintScope::GroupBy,
    });
    IndexHint { kind, scope, indexes }
}

pub fn table_name(name: theirs::ObjectName) -> Parsed<TableName> {
    let mut parts = name_parts(name)?;
    match (parts.pop(), parts.pop(), parts.pop()) {
        (Some(name), qualifier, None) => Ok(TableName { qualifier, name }),
        _ => refuse(),
    }
}

pub fn name_parts(name: theirs::ObjectName) -> Parsed<Vec<Ident>> {
    name.0
        .into_iter()
        .map(|part| match part {
            theirs::ObjectNamePart::Identifier(name) => Ok(ident(name)),
            theirs::ObjectNamePart::Function(_) => refuse(),
        })
        .collect()
}

pub fn object_column(name: theirs::ObjectName) -> Parsed<crate::sql::ast::ColumnName> {
    column_name(name_parts(name)?).ok_or(Refused { location: None })
}
