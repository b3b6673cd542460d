//! Routing in a sharded keyspace: by the best of the vindexes that predicates give values.
//!
//! ```text
//!   id = 5                    unique vindex on id      EqualUnique, 5
//!   name in ('a', 'b')        lookup on name           In, ('a', 'b')
//!   (a, b) in ((1, 2), ..)    vindex on b              MultiEqual, (2, ..)
//!   cola = 1                  multicol(cola, colb)     SubShard, 1
//! ```
//!
//! Every predicate may open options; after each the best is chosen again. See
//! `operators/sharded_routing.go`.

use std::sync::Arc;

use sim::sql::ast::{ColumnName, CompareOp, Expr, HintKind, IsTest, Literal};

use super::super::planning::Planning;
use super::super::primitive::{Keyspace, Opcode};
use super::super::{evaluable, predicate};
use super::Routing;
use super::option::{VindexOption, VindexOptions};
use crate::vindex::Vindex;
use crate::vschema::{ColumnVindex, Table};

#[derive(Clone, Debug)]
pub struct Sharded {
    pub keyspace: Keyspace,
    pub opcode: Opcode,
    pub vindexes: Vec<VindexOptions>,
    pub selected: Option<VindexOption>,
    /// All predicates so far, in order.
    pub seen: Vec<Expr>,
}

/// What gives a vindex column a value.
struct Given<'a> {
    column: &'a ColumnName,
    table: u32,
    value: Expr,
    predicate: &'a Expr,
}

impl Sharded {
    /// Every shard, with the vindexes of a table at hand.
    pub fn of(
        number: u32,
        table: &Table,
        keyspace: Keyspace,
        hint: Option<&sim::sql::ast::IndexHint>,
    ) -> Sharded {
        let usable = |vindex: &&Arc<ColumnVindex>| {
            let named = |hint: &sim::sql::ast::IndexHint| {
                hint.indexes.iter().any(|name| name.as_str() == vindex.name)
            };
            !vindex.backfill
                && match hint {
                    Some(hint) if hint.kind == HintKind::UseVindex => named(hint),
                    Some(hint) if hint.kind == HintKind::IgnoreVindex => !named(hint),
                    _ => true,
                }
        };
        let of = |vindex: &Arc<ColumnVindex>| VindexOptions {
            table: number,
            vindex: Arc::clone(vindex),
            options: Vec::new(),
        };
        let vindexes = table.column_vindexes.iter().filter(usable).map(of).collect();
        Sharded { keyspace, opcode: Opcode::Scatter, vindexes, selected: None, seen: Vec::new() }
    }

    pub fn narrowed(mut self, planning: &Planning<'_>, predicate: &Expr) -> Routing {
        self.seen.push(predicate.clone());
        if self.search(planning, predicate) {
            self.pick();
        }
        Routing::Sharded(self)
    }

    /// Routing by other predicates, from the start.
    pub fn again(mut self, planning: &Planning<'_>, predicates: Vec<Expr>) -> Routing {
        self.selected = None;
        self.opcode = Opcode::Scatter;
        self.seen.clear();
        self.vindexes.iter_mut().for_each(|vindex| vindex.options.clear());
        let start = Routing::Sharded(self);
        predicates.iter().fold(start, |routing, predicate| routing.narrowed(planning, predicate))
    }

    /// For routing only: ORs whose branches give the same columns are read as IN of tuples.
    pub fn by_tuples(mut self, planning: &Planning<'_>) -> Sharded {
        for seen in self.seen.clone() {
            let Some((left, right)) = predicate::or_as_tuples(&seen) else { continue };
            let whole = Expr::Compare {
                op: CompareOp::In,
                left: Box::new(left),
                right: Box::new(right),
                escape: None,
            };
            if self.search(planning, &whole) {
                self.pick();
            }
        }
        self
    }

    /// The best of all options that are ready.
    pub fn pick(&mut self) {
        for vindex in &self.vindexes {
            let ready = vindex.options.iter().filter(|option| option.is_ready());
            let best = ready.reduce(|best, option| match option.is_no_worse(best) {
                true => option,
                false => best,
            });
            let Some(best) = best else { continue };
            if self.selected.as_ref().is_none_or(|selected| best.is_no_worse(selected)) {
                self.opcode = best.opcode;
                self.selected = Some(best.clone());
            }
        }
    }

    /// Whether a predicate has completed an option.
    fn search(&mut self, planning: &Planning<'_>, predicate: &Expr) -> bool {
        match predicate {
            Expr::Compare { op: CompareOp::Equal, left, right, .. } => {
                self.equal(planning, predicate, left, right)
            }
            Expr::Compare { op: CompareOp::In, left, right, .. } => {
                self.within(planning, predicate, left, right)
            }
            Expr::Compare { op: CompareOp::Like, left, right, .. } => {
                self.like(planning, predicate, left, right)
            }
            Expr::Is { expr, test: IsTest::Null } => self.is_null(predicate, expr),
            Expr::Between { expr, low, high, .. } => {
                self.between(planning, predicate, expr, (low, high))
            }
            _ => false,
        }
    }

    fn equal(
        &mut self,
        planning: &Planning<'_>,
        predicate: &Expr,
        left: &Expr,
        right: &Expr,
    ) -> bool {
        let (column, value) = match (left, right) {
            (Expr::Bound(..), other) => (left, other),
            (other, Expr::Bound(..)) => (right, other),
            _ => return false,
        };
        let mut found = false;
        // A column on both sides: either may be a vindex's.
        for (column, value) in [(column, value), (value, column)] {
            let Expr::Bound(name, table) = column else { continue };
            let Some(value) = value_of(planning, value) else { continue };
            let given = Given { column: name, table: *table, value, predicate };
            found |= self.offer(&given, equal_opcode, |vindex| Some(Arc::clone(&vindex.vindex)));
            if found {
                break;
            }
        }
        found
    }

    fn within(
        &mut self,
        planning: &Planning<'_>,
        predicate: &Expr,
        left: &Expr,
        right: &Expr,
    ) -> bool {
        match (left, right) {
            (Expr::Bound(..), Expr::Tuple(items)) if items.len() == 1 => {
                let equal = Expr::Compare {
                    op: CompareOp::Equal,
                    left: Box::new(left.clone()),
                    right: Box::new(items[0].clone()),
                    escape: None,
                };
                self.equal(planning, &equal, left, &items[0])
            }
            (Expr::Bound(column, table), _) => {
                let Some(value) = list_of(planning, right) else { return false };
                let given = Given { column, table: *table, value, predicate };
                self.offer(&given, |_| Opcode::In, |vindex| Some(Arc::clone(&vindex.vindex)))
            }
            (Expr::Tuple(columns), Expr::Tuple(rows)) => {
                self.rows_within(planning, predicate, columns, &rows.iter().collect::<Vec<_>>())
            }
            (Expr::Tuple(columns), Expr::ListArgument(name)) => {
                let mut found = false;
                for (at, column) in columns.iter().enumerate() {
                    let Expr::Bound(column, table) = column else { continue };
                    let name = format!("{}:{at}", name.as_str());
                    let value = Expr::ListArgument(sim::sql::ast::Ident::new(&name));
                    let given = Given { column, table: *table, value, predicate };
                    found |= self.offer(
                        &given,
                        |_| Opcode::MultiEqual,
                        |vindex| Some(Arc::clone(&vindex.vindex)),
                    );
                }
                found
            }
            _ => false,
        }
    }

    /// `(a, (b, c)) in ((1, (2, 3)), ..)`: each column with its own values; the search ends with
    /// the first nested tuple.
    fn rows_within(
        &mut self,
        planning: &Planning<'_>,
        predicate: &Expr,
        columns: &[Expr],
        rows: &[&Expr],
    ) -> bool {
        let mut found = false;
        for (at, column) in columns.iter().enumerate() {
            let element = |row: &&Expr| match row {
                Expr::Tuple(items) => items.get(at).cloned(),
                _ => None,
            };
            let elements: Option<Vec<Expr>> = rows.iter().map(element).collect();
            match (column, elements) {
                (Expr::Tuple(inner), Some(elements)) => {
                    let rows: Vec<&Expr> = elements.iter().collect();
                    return self.rows_within(planning, predicate, inner, &rows) || found;
                }
                (Expr::Bound(column, table), Some(elements)) => {
                    let values: Option<Vec<Expr>> =
                        elements.iter().map(|value| value_of(planning, value)).collect();
                    let Some(values) = values else { continue };
                    let value = Expr::Tuple(values);
                    let given = Given { column, table: *table, value, predicate };
                    found |= self.offer(
                        &given,
                        |_| Opcode::MultiEqual,
                        |vindex| Some(Arc::clone(&vindex.vindex)),
                    );
                }
                (Expr::Bound(..), None) => return found,
                _ => {}
            }
        }
        found
    }

    fn like(
        &mut self,
        planning: &Planning<'_>,
        predicate: &Expr,
        left: &Expr,
        right: &Expr,
    ) -> bool {
        let Expr::Bound(column, table) = left else { return false };
        let Some(value) = value_of(planning, right) else { return false };
        let given = Given { column, table: *table, value, predicate };
        let prefix = |vindex: &ColumnVindex| {
            if !vindex.vindex.properties().prefixable {
                return None;
            }
            vindex.vindex.functional()?.prefix_vindex()
        };
        self.offer(&given, |_| Opcode::Equal, prefix)
    }

    fn is_null(&mut self, predicate: &Expr, expr: &Expr) -> bool {
        let Expr::Bound(column, table) = expr else { return false };
        let value = Expr::Literal(Literal::Null);
        let given = Given { column, table: *table, value, predicate };
        let mapping = |vindex: &ColumnVindex| {
            let lookup = vindex.vindex.properties().is_lookup();
            (!lookup).then(|| Arc::clone(&vindex.vindex))
        };
        self.offer(&given, equal_opcode, mapping)
    }

    fn between(
        &mut self,
        planning: &Planning<'_>,
        predicate: &Expr,
        expr: &Expr,
        (low, high): (&Expr, &Expr),
    ) -> bool {
        let Expr::Bound(column, table) = expr else { return false };
        let ends = (value_of(planning, low), value_of(planning, high));
        let (Some(low), Some(high)) = ends else { return false };
        let value = Expr::Tuple(vec![low, high]);
        let given = Given { column, table: *table, value, predicate };
        let sequential = |vindex: &ColumnVindex| {
            vindex.vindex.properties().sequential.then(|| Arc::clone(&vindex.vindex))
        };
        self.offer(&given, |_| Opcode::Between, sequential)
    }

    /// Gives a value to every vindex that has the column; says whether an option became complete.
    fn offer(
        &mut self,
        given: &Given<'_>,
        opcode: impl Fn(&ColumnVindex) -> Opcode,
        mapping: impl Fn(&ColumnVindex) -> Option<Arc<dyn Vindex>>,
    ) -> bool {
        let mut complete = false;
        for vindex in self.vindexes.iter_mut().filter(|vindex| vindex.table == given.table) {
            let columns = &vindex.vindex.columns;
            let Some(at) = columns.iter().position(|name| given.column.name.is(name)) else {
                continue;
            };
            let multi = vindex.vindex.vindex.properties().is_multi_column();
            if !multi && at != 0 {
                continue;
            }
            let Some(mapping) = mapping(&vindex.vindex) else { continue };
            let empty = VindexOption {
                table: given.table,
                vindex: Arc::clone(&vindex.vindex),
                mapping,
                opcode: Opcode::Unsharded,
                values: vec![None; if multi { columns.len() } else { 1 }],
                predicates: Vec::new(),
            };
            let opcode = opcode(&vindex.vindex);
            let with_value = |option: &VindexOption| {
                let mut option = option.clone();
                option.values[at] = Some(given.value.clone());
                option.predicates.push(given.predicate.clone());
                option.opcode = option.opcode.max(opcode);
                option
            };
            let open = vindex.options.iter().filter(|option| option.values[at].is_none());
            let mut new: Vec<VindexOption> = open.map(with_value).collect();
            new.push(with_value(&empty));
            complete |= new.iter().any(VindexOption::is_ready);
            vindex.options.extend(new);
        }
        complete
    }
}

fn equal_opcode(vindex: &ColumnVindex) -> Opcode {
    match (vindex.partial, vindex.unique) {
        (true, _) => Opcode::SubShard,
        (false, true) => Opcode::EqualUnique,
        (false, false) => Opcode::Equal,
    }
}

/// The expression as vtgate can evaluate it, or an equal one that it can.
pub fn value_of(planning: &Planning<'_>, expr: &Expr) -> Option<Expr> {
    if matches!(expr, Expr::Tuple(_) | Expr::ListArgument(_)) {
        return None;
    }
    let equals = planning.semantics.equals_of(expr);
    equals.iter().find_map(|expr| evaluable::translate(expr).ok())
}

fn list_of(planning: &Planning<'_>, expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Tuple(items) => {
            let values = items.iter().map(|item| value_of(planning, item));
            values.collect::<Option<Vec<Expr>>>().map(Expr::Tuple)
        }
        Expr::ListArgument(_) => Some(expr.clone()),
        _ => None,
    }
}
