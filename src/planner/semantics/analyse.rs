//! The walk that gives numbers to tables and columns.
//!
//! FROM comes first, then the select list, WHERE, GROUP BY, HAVING and ORDER BY; a query in FROM
//! sees nothing around it, a subquery everything. See `semantics/analyzer.go`.
//!
//! It knows nothing of routes; which tables are one keyspace's is asked by who plans.

use sim::sql::ast::{
    ColumnName, CommonTable, CompareOp, Expr, HintKind, Ident, JoinKind, Query, Select, SelectItem,
    Statement, Table, TableExpr, TableName, Union, UpdateItem, With,
};
use sim::sql::walk::children_mut;

use super::super::target::Target;
use super::super::walk::{self, Visit};
use super::super::{Context, PlanError, expression, system_tables};
use super::bind::{Meaning, Scopes};
use super::check::{self, Nested};
use super::names::{Clause, Offers, resolve_union_order};
use super::table_set::TableSet;
use super::tables::{DerivedColumn, DerivedTable, RealTable, Source, TableInfo};
use super::{Semantics, Signature, item_name, recursive};
use crate::key::Code;
use crate::vschema::find::TableOrVindex;

/// Analyses a statement in place.
pub fn analyse(statement: &mut Statement, context: &Context<'_>) -> Result<Semantics, PlanError> {
    analysed(Analyzer::new(context), statement)
}

/// The same of the query for the rows of a change. Its ORDER BY is the change's, which had no
/// select list.
pub fn analyse_rows(
    statement: &mut Statement,
    context: &Context<'_>,
) -> Result<Semantics, PlanError> {
    analysed(Analyzer { is_of_change: true, ..Analyzer::new(context) }, statement)
}

fn analysed(mut analyzer: Analyzer<'_>, statement: &mut Statement) -> Result<Semantics, PlanError> {
    match statement {
        Statement::Query(query) => analyzer.query(query, Nested::No)?,
        Statement::Update(update) => {
            analyzer.from(&mut update.tables)?;
            for UpdateItem { column, value } in &mut update.set {
                analyzer.assigned(column)?;
                analyzer.expr(value, Clause::Other)?;
            }
            analyzer.filter(update.filter.as_mut())?;
            for order in &mut update.order_by {
                analyzer.expr(&mut order.expr, Clause::Other)?;
            }
        }
        Statement::Delete(delete) => {
            analyzer.from(&mut delete.tables)?;
            analyzer.filter(delete.filter.as_mut())?;
            for order in &mut delete.order_by {
                analyzer.expr(&mut order.expr, Clause::Other)?;
            }
        }
        _ => {}
    }
    let unread = analyzer.semantics.unread_common.take();
    analyzer.semantics.sharded_only = analyzer.semantics.sharded_only.take().or(unread);
    analyzer.semantics.signature = signature(statement, &analyzer.semantics);
    Ok(analyzer.semantics)
}

pub(super) struct Analyzer<'a> {
    context: &'a Context<'a>,
    pub(super) semantics: Semantics,
    scopes: Scopes,
    /// Common table expressions in sight, the nearest last.
    pub(super) common: Vec<(Ident, Common)>,
    /// Whether the query finds the rows of a change.
    is_of_change: bool,
}

/// What the name of a common table expression stands for.
#[derive(Clone)]
pub(super) enum Common {
    /// A derived table, wherever it is named.
    Inlined(CommonTable),
    /// The same of a WITH that is not the whole statement's: Vitess takes it for a recursion.
    OfPart(CommonTable),
    /// It is being read itself.
    Hidden,
    /// One that reads itself, by its number: from outside, and in its recursive query.
    Recursive(usize),
    Iteration(usize),
}

impl<'a> Analyzer<'a> {
    fn new(context: &'a Context<'a>) -> Analyzer<'a> {
        let aggregate_functions = context.vschema.aggregate_functions();
        let semantics = Semantics { aggregate_functions, ..Semantics::default() };
        let (scopes, common) = (Scopes::default(), Vec::new());
        Analyzer { context, semantics, scopes, common, is_of_change: false }
    }

    // ------------------------------------------------------------ queries

    pub(super) fn query(&mut self, query: &mut Query, nested: Nested) -> Result<(), PlanError> {
        let common = self.common.len();
        match query {
            Query::Select(select) => {
                select.with = self.with(select.with.take(), nested)?;
                self.select(select, nested)?;
            }
            Query::Union(union) => {
                union.with = self.with(union.with.take(), nested)?;
                self.union(union, nested)?;
            }
            Query::Values(_) => return Err(PlanError::unsupported("values statement")),
        }
        self.common.truncate(common);
        Ok(())
    }

    /// What stays of a WITH: the tables that read themselves.
    fn with(&mut self, with: Option<With>, nested: Nested) -> Result<Option<With>, PlanError> {
        let Some(with) = with else { return Ok(None) };
        let is_part = nested == Nested::Yes || self.scopes.nested;
        let mut stay = Vec::new();
        for (at, table) in with.tables.iter().enumerate() {
            if with.tables[..at].iter().any(|other| other.name == table.name) {
                return Err(not_unique(&table.name));
            }
        }
        for table in with.tables {
            let name = table.name.clone();
            let common = match with.recursive && recursive::reads_itself(&table) {
                true => {
                    let (number, analysed) = self.recursive(table)?;
                    stay.push(analysed);
                    Common::Recursive(number)
                }
                false if is_part => Common::OfPart(table),
                false => Common::Inlined(table),
            };
            self.common.push((name, common));
        }
        Ok((!stay.is_empty()).then_some(With { recursive: true, tables: stay }))
    }

    fn union(&mut self, union: &mut Union, nested: Nested) -> Result<(), PlanError> {
        check::union(union)?;
        let outside = self.enter_nested();
        self.query(&mut union.left, nested)?;
        self.query(&mut union.right, nested)?;
        self.leave_nested(outside);
        let counts = (column_count(&union.left), column_count(&union.right));
        if let (Some(left), Some(right)) = counts
            && left != right
        {
            let text = format!(
                "The used SELECT statements have a different number of columns: {left}, {right}"
            );
            return Err(PlanError::new(Code::FailedPrecondition, text));
        }
        if let Some(first) = check::first_select(&union.left) {
            for order in &mut union.order_by {
                resolve_union_order(&mut order.expr, first)?;
            }
        }
        Ok(())
    }

    /// What is a part of another query; gives whether that one is, too.
    pub(super) fn enter_nested(&mut self) -> bool {
        std::mem::replace(&mut self.scopes.nested, true)
    }

    pub(super) fn leave_nested(&mut self, outside: bool) {
        self.scopes.nested = outside;
    }

    fn select(&mut self, select: &mut Select, nested: Nested) -> Result<(), PlanError> {
        check::select(select, nested)?;
        if select.into.is_some() {
            self.semantics.sharded_only = Some(PlanError::unsupported("INTO on sharded keyspace"));
        }
        if select.from.is_empty() {
            select.from.push(dual());
        }
        self.scopes.levels.push(Vec::new());
        self.from(&mut select.from)?;
        self.sequence(select)?;
        let own = self.own().clone();
        self.semantics.expand_stars(select, &own)?;
        for item in &mut select.items {
            if let SelectItem::Expr { expr, .. } = item {
                self.expr(expr, Clause::Other)?;
            }
        }
        self.filter(select.filter.as_mut())?;
        let offers = Offers::of(select);
        self.group_by(select, &offers)?;
        self.having(select, &offers)?;
        for (_, window) in &mut select.windows {
            for expr in &mut window.partition_by {
                self.expr(expr, Clause::Other)?;
            }
            for order in &mut window.order_by {
                self.expr(&mut order.expr, Clause::Other)?;
            }
        }
        let is_whole = self.scopes.levels.len() == 1 && !self.scopes.nested;
        for order in &mut select.order_by {
            if self.is_of_change && is_whole {
                self.expr(&mut order.expr, Clause::Other)?;
                continue;
            }
            self.resolve(&mut order.expr, &offers, Clause::OrderBy)?;
            if !self.is_unknown(&order.expr, &offers) {
                self.expr(&mut order.expr, Clause::OrderBy)?;
            }
        }
        self.scopes.levels.pop();
        Ok(())
    }

    /// NEXT reads one sequence and nothing else.
    fn sequence(&self, select: &Select) -> Result<(), PlanError> {
        if !select.items.iter().any(|item| matches!(item, SelectItem::Next(_))) {
            return Ok(());
        }
        let own = self.own();
        let [number] = own[..] else {
            let text = format!(
                "Next statement should not contain multiple tables: found {} tables",
                own.len()
            );
            return Err(PlanError::new(Code::InvalidArgument, text));
        };
        let table = self.semantics.table(number);
        let is_sequence = table
            .real()
            .is_some_and(|real| real.table.table_type == crate::vschema::TableType::Sequence);
        if is_sequence {
            return Ok(());
        }
        let name = match table.real() {
            Some(real) => real.table.name.clone(),
            None => table.name.as_str().to_owned(),
        };
        let text = format!("NEXT used on a non-sequence table `{name}`");
        Err(PlanError::new(Code::InvalidArgument, text))
    }

    fn group_by(&mut self, select: &mut Select, offers: &Offers) -> Result<(), PlanError> {
        for expr in &mut select.group_by {
            let written = expr.clone();
            self.resolve(expr, offers, Clause::GroupBy)?;
            if self.semantics.has_aggregate(expr) && !self.may_be_column(&written) {
                return Err(cannot_group(&written));
            }
            // What an alias stands for is of the tables.
            let clause = if *expr == written { Clause::GroupBy } else { Clause::Other };
            if !self.is_unknown(expr, offers) {
                self.expr(expr, clause)?;
            }
        }
        Ok(())
    }

    /// A column of the select list that no table has: that has been said.
    fn is_unknown(&self, expr: &Expr, offers: &Offers) -> bool {
        let Expr::Column(column) = expr else { return false };
        offers.has(expr) && self.semantics.meaning(column, &self.scopes) == Meaning::Unknown
    }

    /// Whether a name could be a column of one of the tables.
    fn may_be_column(&self, expr: &Expr) -> bool {
        let Expr::Column(column) = expr else { return true };
        let has = |number: &u32| {
            self.semantics.table(*number).has(column.name.as_str()) != super::tables::Has::No
        };
        self.own().iter().any(has)
    }

    /// Conjuncts without an aggregate go to WHERE.
    fn having(&mut self, select: &mut Select, offers: &Offers) -> Result<(), PlanError> {
        let Some(mut having) = select.having.take() else { return Ok(()) };
        self.semantics.resolve_having(&mut having, offers)?;
        self.expr(&mut having, Clause::Having)?;
        let (stay, go): (Vec<Expr>, Vec<Expr>) = expression::into_conjuncts(having)
            .into_iter()
            .partition(|conjunct| self.semantics.has_aggregate(conjunct));
        select.having = expression::conjunction(stay);
        let filter = select.filter.take().map(expression::into_conjuncts).unwrap_or_default();
        select.filter = expression::conjunction(filter.into_iter().chain(go).collect());
        Ok(())
    }

    fn resolve(
        &mut self,
        expr: &mut Expr,
        offers: &Offers,
        clause: Clause,
    ) -> Result<(), PlanError> {
        self.semantics.resolve_names(expr, offers, &self.scopes, clause)
    }

    fn own(&self) -> &Vec<u32> {
        static NONE: Vec<u32> = Vec::new();
        self.scopes.levels.last().unwrap_or(&NONE)
    }

    // ------------------------------------------------------------ expressions

    fn filter(&mut self, filter: Option<&mut Expr>) -> Result<(), PlanError> {
        let Some(filter) = filter else { return Ok(()) };
        self.expr(filter, Clause::Other)?;
        without_keyspaces(filter);
        let whole = std::mem::replace(filter, Expr::And(Vec::new()));
        let conjuncts = expression::into_conjuncts(whole).into_iter().flat_map(split_rows);
        let conjuncts: Vec<Expr> = conjuncts.collect();
        *filter = match conjuncts.len() {
            1 => conjuncts.into_iter().next().unwrap_or(Expr::And(Vec::new())),
            _ => Expr::And(conjuncts),
        };
        Ok(())
    }

    /// Binds every column in it; a subquery is analysed as the query that it is.
    fn expr(&mut self, expr: &mut Expr, clause: Clause) -> Result<(), PlanError> {
        if let Expr::Column(column) = expr {
            *expr = self.semantics.bind(column.clone(), &self.scopes, clause)?;
            return Ok(());
        }
        check::lock_function(expr)?;
        if let Expr::Compare { left, right, .. } = expr {
            check_operands(left, right)?;
        }
        // What is aggregated is of the tables, wherever it stands.
        let clause = match self.semantics.is_aggregate(expr) {
            true => Clause::Other,
            false => clause,
        };
        for child in children_mut(expr) {
            self.expr(child, clause)?;
        }
        match expr {
            Expr::Subquery(query) | Expr::Exists(query) => self.query(query, Nested::Yes),
            Expr::Quantified { query, .. } => {
                let text = "ANY/ALL/SOME comparison operator";
                self.semantics.one_route_only = Some(PlanError::unsupported(text));
                self.query(query, Nested::Yes)
            }
            _ => Ok(()),
        }
    }

    /// A column that UPDATE assigns must be one of the tables'.
    fn assigned(&mut self, column: &ColumnName) -> Result<(), PlanError> {
        self.semantics.bind(column.clone(), &self.scopes, Clause::Other).map(drop)
    }

    // ------------------------------------------------------------ FROM

    fn from(&mut self, from: &mut [TableExpr]) -> Result<(), PlanError> {
        if self.scopes.levels.is_empty() {
            self.scopes.levels.push(Vec::new());
        }
        from.iter_mut().try_for_each(|table| self.table_expr(table))
    }

    fn table_expr(&mut self, table: &mut TableExpr) -> Result<(), PlanError> {
        match table {
            TableExpr::Table(_) | TableExpr::Derived { .. } => self.leaf(table),
            TableExpr::Join(join) => {
                let before = self.own().len();
                self.table_expr(&mut join.left)?;
                self.table_expr(&mut join.right)?;
                if !join.using.is_empty() {
                    self.using(join, before)?;
                }
                let Some(on) = &mut join.on else { return Ok(()) };
                // ON sees the tables of its join alone, and what stands around the query.
                let all = self.own().clone();
                if let Some(own) = self.scopes.levels.last_mut() {
                    own.drain(..before);
                }
                let bound = self.expr(on, Clause::Other);
                without_keyspaces(on);
                if let Some(own) = self.scopes.levels.last_mut() {
                    *own = all;
                }
                bound
            }
            TableExpr::Parens(list) => list.iter_mut().try_for_each(|inner| self.table_expr(inner)),
            TableExpr::JsonTable { .. } => Err(PlanError::unsupported("json_table expressions")),
            TableExpr::Bound(..) => Ok(()),
        }
    }

    /// USING becomes equalities in ON, where it is known which tables have the columns.
    fn using(&mut self, join: &mut sim::sql::ast::Join, before: usize) -> Result<(), PlanError> {
        let own: Vec<u32> = self.own()[before..].to_vec();
        let mut terms: Vec<Expr> = join.on.take().into_iter().collect();
        for name in std::mem::take(&mut join.using) {
            let with = |number: &&u32| match self.semantics.table(**number).has(name.as_str()) {
                super::tables::Has::Certainly => true,
                super::tables::Has::Possibly => own.len() == 2,
                super::tables::Has::No => false,
            };
            let having: Vec<u32> = own.iter().filter(with).copied().collect();
            let known = own.len() == 2
                || own.iter().all(|number| {
                    self.semantics.table(*number).has(name.as_str()) != super::tables::Has::Possibly
                });
            let [.., left, right] = having[..] else {
                self.semantics.sharded_only = Some(expression::schema_tracking_required());
                continue;
            };
            if !known {
                self.semantics.sharded_only = Some(expression::schema_tracking_required());
            }
            let both = TableSet::one(left) | TableSet::one(right);
            self.semantics.using.push((name.clone(), both));
            let column = |number: u32| {
                let table = Some(self.semantics.qualifier(number));
                Box::new(Expr::Column(ColumnName { table, name: name.clone() }))
            };
            let (left, right) = (column(left), column(right));
            terms.push(Expr::Compare { op: CompareOp::Equal, left, right, escape: None });
        }
        if join.kind == JoinKind::Inner || !terms.is_empty() {
            join.on = expression::conjunction(terms);
        }
        Ok(())
    }

    /// One table: it gets its number.
    fn leaf(&mut self, table: &mut TableExpr) -> Result<(), PlanError> {
        if let TableExpr::Table(written) = table
            && written.name.qualifier.is_none()
            && let Some(at) = self.common.iter().rposition(|(name, _)| *name == written.name.name)
        {
            let written = written.clone();
            match self.common[at].1.clone() {
                Common::Inlined(common) => *table = inlined(written, common),
                Common::OfPart(common) => {
                    if !matches!(common.query, Query::Union(_)) {
                        self.semantics.unread_common = Some(not_read());
                    }
                    *table = inlined(written, common);
                }
                Common::Hidden => {
                    let text = "do not support CTE that use the CTE alias inside the CTE query";
                    return Err(PlanError::unsupported(text));
                }
                Common::Recursive(cte) => return self.use_of_recursive(table, &written, cte),
                Common::Iteration(cte) => return self.iteration(table, &written, cte),
            }
        }
        let info = match table {
            TableExpr::Table(written) => self.table(written)?,
            TableExpr::Derived { query, alias, columns, .. } => {
                self.derived(query, alias, columns)?
            }
            _ => return Ok(()),
        };
        self.add(table, info)
    }

    pub(super) fn add(&mut self, table: &mut TableExpr, info: TableInfo) -> Result<(), PlanError> {
        let clashes = |number: &u32| {
            let other = self.semantics.table(*number);
            let told_apart = other.keyspace.is_some()
                && info.keyspace.is_some()
                && other.keyspace != info.keyspace;
            other.name == info.name && !told_apart
        };
        if self.own().iter().any(clashes) {
            return Err(not_unique(&info.name));
        }
        let number = self.semantics.tables.len() as u32;
        if number == TableSet::CAPACITY {
            let text = format!("more than {} tables in a statement", TableSet::CAPACITY);
            return Err(PlanError::unsupported(text));
        }
        self.semantics.tables.push(info);
        if let Some(own) = self.scopes.levels.last_mut() {
            own.push(number);
        }
        let inner = std::mem::replace(table, TableExpr::Parens(Vec::new()));
        *table = TableExpr::Bound(Box::new(inner), number);
        Ok(())
    }

    fn derived(
        &mut self,
        query: &mut Query,
        alias: &Ident,
        columns: &[Ident],
    ) -> Result<TableInfo, PlanError> {
        let inside = Scopes { levels: Vec::new(), nested: true };
        let outside = std::mem::replace(&mut self.scopes, inside);
        // Its own name means nothing in it.
        let own = self.common.iter().rposition(|(name, _)| name == alias);
        let hidden = own.map(|at| std::mem::replace(&mut self.common[at].1, Common::Hidden));
        let done = self.query(query, Nested::Yes);
        if let (Some(at), Some(hidden)) = (own, hidden) {
            self.common[at].1 = hidden;
        }
        self.scopes = outside;
        done?;
        let derived = derived_table(query, columns, &self.semantics)?;
        let source = Source::Derived(derived);
        Ok(TableInfo { name: alias.clone(), keyspace: None, written_keyspace: None, source })
    }

    /// A table by its name: through the vschema, unless every server has it.
    fn table(&mut self, written: &Table) -> Result<TableInfo, PlanError> {
        let TableName { qualifier, name } = &written.name;
        let target = match qualifier {
            Some(text) => Some(
                Target::parse(text.as_str())
                    .map_err(|error| PlanError::new(Code::InvalidArgument, error.to_string()))?,
            ),
            None => None,
        };
        let alias = written.alias.clone();
        let known_as = alias.clone().unwrap_or_else(|| name.clone());
        let written_keyspace = qualifier.clone().filter(|_| alias.is_none());
        let keyspace = target.as_ref().map(|target| target.keyspace.as_str());
        let keyspace = keyspace.or(self.context.keyspace).unwrap_or("");
        if name.is("dual") && target.is_none() {
            return Ok(self.dual(known_as));
        }
        if is_system_schema(keyspace) {
            let version = &self.context.environment.mysql_version;
            let source = Source::System(system_tables::find(version, keyspace, name.as_str()));
            let keyspace = alias.is_none().then(|| Ident::new(keyspace));
            return Ok(TableInfo { name: known_as, keyspace, written_keyspace, source });
        }
        let kind = target.as_ref().and_then(|target| target.tablet_type.as_deref());
        let kind = kind.unwrap_or(self.context.tablet_type);
        let found = self.context.vschema.find_table_or_vindex(keyspace, name.as_str(), kind);
        let found = found.map_err(|error| PlanError::new(error.code, error.to_string()))?;
        let destination = target.as_ref().and_then(|target| target.destination.clone());
        let source = match found {
            TableOrVindex::Table(table) => {
                let vindex_hint = vindex_hint(written, &table)?;
                Source::Real(RealTable { table, destination, vindex_hint })
            }
            TableOrVindex::Vindex(vindex) => {
                Source::Vindex { keyspace: keyspace.to_owned(), name: vindex.name().to_owned() }
            }
        };
        let keyspace = match (&source, alias) {
            (_, Some(_)) => None,
            (Source::Real(real), None) => match qualifier {
                Some(qualifier) => Some(qualifier.clone()),
                None => Some(Ident::new(&real.table.keyspace)),
            },
            _ => qualifier.clone(),
        };
        Ok(TableInfo { name: known_as, keyspace, written_keyspace, source })
    }

    fn dual(&self, name: Ident) -> TableInfo {
        let keyspace = super::super::dual_keyspace(self.context);
        let table = std::sync::Arc::new(crate::vschema::Table::bare(&keyspace, "dual"));
        let source = Source::Real(RealTable { table, destination: None, vindex_hint: None });
        TableInfo { name, keyspace: None, written_keyspace: None, source }
    }
}

/// A common table expression is a derived table wherever it is named.
fn inlined(written: Table, common: CommonTable) -> TableExpr {
    let alias = written.alias.unwrap_or(written.name.name);
    let CommonTable { columns, query, .. } = common;
    TableExpr::Derived { lateral: false, query, alias, columns }
}

/// A query without FROM reads dual.
fn dual() -> TableExpr {
    let name = TableName { qualifier: None, name: Ident::new("dual") };
    TableExpr::Table(Table { name, partitions: Vec::new(), alias: None, hints: Vec::new() })
}

pub fn is_system_schema(keyspace: &str) -> bool {
    ["information_schema", "mysql", "performance_schema", "sys"]
        .iter()
        .any(|system| keyspace.eq_ignore_ascii_case(system))
}

/// `use vindex` and `ignore vindex`: one of them, of vindexes that the table has.
fn vindex_hint(
    written: &Table,
    table: &crate::vschema::Table,
) -> Result<Option<sim::sql::ast::IndexHint>, PlanError> {
    let is_vindex = |kind| matches!(kind, HintKind::UseVindex | HintKind::IgnoreVindex);
    let mut hints = written.hints.iter().filter(|hint| is_vindex(hint.kind));
    let Some(hint) = hints.next() else { return Ok(None) };
    if hints.next().is_some() {
        let text = format!("VT09020: can not use multiple vindex hints for table {}", table.name);
        return Err(PlanError::new(Code::FailedPrecondition, text));
    }
    for name in &hint.indexes {
        if !table.column_vindexes.iter().any(|vindex| vindex.name == name.as_str()) {
            let text = format!(
                "VT09021: Vindex '{}' does not exist in table '{}.{}'",
                name.as_str(),
                table.keyspace,
                table.name
            );
            return Err(PlanError::new(Code::FailedPrecondition, text));
        }
    }
    Ok(Some(hint.clone()))
}

fn not_unique(name: &Ident) -> PlanError {
    let text = format!("VT03013: not unique table/alias: '{}'", name.as_str());
    PlanError::new(Code::FailedPrecondition, text)
}

fn not_read() -> PlanError {
    PlanError::bug("expected UNION in recursive CTE")
}

fn cannot_group(expr: &Expr) -> PlanError {
    PlanError::new(Code::InvalidArgument, format!("VT03005: cannot group on '{expr}'"))
}

/// `(a, b) = (1, 2)` is `a = 1 and b = 2`.
fn split_rows(conjunct: Expr) -> Vec<Expr> {
    let Expr::Compare { op: CompareOp::Equal, left, right, escape: None } = conjunct else {
        return vec![conjunct];
    };
    match (*left, *right) {
        (Expr::Tuple(lefts), Expr::Tuple(rights)) if lefts.len() == rights.len() => {
            let pair = |(left, right)| Expr::Compare {
                op: CompareOp::Equal,
                left: Box::new(left),
                right: Box::new(right),
                escape: None,
            };
            lefts.into_iter().zip(rights).map(pair).flat_map(split_rows).collect()
        }
        (left, right) => vec![Expr::Compare {
            op: CompareOp::Equal,
            left: Box::new(left),
            right: Box::new(right),
            escape: None,
        }],
    }
}

/// A condition names no keyspaces, and no schemas.
fn without_keyspaces(condition: &mut Expr) {
    let mut each = walk::EachExpr(|expr: &mut Expr| {
        if let Expr::Bound(column, _) | Expr::Column(column) = expr
            && let Some(table) = &mut column.table
        {
            table.qualifier = None;
        }
    });
    walk::expr_mut(condition, &mut each);
}

/// A subquery in a comparison gives as many columns as the other side has.
fn check_operands(left: &Expr, right: &Expr) -> Result<(), PlanError> {
    let width = |expr: &Expr| match expr {
        Expr::Tuple(items) => Some(items.len()),
        Expr::Subquery(query) => column_count(query),
        Expr::ListArgument(_) => None,
        _ => Some(1),
    };
    let is_query = |expr: &Expr| matches!(expr, Expr::Subquery(_));
    if !is_query(left) && !is_query(right) {
        return Ok(());
    }
    match (width(left), width(right)) {
        (Some(wanted), Some(given)) if wanted != given => {
            let text = format!("Operand should contain {wanted} column(s)");
            Err(PlanError::new(Code::InvalidArgument, text))
        }
        _ => Ok(()),
    }
}

/// How many columns a query gives; None where a star hides it.
pub fn column_count(query: &Query) -> Option<usize> {
    match query {
        Query::Select(select) => {
            let star = select.items.iter().any(|item| matches!(item, SelectItem::Star(_)));
            (!star).then_some(select.items.len())
        }
        Query::Union(union) => column_count(&union.left).or_else(|| column_count(&union.right)),
        Query::Values(values) => values.rows.first().map(Vec::len),
    }
}

fn derived_table(
    query: &Query,
    names: &[Ident],
    semantics: &Semantics,
) -> Result<DerivedTable, PlanError> {
    let mut columns = output(query);
    let authoritative = columns.is_some();
    if let Some(columns) = &mut columns {
        if !names.is_empty() && names.len() != columns.len() {
            let text = "VT03033: In definition of view, derived table or common table expression, SELECT list and column names list have different column counts";
            return Err(PlanError::new(Code::InvalidArgument, text));
        }
        for (column, name) in columns.iter_mut().zip(names) {
            column.name = name.clone();
        }
    }
    let columns = columns.unwrap_or_else(|| known_output(query));
    for (at, column) in columns.iter().enumerate() {
        if columns[..at].iter().any(|other| other.name.is(column.name.as_str())) {
            let text = format!("Duplicate column name '{}'", column.name.as_str());
            return Err(PlanError::new(Code::InvalidArgument, text));
        }
    }
    Ok(DerivedTable { columns, authoritative, tables: semantics.tables_in(query) })
}

/// The columns of a query; None where a star hides some.
pub(super) fn output(query: &Query) -> Option<Vec<DerivedColumn>> {
    match query {
        Query::Select(select) => {
            let column = |item: &SelectItem| match item {
                SelectItem::Expr { expr, alias } => {
                    let name = item_name(expr, alias.as_ref());
                    Some(DerivedColumn::new(name, vec![expr.clone()]))
                }
                _ => None,
            };
            select.items.iter().map(column).collect()
        }
        Query::Union(union) => {
            let (mut left, right) = (output(&union.left)?, output(&union.right)?);
            for (column, other) in left.iter_mut().zip(right) {
                column.exprs.extend(other.exprs);
            }
            Some(left)
        }
        Query::Values(_) => None,
    }
}

/// The columns that stand beside a star.
pub(super) fn known_output(query: &Query) -> Vec<DerivedColumn> {
    let Some(select) = check::first_select(query) else { return Vec::new() };
    let column = |item: &SelectItem| match item {
        SelectItem::Expr { expr, alias } => {
            Some(DerivedColumn::new(item_name(expr, alias.as_ref()), vec![expr.clone()]))
        }
        _ => None,
    };
    select.items.iter().filter_map(column).collect()
}

// ---------------------------------------------------------------- signature

fn signature(statement: &Statement, semantics: &Semantics) -> Signature {
    let mut found = Look { signature: Signature::default(), semantics };
    walk::statement(statement, &mut found);
    found.signature
}

struct Look<'a> {
    signature: Signature,
    semantics: &'a Semantics,
}

impl Visit for Look<'_> {
    fn expr(&mut self, expr: &Expr) -> bool {
        self.signature.subqueries |= walk::own_query(expr).is_some();
        self.signature.aggregation |= self.semantics.is_aggregate(expr);
        if let Expr::Function(function) = expr {
            let with_argument = function.name.is("last_insert_id") && !function.args.is_empty();
            self.signature.last_insert_id |= with_argument;
        }
        true
    }

    fn query(&mut self, query: &Query) -> bool {
        match query {
            Query::Select(select) => {
                self.signature.distinct |= select.distinct;
                self.signature.aggregation |= !select.group_by.is_empty();
            }
            Query::Union(union) => {
                self.signature.union = true;
                self.signature.distinct |= union.distinct;
            }
            Query::Values(_) => {}
        }
        true
    }
}
