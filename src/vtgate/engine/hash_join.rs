//! A join of two inputs that vtgate has read whole.
//!
//! The left's rows lie in a table by a hash of what is compared; each of the right is looked up in
//! it, and compared: different values may have one hash. Left rows that nothing has met come last.
//! See `engine/hash_join.go`. It knows nothing of shards.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim::collation::Collation;
use sim::eval::Env;
use sim::eval::aggregate::{distinct_key, sort_order};
use sim::mysql::outcome::{Column, Outcome};
use sim::sql::ast::{CompareOp, Expr};
use sim::value::{Binds, Row, Value};

use super::rows::picked;
use crate::planner::primitive::{HashJoin, JoinSide};
use crate::rpc::Status;
use crate::vtgate::executor::Run;

impl Run {
    pub(super) async fn hash_join(
        &self,
        node: &HashJoin,
        binds: &Arc<Binds>,
    ) -> Result<Outcome, Status> {
        let left = self.primitive(&node.left, binds).await?;
        let right = self.primitive(&node.right, binds).await?;
        let hash = Hash::of(node, &left, &right);
        let mut table: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for (at, row) in left.rows.iter().enumerate() {
            if let Some(code) = hash.code(value(row, node.left_key)) {
                table.entry(code).or_default().push(at);
            }
        }
        let mut env = Env::new(jiff::civil::DateTime::default());
        let mut met = vec![false; left.rows.len()];
        let mut rows = Vec::new();
        for row in &right.rows {
            let own = value(row, node.right_key);
            let Some(code) = hash.code(own) else { continue };
            for at in table.get(&code).into_iter().flatten().copied() {
                let other = &left.rows[at];
                if sort_order(value(other, node.left_key), own, hash.collation, &mut env).is_eq() {
                    met[at] = true;
                    rows.push(picked(&node.columns, other, Some(row)));
                }
            }
        }
        if node.outer {
            let alone = left.rows.iter().zip(&met).filter(|(_, met)| !**met);
            rows.extend(alone.map(|(row, _)| picked(&node.columns, row, None)));
        }
        let column = |side: &JoinSide| match side {
            JoinSide::Left(at) => left.columns.get(*at).cloned(),
            JoinSide::Right(at) => right.columns.get(*at).cloned(),
        };
        let columns = node.columns.iter().filter_map(column).collect();
        Ok(Outcome { columns, rows, ..Outcome::default() })
    }
}

fn value(row: &Row, at: usize) -> &Value {
    row.get(at).unwrap_or(&Value::Null)
}

/// How values are hashed.
struct Hash {
    collation: Collation,
    /// All values are of one type: whoever is equal has the same code. Others are only compared.
    uniform: bool,
    /// `<=>`, for which NULL is a value. (Vitess skips it there, too.)
    nulls: bool,
}

impl Hash {
    fn of(node: &HashJoin, left: &Outcome, right: &Outcome) -> Hash {
        let collation = |columns: &[Column], at: usize| {
            columns.get(at).map(|column| column.kind.collation).filter(|it| it.name() != "binary")
        };
        let named = node.collation.as_deref().filter(|name| *name != "binary");
        let collation = named
            .and_then(Collation::by_name)
            .or_else(|| collation(&left.columns, node.left_key))
            .or_else(|| collation(&right.columns, node.right_key))
            .unwrap_or(Env::new(jiff::civil::DateTime::default()).collation);
        let values = left.rows.iter().map(|row| value(row, node.left_key));
        let values = values.chain(right.rows.iter().map(|row| value(row, node.right_key)));
        let mut kinds = values.filter(|value| !value.is_null()).map(std::mem::discriminant);
        let first = kinds.next();
        Hash {
            collation,
            uniform: kinds.all(|kind| Some(kind) == first),
            nulls: matches!(&node.predicate, Expr::Compare { op: CompareOp::NullSafeEqual, .. }),
        }
    }

    /// None for what equals nothing.
    fn code(&self, value: &Value) -> Option<Vec<u8>> {
        match value {
            Value::Null if !self.nulls => None,
            Value::Null => Some(distinct_key(&[Value::Null], self.collation)),
            _ if self.uniform => Some(distinct_key(std::slice::from_ref(value), self.collation)),
            _ => Some(Vec::new()),
        }
    }
}
