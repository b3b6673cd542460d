//! The operators that a statement is planned with: a tree between the syntax tree and the
//! primitives.
//!
//! ```text
//!   FROM, WHERE ─> QueryGraph, Join            ─┐
//!   select list, GROUP BY, ORDER BY ─> Horizon  ├─ rewritten until ─> Route, ApplyJoin ..
//!   subqueries ─> SubQueryContainer            ─┘  nothing changes
//! ```
//!
//! What ends up below a [`Route`] becomes the text of its query; what stays above becomes
//! primitives. One file an operator. See `go/vt/vtgate/planbuilder/operators`.
//!
//! It knows nothing of how a primitive runs.

pub mod aggregator;
pub mod apply_join;
pub mod delete;
pub mod distinct;
pub mod filter;
pub mod hash_join;
pub mod horizon;
pub mod join;
pub mod limit;
pub mod lock_and_comment;
pub mod ordering;
pub mod projection;
pub mod query_graph;
pub mod recurse_cte;
pub mod route;
pub mod sub_query;
pub mod table;
pub mod union;
pub mod update;
pub mod vindex_table;
pub mod window;

use super::semantics::Semantics;
use super::semantics::table_set::TableSet;

pub use aggregator::Aggregator;
pub use apply_join::ApplyJoin;
pub use delete::Delete;
pub use distinct::Distinct;
pub use filter::Filter;
pub use hash_join::HashJoin;
pub use horizon::Horizon;
pub use join::Join;
pub use limit::Limit;
pub use lock_and_comment::LockAndComment;
pub use ordering::Ordering;
pub use projection::Projection;
pub use query_graph::QueryGraph;
pub use recurse_cte::RecurseCte;
pub use route::Route;
pub use sub_query::{SubQuery, SubQueryContainer};
pub use table::Table;
pub use union::Union;
pub use update::Update;
pub use vindex_table::VindexTable;
pub use window::Window;

/// A node with what is below it.
#[derive(Clone, Debug)]
pub enum Operator {
    Table(Box<Table>),
    VindexTable(Box<VindexTable>),
    QueryGraph(Box<QueryGraph>),
    Join(Box<Join>),
    ApplyJoin(Box<ApplyJoin>),
    HashJoin(Box<HashJoin>),
    Route(Box<Route>),
    Horizon(Box<Horizon>),
    Projection(Box<Projection>),
    Aggregator(Box<Aggregator>),
    Filter(Box<Filter>),
    Ordering(Box<Ordering>),
    Limit(Box<Limit>),
    Distinct(Box<Distinct>),
    Union(Box<Union>),
    RecurseCte(Box<RecurseCte>),
    SubQuery(Box<SubQuery>),
    SubQueryContainer(Box<SubQueryContainer>),
    LockAndComment(Box<LockAndComment>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    Window(Box<Window>),
    /// What a rewrite has taken out; never seen by one.
    Taken,
}

impl Operator {
    /// What traces call it.
    pub fn name(&self) -> &'static str {
        match self {
            Operator::Table(_) => "Table",
            Operator::VindexTable(_) => "Vindex",
            Operator::QueryGraph(_) => "QueryGraph",
            Operator::Join(_) => "Join",
            Operator::ApplyJoin(_) => "ApplyJoin",
            Operator::HashJoin(_) => "HashJoin",
            Operator::Route(_) => "Route",
            Operator::Horizon(_) => "Horizon",
            Operator::Projection(_) => "Projection",
            Operator::Aggregator(_) => "Aggregator",
            Operator::Filter(_) => "Filter",
            Operator::Ordering(_) => "Ordering",
            Operator::Limit(_) => "Limit",
            Operator::Distinct(_) => "Distinct",
            Operator::Union(_) => "Union",
            Operator::RecurseCte(_) => "RecurseCTE",
            Operator::SubQuery(_) => "SubQuery",
            Operator::SubQueryContainer(_) => "SubQueryContainer",
            Operator::LockAndComment(_) => "LockAndComment",
            Operator::Update(_) => "Update",
            Operator::Delete(_) => "Delete",
            Operator::Window(_) => "Window",
            Operator::Taken => "Taken",
        }
    }

    /// The operator, leaving nothing in its place.
    pub fn take(&mut self) -> Operator {
        std::mem::replace(self, Operator::Taken)
    }

    pub fn inputs(&self) -> Vec<&Operator> {
        match self {
            Operator::Table(_) | Operator::VindexTable(_) | Operator::QueryGraph(_) => Vec::new(),
            Operator::Join(join) => vec![&join.left, &join.right],
            Operator::ApplyJoin(join) => vec![&join.left, &join.right],
            Operator::HashJoin(join) => vec![&join.left, &join.right],
            Operator::Route(route) => vec![&route.source],
            Operator::Horizon(horizon) => vec![&horizon.source],
            Operator::Projection(projection) => vec![&projection.source],
            Operator::Aggregator(aggregator) => vec![&aggregator.source],
            Operator::Filter(filter) => vec![&filter.source],
            Operator::Ordering(ordering) => vec![&ordering.source],
            Operator::Limit(limit) => vec![&limit.source],
            Operator::Distinct(distinct) => vec![&distinct.source],
            Operator::Union(union) => union.sources.iter().collect(),
            Operator::RecurseCte(cte) => vec![&cte.seed, &cte.term],
            Operator::SubQuery(subquery) => vec![&subquery.outer, &subquery.inner],
            Operator::SubQueryContainer(container) => {
                let inner = container.subqueries.iter().map(|subquery| &subquery.inner);
                [&container.outer].into_iter().chain(inner).collect()
            }
            Operator::LockAndComment(lock) => vec![&lock.source],
            Operator::Update(update) => vec![&update.source],
            Operator::Delete(delete) => vec![&delete.source],
            Operator::Window(window) => vec![&window.source],
            Operator::Taken => Vec::new(),
        }
    }

    pub fn inputs_mut(&mut self) -> Vec<&mut Operator> {
        match self {
            Operator::Table(_) | Operator::VindexTable(_) | Operator::QueryGraph(_) => Vec::new(),
            Operator::Join(join) => vec![&mut join.left, &mut join.right],
            Operator::ApplyJoin(join) => vec![&mut join.left, &mut join.right],
            Operator::HashJoin(join) => vec![&mut join.left, &mut join.right],
            Operator::Route(route) => vec![&mut route.source],
            Operator::Horizon(horizon) => vec![&mut horizon.source],
            Operator::Projection(projection) => vec![&mut projection.source],
            Operator::Aggregator(aggregator) => vec![&mut aggregator.source],
            Operator::Filter(filter) => vec![&mut filter.source],
            Operator::Ordering(ordering) => vec![&mut ordering.source],
            Operator::Limit(limit) => vec![&mut limit.source],
            Operator::Distinct(distinct) => vec![&mut distinct.source],
            Operator::Union(union) => union.sources.iter_mut().collect(),
            Operator::RecurseCte(cte) => {
                let RecurseCte { seed, term, .. } = &mut **cte;
                vec![seed, term]
            }
            Operator::SubQuery(subquery) => {
                let SubQuery { outer, inner, .. } = &mut **subquery;
                vec![outer, inner]
            }
            Operator::SubQueryContainer(container) => {
                let SubQueryContainer { outer, subqueries } = &mut **container;
                let inner = subqueries.iter_mut().map(|subquery| &mut subquery.inner);
                [outer].into_iter().chain(inner).collect()
            }
            Operator::LockAndComment(lock) => vec![&mut lock.source],
            Operator::Update(update) => vec![&mut update.source],
            Operator::Delete(delete) => vec![&mut delete.source],
            Operator::Window(window) => vec![&mut window.source],
            Operator::Taken => Vec::new(),
        }
    }

    /// The numbers of the tables below, derived tables included.
    pub fn tables(&self) -> TableSet {
        let below: TableSet = match self {
            // What a subquery reads is its own business, and what a recursion does.
            Operator::RecurseCte(_) => TableSet::EMPTY,
            Operator::SubQuery(subquery) => subquery.outer.tables(),
            Operator::SubQueryContainer(container) => container.outer.tables(),
            _ => self.inputs().into_iter().map(Operator::tables).collect(),
        };
        self.own_tables() | below
    }

    fn own_tables(&self) -> TableSet {
        match self {
            Operator::Table(table) => TableSet::one(table.number),
            Operator::VindexTable(table) => TableSet::one(table.number),
            Operator::QueryGraph(graph) => {
                graph.tables.iter().map(|t| TableSet::one(t.number)).collect()
            }
            Operator::Horizon(horizon) => {
                horizon.derived.iter().map(|d| TableSet::one(d.number)).collect()
            }
            Operator::Projection(p) => p.derived.iter().map(|d| TableSet::one(d.number)).collect(),
            Operator::RecurseCte(cte) => TableSet::one(cte.number),
            Operator::Aggregator(a) => a.derived.iter().map(|d| TableSet::one(d.number)).collect(),
            _ => TableSet::EMPTY,
        }
    }

    /// The tables of which every row of the result has one: not those that an outer join may leave
    /// out. (Vitess does not ask: NULLs of several shards are several groups to it.)
    pub fn tables_of_rows(&self) -> TableSet {
        match self {
            Operator::ApplyJoin(join) if !join.kind.is_inner() => join.left.tables_of_rows(),
            Operator::HashJoin(join) if join.outer => join.left.tables_of_rows(),
            Operator::Join(join) if !join.kind.is_inner() => join.left.tables_of_rows(),
            Operator::SubQuery(subquery) => subquery.outer.tables_of_rows(),
            Operator::SubQueryContainer(container) => container.outer.tables_of_rows(),
            Operator::RecurseCte(_) => self.own_tables(),
            _ => {
                let below: TableSet =
                    self.inputs().into_iter().map(Operator::tables_of_rows).collect();
                self.own_tables() | below
            }
        }
    }

    /// Whether any operator in the tree passes the test.
    pub fn any(&self, test: &mut dyn FnMut(&Operator) -> bool) -> bool {
        test(self) || self.inputs().into_iter().any(|input| input.any(test))
    }

    /// Calls for every operator in the tree, parents first.
    pub fn each(&self, call: &mut dyn FnMut(&Operator)) {
        call(self);
        self.inputs().into_iter().for_each(|input| input.each(call));
    }

    pub fn each_mut(&mut self, call: &mut dyn FnMut(&mut Operator)) {
        call(self);
        self.inputs_mut().into_iter().for_each(|input| input.each_mut(call));
    }

    /// The cost of all routes below.
    pub fn cost(&self) -> u64 {
        let own = match self {
            Operator::Route(route) => route.routing.cost(),
            _ => 0,
        };
        own + self.inputs().into_iter().map(Operator::cost).sum::<u64>()
    }

    /// Whether all tables that an expression needs are below.
    pub fn solves(&self, semantics: &Semantics, expr: &sim::sql::ast::Expr) -> bool {
        semantics.tables_of(expr).is_within(self.tables())
    }
}
